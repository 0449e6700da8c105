"""Monitors of type TLS-HELLO: who answers the beginning of a handshake is well, whatever certificates it asks for."""

import ssl

import pytest

import haproxy_graphs as g
from haproxy_peers import Listening
from haproxy_rig import VIP, Rig, member_of
from made_certificates import authorities, ec_key, make
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]
WELL, OTHER = g.nth(10), g.nth(11)


def test_who_speaks_tls_is_well_also_to_clients_with_certificates_only(rig: Rig, tmp_path) -> None:
    _, _, issuer = authorities()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = make("a.example.com", ec_key(1), issuer, ("a.example.com",))
    (tmp_path / "own.pem").write_bytes(made.key_pem() + made.pem)
    context.load_cert_chain(tmp_path / "own.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    web = rig.web("tls", address="127.0.2.1", tls=context)
    plain = Listening(rig, answer=lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")
    pool = g.pool(protocol="HTTPS")
    members = [member_of(web, id=WELL), member_of(plain, id=OTHER)]
    listener = g.listener(protocol="HTTPS", default_pool_id=pool.id)
    monitor = g.monitor(type="TLS-HELLO", delay=1, timeout=1)
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[listener], pools=[(pool, members, monitor)], addresses=[VIP])
    )
    eventually(lambda: rig.health() == {WELL: "ONLINE", OTHER: "OFFLINE"})
    assert plain.heard[0].text[:2] == b"\x16\x03"  # a record of a handshake: RFC 8446 section 5.1
    web.stop()
    eventually(lambda: rig.health()[WELL] == "OFFLINE")
    web.stop = lambda: None  # type: ignore[method-assign]
