"""What may be said of TLS together, of one listener or one pool: each function returns what is wrong, or None. Pure.

The rules are those of Octavia's `api/v2/controllers` (release 19); how a mistake is worded further is a dialect's.
"""

import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from evener.resources.types import AlpnProtocol, ClientAuthentication, ListenerProtocol, TlsVersion

# Octavia's own defaults (octavia/common/constants.py): OWASP's "Suite B", the versions that are left, and what HTTP is.
DEFAULT_CIPHERS = ":".join(
    (
        *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
        *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        *("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
        *("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"),
    )
)
DEFAULTS: Mapping[str, Any] = {
    "tls_ciphers": DEFAULT_CIPHERS,
    "tls_versions": (TlsVersion.TLSv1_2, TlsVersion.TLSv1_3),
    "alpn_protocols": (AlpnProtocol.H2, AlpnProtocol.HTTP_1_1, AlpnProtocol.HTTP_1_0),
}
VERSIONS = (TlsVersion.TLSv1_2, TlsVersion.TLSv1_3)  # RFC 8996: those before are not to be used
# RFC 8446 appendix B.4.
_SUITES = frozenset(
    f"TLS_{name}"
    for name in (
        *("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"),
        *("AES_128_CCM_SHA256", "AES_128_CCM_8_SHA256"),
    )
)
_LEAST_BITS = 112
# Listeners of these protocols have certificates. One that exports metrics need not have any.
WITH_CERTIFICATES = frozenset({ListenerProtocol.TERMINATED_HTTPS, ListenerProtocol.PROMETHEUS})
_CERTIFICATES = ("default_tls_container_ref", "sni_container_refs")
_OF_CLIENTS = ("client_ca_tls_container_ref", "client_crl_container_ref")


@lru_cache(maxsize=256)
def ciphers(given: str) -> str | None:
    """Return what is wrong with a list of ciphers, as OpenSSL names them with colons between.

    None of it may do without encryption or without a certificate.
    """
    named = [each for each in given.split(":") if each]
    unknown = [each for each in named if each.startswith("TLS_") and each not in _SUITES]
    if unknown:
        return f"The cipher {unknown[0][:80]} is not known"
    old = ":".join(each for each in named if not each.startswith("TLS_"))
    if not old:
        return None if named else "There is no cipher in the list"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(old)
    except ssl.SSLError:
        return "None of the ciphers before TLS 1.3 is known"
    for each in context.get_ciphers():
        found: dict[str, Any] = dict(each)
        if found["strength_bits"] < _LEAST_BITS or found["auth"] == "auth-null":
            return f"The cipher {found['name']} is prohibited"
    return None


def parameters(values: Mapping[str, Any], looked_at: Sequence[str]) -> str | None:
    """Return what is wrong with the ciphers, versions and protocols that are to be looked at."""
    if values["tls_ciphers"] is not None and (refused := ciphers(values["tls_ciphers"])):
        return refused
    versions = values["tls_versions"] if "tls_versions" in looked_at else None
    if versions is not None:
        if not versions:
            return "Empty TLS version list"
        low = [each for each in versions if each not in VERSIONS]
        if low:
            return f"Requested TLS versions are less than the minimum: {', '.join(low)} < {VERSIONS[0]}"
    if "alpn_protocols" in looked_at and values["alpn_protocols"] == ():
        return "Empty ALPN protocol list"
    return None


def terminates(protocol: str, default_ref: str | None, sni_refs: Sequence[str]) -> bool:
    """Return whether clients speak TLS with a listener itself."""
    if protocol == ListenerProtocol.PROMETHEUS:
        return bool(default_ref or sni_refs)
    return protocol == ListenerProtocol.TERMINATED_HTTPS


def listener(values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a listener's references and with what it asks clients for."""
    protocol, shown = values["protocol"], any(values[name] for name in _CERTIFICATES)
    of_clients = any(values[name] for name in _OF_CLIENTS)
    asks = values["client_authentication"] != ClientAuthentication.NONE
    if protocol not in WITH_CERTIFICATES:
        if shown or of_clients:
            return f"Certificate container references are not allowed on {protocol} protocol listeners"
        return f"Client authentication is not for {protocol} protocol listeners" if asks else None
    if not shown and (of_clients or protocol == ListenerProtocol.TERMINATED_HTTPS):
        what = "a client CA container reference" if of_clients else f"{protocol} protocol listeners"
        return f"An SNI or default certificate container reference must be provided with {what}"
    authorities, revoked = (values[name] for name in _OF_CLIENTS)
    if authorities is None and asks:
        how = values["client_authentication"]
        return f"Client authentication setting {how} requires a client CA container reference"
    if authorities is None and revoked is not None:
        return "A client CA container reference is required to use a client CRL container reference"
    return None


def pool(values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a pool's references."""
    if values["crl_container_ref"] is not None and values["ca_tls_container_ref"] is None:
        return "A CA certificate reference is required to use a revocation list"
    return None
