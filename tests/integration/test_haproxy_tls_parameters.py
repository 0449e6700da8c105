"""Versions, ciphers and protocols of a listener that terminates TLS, as clients of a real HAProxy see them."""

import ssl

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import Reload
from evener.resources.graph import Graph
from evener.resources.tls_rules import DEFAULTS
from haproxy_rig import VIP, Rig, member_of
from made_certificates import authorities, document, make, rsa_key

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

ROOT, UPPER, LOWER = authorities()
ONE = make("one.example.com", rsa_key(1), LOWER, ("one.example.com",))
TWO = make("two.example.com", rsa_key(2), LOWER, ("two.example.com",))
LOW, HIGH = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def rig(rig):
    rig.web("web")
    return rig


def graph_of(rig: Rig, **given) -> Graph:
    own = {"id": g.nth(4), "protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_pool_id": g.nth(1)}
    node = (g.pool(id=g.nth(1)), [member_of(rig.webs["web"], id=g.nth(10))], None)
    front = g.listener(**own | {"default_tls_container_ref": "one"} | given)
    whole = g.graph(id=g.nth(9), listeners=[front], pools=[node], addresses=[VIP])
    known = {"one": document(ONE, (UPPER, LOWER)), "two": document(TWO, (UPPER, LOWER))}
    return whole.model_copy(update={"certificates": known})


def shake(rig: Rig, version=None, ciphers="", alpn=(), name="one.example.com") -> tuple[str, str, str | None]:
    """Return the version, the cipher and the protocol that a client ends up with."""
    context = ssl.create_default_context(cadata=ROOT.pem.decode())
    context.check_hostname = name is not None
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(alpn)
    with context.wrap_socket(rig.socket(443), server_hostname=name) as channel:
        return channel.version(), channel.cipher()[0], channel.selected_alpn_protocol()


@pytest.mark.parametrize(
    ("versions", "spoken"),
    [
        (None, {LOW, HIGH}),
        (("TLSv1.2", "TLSv1.3"), {LOW, HIGH}),
        (("TLSv1.3", "TLSv1.2"), {LOW, HIGH}),
        (("TLSv1.2",), {LOW}),
        (("TLSv1.3",), {HIGH}),
    ],
)
def test_the_versions_of_the_listener_are_spoken(rig, versions, spoken):
    rig.instance.apply(graph_of(rig, tls_versions=versions))
    for version in (LOW, HIGH):
        if version in spoken:
            assert shake(rig, version)[0] == {LOW: "TLSv1.2", HIGH: "TLSv1.3"}[version]
        else:
            with pytest.raises(ssl.SSLError):
                shake(rig, version)


@pytest.mark.parametrize(
    ("ciphers", "low", "high"),
    [
        ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_"),
        ("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "TLS_"),
        ("TLS_CHACHA20_POLY1305_SHA256", None, "TLS_CHACHA20_POLY1305_SHA256"),
        (
            "TLS_AES_256_GCM_SHA384:ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_AES_256_GCM_SHA384",
        ),
        (DEFAULTS["tls_ciphers"], "ECDHE-RSA-", "TLS_"),
    ],
)
def test_the_ciphers_of_the_listener_are_used(rig, ciphers, low, high):
    rig.instance.apply(graph_of(rig, tls_ciphers=ciphers))
    assert shake(rig, HIGH)[1].startswith(high)
    if low is None:
        with pytest.raises(ssl.SSLError):
            shake(rig, LOW)
    else:
        assert shake(rig, LOW)[1].startswith(low)
        other = "ECDHE-RSA-AES128-GCM-SHA256" if "AES128" not in ciphers else "AES128-SHA"
        with pytest.raises(ssl.SSLError):
            shake(rig, LOW, other)


@pytest.mark.parametrize(
    ("protocols", "chosen"),
    [
        (("h2", "http/1.1", "http/1.0"), {"h2": "h2", "http/1.1": "http/1.1", "http/1.0": "http/1.0"}),
        (("http/1.1",), {"h2": None, "http/1.1": "http/1.1"}),
        (("http/1.0",), {"http/1.1": None, "http/1.0": "http/1.0"}),
        (None, {"h2": "h2", "http/1.1": "http/1.1", "http/1.0": None}),
    ],
)
def test_the_protocols_of_the_listener_are_offered(rig, protocols, chosen):
    rig.instance.apply(graph_of(rig, alpn_protocols=protocols))
    for offered, expected in chosen.items():
        assert shake(rig, alpn=[offered])[2] == expected


def test_octavias_defaults_serve(rig):
    """But for DHE, which makes a server compute much for a client that computes nothing (CVE-2002-20001)."""
    rig.instance.apply(graph_of(rig, **DEFAULTS))
    with pytest.raises(ssl.SSLError):
        shake(rig, LOW, "DHE-RSA-AES128-GCM-SHA256")
    assert {shake(rig, version)[0] for version in (LOW, HIGH)} == {"TLSv1.2", "TLSv1.3"}
    assert shake(rig, alpn=["h2", "http/1.1"])[2] == "h2"


def test_sni_alone_is_enough_and_the_first_is_for_who_asks_for_no_name(rig):
    rig.instance.apply(graph_of(rig, default_tls_container_ref=None, sni_container_refs=("one", "two")))
    shake(rig, name="one.example.com")
    shake(rig, name="two.example.com")
    shake(rig, name=None)
    assert (
        rig.another()
        .apply(graph_of(rig, default_tls_container_ref=None, sni_container_refs=("one", "two")))
        .steps
        == ()
    )
    later = graph_of(rig, default_tls_container_ref=None, sni_container_refs=("two", "one"))
    assert Reload() not in rig.instance.apply(later).steps
    shake(rig, name="one.example.com")
    shake(rig, name="two.example.com")
