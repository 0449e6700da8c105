"""Clients that are slow on purpose hold a connection until a deadline, and no longer."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

import haproxy_graphs as g
from haproxy_rig import SETTINGS, PatientInstance, Rig, Shop
from waiting import eventually

pytestmark = pytest.mark.root

LIMIT, DEADLINE_S = 5, 2
KEPT_OUT_S = 50  # without a deadline: as long as a client may be silent
SETTING = replace(SETTINGS, request_timeout_s=DEADLINE_S, handshake_timeout_s=DEADLINE_S)


@pytest.fixture
def shop(rig: Rig) -> Shop:
    rig.instance = PatientInstance(rig.directory, rig.namespace, SETTING)
    shop = Shop(rig)
    shop.listener = g.listener(id=g.nth(6), default_pool_id=shop.pool.id, connection_limit=LIMIT)
    shop.apply()
    return shop


@contextlib.contextmanager
def dripping(clients: list[socket.socket]) -> Iterator[None]:
    """Send a byte of a header on each of them, again and again."""
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.1):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ended(client: socket.socket) -> bool:
    """Whether HAProxy has ended a connection, with words for the client or without."""
    client.settimeout(0.01)
    with contextlib.suppress(TimeoutError):
        try:
            return client.recv(4096) == b"" or ended(client)
        except ConnectionError:
            return True
    return False


# A preface of HTTP/2, empty settings, and the first bytes of a frame of headers.
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000 0000c8010400000001")
NEXT = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + b"GET"


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nX: ", NEXT, HTTP2], ids=["silent", "first", "next", "HTTP/2"]
)
def test_as_many_slow_heads_as_a_listener_takes_keep_nobody_out_beyond_the_deadline(rig, shop, begun):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(rig.socket()) for _ in range(LIMIT)]
        for client in slow:
            client.sendall(begun)
        with dripping(slow if begun else []):
            began = time.monotonic()
            assert rig.get() in ((200, "w1"), (200, "w2"))
            assert time.monotonic() - began < KEPT_OUT_S / 2
            eventually(lambda: all(map(ended, slow)))


def test_a_slow_body_may_take_longer_than_a_head(rig, shop):
    with rig.socket() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            time.sleep(DEADLINE_S / 3)
            client.sendall(b"x")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
