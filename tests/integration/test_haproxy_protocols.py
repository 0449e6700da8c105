"""Which protocol of a pool goes with which of a listener, and what members hear then; PROXY tells them the client."""

import socket
import struct
from collections import Counter
from functools import partial

import pytest
from test_haproxy_tls import shake

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import AddServer, RemoveServer
from evener.host import netns
from evener.resources.facts import Observation
from haproxy_peers import Listening
from haproxy_rig import VIP, Rig, member_of
from made_certificates import authorities, document, ec_key, make
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]
POOL, FIRST, SECOND = g.nth(5), g.nth(10), g.nth(11)
CLIENT = "127.0.9.9"
REQUEST = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
BYTES = b"\x16\x03 are no request"
SSL_EXTRA = 0x20  # doc/proxy-protocol.txt, section 2.2.6


def serve(rig: Rig, *members: Listening, protocol: str, fronts: dict[int, str], monitor=None, pool=None):
    """Serve a pool of that protocol on ports with listeners of these."""
    listeners = [
        g.listener(id=g.nth(port), protocol=each, protocol_port=port, default_pool_id=POOL)
        for port, each in fronts.items()
    ]
    nodes = [member_of(each, id=g.nth(10 + number)) for number, each in enumerate(members)]
    one = g.pool(id=POOL, protocol=protocol, **(pool or {}))
    graph = g.graph(id=g.nth(1), listeners=listeners, pools=[(one, nodes, monitor)], addresses=[VIP])
    return [type(step) for step in rig.instance.apply(graph).steps]


def say(rig: Rig, port: int, text: bytes, source: str = CLIENT) -> bytes:
    with rig.socket(port, source=source) as client:
        client.sendall(text)
        return client.recv(65536)


@pytest.mark.parametrize(
    ("listener", "pool"), [("TCP", "HTTP"), ("TCP", "HTTPS"), ("HTTPS", "TCP"), ("HTTP", "HTTP")]
)
def test_a_listener_leads_to_pools_of_other_protocols(rig: Rig, listener: str, pool: str) -> None:
    serve(rig, Listening(rig), protocol=pool, fronts={80: listener})
    assert say(rig, 80, REQUEST).startswith(b"HTTP/1.1 200")
    if pool != "HTTP":
        assert say(rig, 80, BYTES) == BYTES


@pytest.mark.parametrize(("pool", "version"), [("PROXY", 1), ("PROXYV2", 2)])
@pytest.mark.parametrize(("listener", "text"), [("HTTP", REQUEST), ("TCP", BYTES), ("HTTPS", BYTES)])
def test_members_of_a_proxy_pool_are_told_the_client(
    rig: Rig, pool: str, version: int, listener: str, text: bytes
) -> None:
    member = Listening(rig)
    serve(rig, member, protocol=pool, fronts={80: listener})
    for client in (CLIENT, "127.0.9.8"):
        assert say(rig, 80, text, source=client)
        heard = member.heard[-1]
        assert (heard.proxy, heard.client) == (version, client)
        assert heard.text.startswith(text[:10])


@pytest.mark.parametrize(("pool", "version"), [("PROXY", 1), ("PROXYV2", 2)])
def test_a_member_joins_and_leaves_a_proxy_pool_without_a_reload(rig: Rig, pool: str, version: int) -> None:
    members = Listening(rig), Listening(rig, address="127.0.3.2")
    monitor = g.monitor(type="HTTP")
    fronts = {80: "TCP"}
    serve(rig, members[0], protocol=pool, fronts=fronts, monitor=monitor)
    assert serve(rig, *members, protocol=pool, fronts=fronts, monitor=monitor) == [AddServer]
    eventually(lambda: rig.health() == {FIRST: "ONLINE", SECOND: "ONLINE"})
    for _ in range(2):
        say(rig, 80, BYTES)
    for member in members:
        (heard,) = member.said(BYTES)
        assert (heard.proxy, heard.client) == (version, CLIENT)
        assert {each.proxy for each in eventually(partial(member.said, b"GET / HTTP/1.0"))} == {version}
    assert serve(rig, members[0], protocol=pool, fronts=fronts, monitor=monitor) == [RemoveServer]


@pytest.mark.parametrize(("pool", "version"), [("PROXY", 1), ("PROXYV2", 2)])
def test_checks_speak_as_traffic_does_where_they_go_where_it_goes(rig: Rig, pool: str, version: int) -> None:
    member, elsewhere = Listening(rig), Listening(rig, address="127.0.3.2")
    nodes = [
        member_of(member, id=FIRST),
        member_of(member, id=SECOND, monitor_address=elsewhere.address, monitor_port=elsewhere.port),
    ]
    front = g.listener(protocol="TCP", default_pool_id=POOL)
    monitor = g.monitor(type="HTTP")
    one = g.pool(id=POOL, protocol=pool)
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[front], pools=[(one, nodes, monitor)], addresses=[VIP])
    )
    assert eventually(lambda: member.said(b"GET / HTTP/1.0"))[0].proxy == version
    assert eventually(lambda: elsewhere.said(b"GET / HTTP/1.0"))[0].proxy == 0


@pytest.mark.parametrize("pool", ["PROXY", "PROXYV2"])
def test_a_proxy_pool_serves_listeners_of_requests_and_of_bytes_at_once(rig: Rig, pool: str) -> None:
    members = Listening(rig), Listening(rig, address="127.0.3.2")
    given = {
        "protocol": pool,
        "fronts": {80: "HTTP", 81: "TCP"},
        "monitor": g.monitor(type="HTTP"),
    }
    serve(rig, members[0], **given)
    assert serve(rig, *members, **given) == [AddServer, AddServer]
    eventually(lambda: rig.health() == {FIRST: "ONLINE", SECOND: "ONLINE"})
    for _ in range(2):
        assert say(rig, 80, REQUEST).startswith(b"HTTP/1.1 200")
        assert say(rig, 81, BYTES) == BYTES
    for member in members:
        (request,), (stream,) = member.said(REQUEST[:10]), member.said(BYTES)
        assert (request.client, stream.client) == (CLIENT, CLIENT)
        assert b"x-forwarded-for: 127.0.9.9" in request.text.lower()
    observed: Observation = rig.instance.observe(servers=True)
    assert {key: each.total_connections for key, each in observed.servers.items()} == {FIRST: 2, SECOND: 2}
    members[1].peer.stop()
    members[1].peer.stop = lambda: None  # type: ignore[method-assign]
    eventually(lambda: rig.health() == {FIRST: "ONLINE", SECOND: "OFFLINE"})
    assert serve(rig, members[0], **given) == [RemoveServer, RemoveServer]


def test_a_policy_leads_to_the_backend_of_requests_of_a_proxy_pool(rig: Rig) -> None:
    chosen, usual = Listening(rig), rig.web("usual")
    fronts = [
        g.listener(id=g.nth(80), default_pool_id=g.nth(6)),
        g.listener(id=g.nth(81), protocol="TCP", protocol_port=81, default_pool_id=POOL),
    ]
    nodes = [
        (g.pool(id=POOL, protocol="PROXY"), [member_of(chosen, id=FIRST)], None),
        (g.pool(id=g.nth(6)), [member_of(usual, id=SECOND)], None),
    ]
    policy = g.policy(
        g.rule(value="/a"), listener_id=g.nth(80), action="REDIRECT_TO_POOL", redirect_pool_id=POOL
    )
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=fronts, pools=nodes, l7policies=[policy], addresses=[VIP])
    )
    assert say(rig, 80, REQUEST).startswith(b"HTTP/1.1 200")
    assert chosen.heard[-1].client == CLIENT
    assert rig.get(path="/b") == (200, "usual")
    assert say(rig, 81, BYTES) == BYTES


def test_members_of_a_proxyv2_pool_are_told_whether_the_client_spoke_tls(rig: Rig) -> None:
    _, upper, lower = authorities()
    made = make("a.example.com", ec_key(1), lower, ("a.example.com",))
    member = Listening(rig)
    front = g.listener(
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_pool_id=POOL,
        default_tls_container_ref="a",
    )
    nodes = [(g.pool(id=POOL, protocol="PROXYV2"), [member_of(member, id=FIRST)], None)]
    graph = g.graph(id=g.nth(1), listeners=[front], pools=nodes, addresses=[VIP])
    rig.instance.apply(g.altered(graph, certificates={"a": document(made, (upper, lower))}))
    with shake(rig, "a.example.com") as channel:
        channel.sendall(REQUEST)
        assert channel.recv(65536)
    assert member.heard[-1].extras[SSL_EXTRA][0] & 1  # PP2_CLIENT_SSL


@pytest.mark.parametrize("pool", ["TCP", "PROXY"])
def test_a_cookie_does_nothing_where_bytes_pass(rig: Rig, pool: str) -> None:
    persistence = {"session_persistence": {"type": "HTTP_COOKIE"}}
    serve(rig, Listening(rig), protocol=pool, fronts={80: "TCP"}, pool=persistence)
    assert b"set-cookie" not in say(rig, 80, REQUEST).lower()


def test_a_cookie_of_a_proxy_pool_keeps_clients_where_requests_are_read(rig: Rig) -> None:
    persistence = {"session_persistence": {"type": "HTTP_COOKIE"}}
    serve(rig, Listening(rig), protocol="PROXY", fronts={80: "HTTP"}, pool=persistence)
    assert b"set-cookie: srv=" in say(rig, 80, REQUEST).lower()


@pytest.mark.parametrize("protocol", ["TCP", "HTTP"])
def test_by_source_ip_and_port_each_connection_of_a_client_has_a_member_of_its_own(
    rig: Rig, protocol: str
) -> None:
    webs = [rig.web(f"w{n}", address=f"127.0.2.{n}") for n in range(1, 4)]
    given = {"protocol": protocol, "fronts": {80: protocol}, "pool": {"lb_algorithm": "SOURCE_IP_PORT"}}
    serve(rig, *webs[:2], **given)
    assert serve(rig, *webs, **given) == [AddServer]

    def answer(port: int) -> bytes:
        with netns.inside(rig.namespace):
            client = socket.socket()
        with client:
            client.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # the port is free then
            client.bind((CLIENT, port))
            client.connect((VIP, 80))
            client.sendall(REQUEST)
            heard = b""
            while not heard.endswith((b"w1", b"w2", b"w3")):
                heard += client.recv(65536)
            return heard[-2:]

    spread = Counter(answer(0) for _ in range(60))
    assert spread.keys() == {b"w1", b"w2", b"w3"}
    for port in (40001, 40002, 40003):
        assert len({answer(port) for _ in range(3)}) == 1
