"""What may be said of TLS together, of one listener or one pool."""

from typing import Any

import pytest

from evener.resources import tls_rules
from evener.resources.types import AlpnProtocol, TlsVersion

BOTH = ("tls_versions", "alpn_protocols")
NOTHING = {
    "protocol": "TERMINATED_HTTPS",
    **dict.fromkeys(("default_tls_container_ref", "client_ca_tls_container_ref", "client_crl_container_ref")),
    "sni_container_refs": (),
    "client_authentication": "NONE",
}


@pytest.mark.parametrize(
    "given",
    [
        tls_rules.DEFAULT_CIPHERS,
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384:ECDHE+AESGCM:!DSS",
        "DEFAULT:@SECLEVEL=2",
    ],
)
def test_ciphers_that_openssl_knows_are_taken(given: str) -> None:
    assert tls_rules.ciphers(given) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("NOPE", "None of the ciphers"),
        (":", "no cipher"),
        ("TLS_NOPE", "TLS_NOPE is not known"),
        ("RC4-SHA", "None of the ciphers"),
        ("ALL:eNULL:@SECLEVEL=0", "prohibited"),
        ("aNULL:@SECLEVEL=0", "prohibited"),
        ("ECDHE-RSA-AES128-GCM-SHA256:NULL-SHA256:@SECLEVEL=0", "NULL-SHA256 is prohibited"),
    ],
)
def test_ciphers_that_protect_nothing_are_prohibited(given: str, why: str) -> None:
    assert why in str(tls_rules.ciphers(given))


def parameters(looked_at: tuple[str, ...] = BOTH, **given: Any) -> str | None:
    return tls_rules.parameters({**dict.fromkeys(tls_rules.DEFAULTS), **given}, looked_at)


def test_versions_before_the_least_are_refused() -> None:
    assert parameters() is None
    assert parameters(**tls_rules.DEFAULTS) is None
    assert parameters(tls_versions=(TlsVersion.TLSv1_3,)) is None
    for low in (TlsVersion.SSLv3, TlsVersion.TLSv1, TlsVersion.TLSv1_1):
        given = {"tls_versions": (low, TlsVersion.TLSv1_3)}
        assert f"{low} < TLSv1.2" in str(parameters(**given))
        assert parameters((), **given) is None
    assert "Empty" in str(parameters(tls_versions=()))
    assert "Empty" in str(parameters(alpn_protocols=()))
    assert parameters(alpn_protocols=(AlpnProtocol.H2,)) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"default_tls_container_ref": "a"}, None),
        ({"sni_container_refs": ("a",)}, None),
        ({}, "SNI or default"),
        ({"client_ca_tls_container_ref": "a"}, "SNI or default"),
        ({"default_tls_container_ref": "a", "client_authentication": "OPTIONAL"}, "requires a client CA"),
        ({"default_tls_container_ref": "a", "client_crl_container_ref": "b"}, "to use a client CRL"),
        (
            {
                "sni_container_refs": ("a",),
                "client_ca_tls_container_ref": "b",
                "client_crl_container_ref": "c",
            },
            None,
        ),
        ({"protocol": "HTTP"}, None),
        ({"protocol": "HTTP", "default_tls_container_ref": "a"}, "not allowed on HTTP"),
        ({"protocol": "TCP", "sni_container_refs": ("a",)}, "not allowed on TCP"),
        ({"protocol": "HTTPS", "client_crl_container_ref": "a"}, "not allowed on HTTPS"),
        ({"protocol": "HTTP", "client_authentication": "MANDATORY"}, "not for HTTP"),
        ({"protocol": "PROMETHEUS"}, None),
        ({"protocol": "PROMETHEUS", "sni_container_refs": ("a",)}, None),
        ({"protocol": "PROMETHEUS", "client_ca_tls_container_ref": "a"}, "with a client CA"),
        ({"protocol": "PROMETHEUS", "client_authentication": "OPTIONAL"}, "requires a client CA"),
        (
            {
                "protocol": "PROMETHEUS",
                "default_tls_container_ref": "a",
                "client_ca_tls_container_ref": "b",
                "client_authentication": "MANDATORY",
            },
            None,
        ),
    ],
)
def test_what_a_listener_names_goes_together(given: dict[str, Any], why: str | None) -> None:
    refused = tls_rules.listener({**NOTHING, **given})
    assert refused is None if why is None else why in str(refused)


def test_a_pool_has_no_list_of_what_nobody_it_knows_has_signed() -> None:
    assert tls_rules.pool({"crl_container_ref": None, "ca_tls_container_ref": None}) is None
    assert tls_rules.pool({"crl_container_ref": "a", "ca_tls_container_ref": "b"}) is None
    assert "CA certificate" in str(tls_rules.pool({"crl_container_ref": "a", "ca_tls_container_ref": None}))
