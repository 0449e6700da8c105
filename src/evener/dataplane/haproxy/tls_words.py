"""Which versions, ciphers and protocols of TLS HAProxy takes, in words of its `bind` and `server` lines. Pure.

HAProxy configuration manual, sections 5.1 and 5.2 ("ciphers", "ciphersuites", "ssl-min-ver", "ssl-max-ver", "alpn").
"""

from collections.abc import Sequence

from evener.resources.tls_rules import DEFAULT_CIPHERS
from evener.resources.types import AlpnProtocol, TlsVersion

# Mozilla's "intermediate" configuration, version 5.7 (https://wiki.mozilla.org/Security/Server_Side_TLS), but for DHE:
# a client that computes nothing itself makes a server compute much with it (CVE-2002-20001), and all that speak TLS 1.2
# with AEAD know ECDHE as well.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
CIPHERSUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_DHE = ("DHE", "EDH", "kDHE", "kEDH")
_ORDER = list(TlsVersion)


def parameters(ciphers: str | None, versions: Sequence[TlsVersion] | None) -> tuple[str, ...]:
    """Return the words for ciphers, as OpenSSL names them, and versions; none for what is not said.

    OpenSSL has two lists of ciphers: those of TLS 1.3 are called TLS_…, and the others are for the versions before.
    """
    low, high = (
        (min(versions, key=_ORDER.index), max(versions, key=_ORDER.index)) if versions else (None, None)
    )
    words: tuple[str, ...] = ()
    if ciphers is not None:
        named = [each for each in ciphers.split(":") if each]
        old = [each for each in named if not each.startswith("TLS_")]
        new = [each for each in named if each.startswith("TLS_")]
        words += ("ciphers", ":".join(old)) if old else ()
        words += ("ciphersuites", ":".join(new)) if new else ()
        if not old:
            low = TlsVersion.TLSv1_3  # there is nothing that an older one could use
    words += ("ssl-min-ver", str(low)) if low is not None else ()
    return (*words, "ssl-max-ver", str(high)) if high is not None else words


def wants_dhe(ciphers: str | None) -> bool:
    """Return whether somebody has named a cipher with DHE, and not only taken Octavia's defaults, which name some."""
    if ciphers is None or ciphers == DEFAULT_CIPHERS:
        return False
    return any(each.startswith(_DHE) for each in ciphers.split(":"))


def alpn(protocols: Sequence[AlpnProtocol]) -> tuple[str, ...]:
    """Return the words for what may be spoken inside."""
    return ("alpn", ",".join(protocols))
