"""Connections that are more than a request and an answer, through a real HAProxy."""

import base64
import hashlib
import random
import socket
import time

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import Reload
from haproxy_rig import VIP, member_of
from waiting import eventually

pytestmark = pytest.mark.root

MUCH = 30_000_000  # bytes: many times what HAProxy and the kernel hold


def serve(rig, *peers, protocol="TCP", spare=0, **given):
    """Serve `peers` as members; again, with another `spare` pool, it takes a reload."""
    pool = g.pool(id=g.nth(5), protocol=protocol)
    listener = g.listener(id=g.nth(6), protocol=protocol, default_pool_id=pool.id, **given)
    members = [member_of(peer, id=g.nth(10 + n)) for n, peer in enumerate(peers)]
    graph = g.graph(
        id=g.nth(1), listeners=[listener], pools=[(pool, members, None), g.spare_pool(spare)], addresses=[VIP]
    )
    return rig.instance.apply(graph).steps


def read_all(channel: socket.socket) -> bytes:
    parts = []
    while part := channel.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_head(channel: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += channel.recv(1)
    return head


def echo(channel: socket.socket) -> None:
    while part := channel.recv(65536):
        channel.sendall(part)


def say(channel: socket.socket, text: bytes) -> bytes:
    channel.sendall(text)
    answer = b""
    while len(answer) < len(text):
        part = channel.recv(len(text) - len(answer))
        assert part, "the connection was closed"
        answer += part
    return answer


# -- half-closed ---------------------------------------------------------------------------------------------


def test_a_client_that_has_finished_sending_still_receives(rig):
    def answer_when_all_is_said(channel):
        said = read_all(channel)
        time.sleep(0.3)
        channel.sendall(said[::-1])

    serve(rig, rig.peer(answer_when_all_is_said))
    with rig.socket() as client:
        client.sendall(b"abc")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"cba"


def test_a_member_that_has_finished_sending_still_receives(rig):
    heard = []

    def finish_first(channel):
        channel.sendall(b"that is all")
        channel.shutdown(socket.SHUT_WR)
        heard.append(read_all(channel))

    serve(rig, rig.peer(finish_first))
    with rig.socket() as client:
        assert read_all(client) == b"that is all"
        client.sendall(b"thank you")
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: heard == [b"thank you"])


# -- WebSocket -----------------------------------------------------------------------------------------------


def websocket(channel: socket.socket) -> None:
    """A server of RFC 6455 as far as the handshake goes; then it echoes."""
    head = read_head(channel).decode()
    key = next(
        line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
    channel.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    echo(channel)


def test_a_websocket_is_opened_and_outlives_a_reload(rig):
    serve(rig, rig.peer(websocket), protocol="HTTP")
    with rig.socket() as client:
        client.sendall(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = read_head(client)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455 section 1.3
        assert say(client, b"\x81\x05hello") == b"\x81\x05hello"
        assert serve(rig, rig.peers[0], protocol="HTTP", spare=1) == (Reload(),)
        assert say(client, b"\x81\x05again") == b"\x81\x05again"


# -- much ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_large_upload_arrives_whole_over_a_reload(rig, protocol):
    def digest(channel):
        read_head(channel)
        seen, digest = 0, hashlib.sha256()
        while seen < MUCH:
            part = channel.recv(65536)
            seen += len(part)
            digest.update(part)
        body = digest.hexdigest().encode()
        channel.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 64\r\n\r\n" + body)

    serve(rig, rig.peer(digest), protocol=protocol)
    content = random.Random(1).randbytes(MUCH)
    with rig.socket() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % MUCH)
        client.sendall(content[: MUCH // 2])
        assert serve(rig, rig.peers[0], protocol=protocol, spare=1) == (Reload(),)
        client.sendall(content[MUCH // 2 :])
        assert read_all(client).endswith(hashlib.sha256(content).hexdigest().encode())


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_large_download_arrives_whole_over_a_reload(rig, protocol):
    content = random.Random(2).randbytes(MUCH)

    def send(channel):
        read_head(channel)
        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MUCH + content)

    serve(rig, rig.peer(send), protocol=protocol)
    with rig.socket() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        read_head(client)
        first = client.recv(1000)
        assert serve(rig, rig.peers[0], protocol=protocol, spare=1) == (Reload(),)
        assert first + read_all(client) == content


# -- both families, and a bound ------------------------------------------------------------------------------


@pytest.mark.parametrize("vip", [VIP, "::1"])
@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_members_of_both_families_share_the_clients_of_either(rig, vip, protocol):
    webs = [rig.web("v4", address="127.0.2.1"), rig.web("v6", address="::1")]
    pool = g.pool(protocol=protocol)
    listener = g.listener(protocol=protocol, default_pool_id=pool.id)
    members = [member_of(web, id=g.nth(10 + n)) for n, web in enumerate(webs)]
    nodes = [(pool, members, g.monitor())]
    rig.instance.apply(g.graph(id=g.nth(1), listeners=[listener], pools=nodes, addresses=[vip]))
    assert rig.spread(4, address=vip) == {"v4": 2, "v6": 2}
    eventually(lambda: set(rig.health().values()) == {"ONLINE"})


def test_an_idle_connection_is_answered_once_more_after_a_reload_and_told_that_it_ends(rig):
    web = rig.web("w1")
    serve(rig, web, protocol="HTTP")
    client = rig.connection()
    client.request("GET", "/")
    assert client.getresponse().read() == b"w1"
    assert serve(rig, web, protocol="HTTP", spare=1) == (Reload(),)
    time.sleep(0.2)
    client.request("GET", "/")
    answer = client.getresponse()
    assert (answer.read(), answer.headers["Connection"]) == (b"w1", "close")
    client.close()
