"""How long clients and members may be silent is what each listener says, also where listeners share a pool."""

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from test_haproxy_streams import websocket

import haproxy_graphs as g
from haproxy_peers import Listening
from haproxy_rig import VIP, Rig, member_of
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

SHORT_MS = 700
LONG_ENOUGH_S = 2.0  # to see that the short timeout is not what holds
DEFAULT_S = 50.0
SOON_S = DEFAULT_S / 2  # to tell the short timeout from the default, however slow the machine is
POOL = g.nth(5)


def silent(_connection: socket.socket) -> None:
    """Take what comes, and never answer."""
    while _connection.recv(65536):
        pass


def serve(rig: Rig, member, *listeners, protocol: str) -> None:
    nodes = [(g.pool(id=POOL, protocol=protocol), [member_of(member, id=g.nth(10))], None)]
    rig.instance.apply(g.graph(id=g.nth(1), listeners=listeners, pools=nodes, addresses=[VIP]))


def listener(port: int, protocol: str, **timeouts: int):
    return g.listener(id=g.nth(port), protocol=protocol, protocol_port=port, default_pool_id=POOL, **timeouts)


def lasts_s(what: Callable[[], object]) -> float:
    begin = time.monotonic()
    with suppress(TimeoutError):
        what()
    return time.monotonic() - begin


def idle(rig: Rig, port: int, first: bytes, looks_s: float = LONG_ENOUGH_S) -> float:
    """Return how long a connection is open, at most for as long as we look, since both sides have talked on it."""

    def talk_and_wait() -> None:
        client.sendall(first)
        assert client.recv(65536)
        client.settimeout(looks_s)
        client.recv(65536)

    with rig.socket(port) as client:
        return lasts_s(talk_and_wait)


def ends(rig: Rig, port: int, first: bytes) -> bool:
    """Say whether a connection on which nothing is said any more ends after the short time, and not before it."""
    return SHORT_MS / 1000 * 0.8 < idle(rig, port, first, SOON_S) < SOON_S


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(("protocol", "first"), [("TCP", b"hello"), ("HTTP", REQUEST)])
def test_a_silent_client_is_let_go_after_its_listeners_time(rig: Rig, protocol: str, first: bytes) -> None:
    serve(
        rig,
        Listening(rig),
        listener(80, protocol, timeout_client_data=SHORT_MS),
        listener(81, protocol),
        protocol=protocol,
    )
    # Of a stream what lasts longer holds on a pool that both use: the other listener's.
    if protocol == "HTTP":
        assert ends(rig, 80, first)
    else:
        assert idle(rig, 80, first) >= LONG_ENOUGH_S
    assert idle(rig, 81, first) >= LONG_ENOUGH_S


@pytest.mark.parametrize("which", ["timeout_client_data", "timeout_member_data"])
def test_a_stream_on_which_nobody_says_anything_ends_after_the_listeners_time(rig: Rig, which: str) -> None:
    serve(rig, Listening(rig), listener(80, "TCP", **{which: SHORT_MS}), protocol="TCP")
    assert ends(rig, 80, b"hello")


def test_listeners_of_requests_that_share_a_pool_wait_each_as_long_as_it_says(rig: Rig) -> None:
    serve(
        rig,
        rig.peer(silent),
        listener(80, "HTTP", timeout_member_data=SHORT_MS),
        listener(81, "HTTP", timeout_member_data=2 * SHORT_MS),
        listener(82, "HTTP"),
        protocol="HTTP",
    )

    def answered_s(port: int) -> float:
        begin = time.monotonic()
        assert rig.get(port=port)[0] == 504
        return time.monotonic() - begin

    eventually(lambda: SHORT_MS * 0.8 < answered_s(80) * 1000 < SHORT_MS * 1.8)
    assert SHORT_MS * 1.8 < answered_s(81) * 1000 < SOON_S * 1000
    with pytest.raises(TimeoutError):
        rig.get(port=82, timeout_s=LONG_ENOUGH_S)


@pytest.mark.parametrize("protocol", ["TCP", "HTTP"])
def test_a_member_that_does_not_take_connections_is_given_up_after_the_listeners_time(
    rig: Rig, protocol: str
) -> None:
    # A network on which nobody answers, not even that there is nobody.
    for words in (
        ("link", "add", "nowhere", "type", "veth", "peer", "name", "nobody"),
        ("link", "set", "nobody", "up"),
        ("link", "set", "nowhere", "up"),
        ("address", "add", "10.9.9.1/24", "dev", "nowhere"),
        ("neighbour", "add", "10.9.9.2", "lladdr", "fe:00:00:00:00:01", "dev", "nowhere"),
    ):
        subprocess.run(["ip", "-n", rig.namespace, *words], check=True)
    pool = g.pool(id=POOL, protocol=protocol)
    members = [g.member(id=g.nth(10), address="10.9.9.2", protocol_port=80)]
    front = listener(80, protocol, timeout_member_connect=200)
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[front], pools=[(pool, members, None)], addresses=[VIP])
    )
    with rig.socket() as client:
        begin = time.monotonic()
        client.sendall(REQUEST)
        answer = client.recv(65536)
    assert time.monotonic() - begin < 18  # four tries; by default each takes 5 s
    assert answer.startswith(b"HTTP/1.1 503") if protocol == "HTTP" else answer == b""


def test_an_open_web_socket_ends_after_the_time_of_its_listener_too(rig: Rig) -> None:
    serve(
        rig,
        rig.peer(websocket),
        listener(81, "HTTP"),
        listener(82, "HTTP", timeout_client_data=SHORT_MS, timeout_member_data=SHORT_MS),
        protocol="HTTP",
    )
    first = (
        b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert idle(rig, 81, first) >= LONG_ENOUGH_S
    assert ends(rig, 82, first)


@pytest.mark.parametrize("protocol", ["TCP", "HTTP"])
def test_nothing_waits_for_the_time_of_an_inspection(rig: Rig, protocol: str) -> None:
    """Neither a member that speaks first, nor a request that L7 policies are to decide on."""

    def speaks(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0\r\n" if protocol == "TCP" else ANSWER)

    front = listener(80, protocol, timeout_tcp_inspect=60_000)
    policy = g.policy(g.rule(type="PATH", value="/not"), listener_id=front.id, action="REJECT")
    nodes = [(g.pool(id=POOL, protocol=protocol), [member_of(rig.peer(speaks), id=g.nth(10))], None)]
    policies = [policy] if protocol == "HTTP" else []
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[front], pools=nodes, l7policies=policies, addresses=[VIP])
    )
    assert "inspect-delay" in rig.instance.paths.conf.read_text()
    with rig.socket() as client:
        client.settimeout(SOON_S)
        for part in (REQUEST[:10], REQUEST[10:]) if protocol == "HTTP" else ():
            client.sendall(part)
        assert client.recv(65536).startswith(b"SSH" if protocol == "TCP" else b"HTTP/1.1 200")
