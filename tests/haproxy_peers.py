"""Members below HTTP for tests of a real HAProxy: what they hear of each connection, and of whom it is by the PROXY
protocol, read as HAProxy's `doc/proxy-protocol.txt` says."""

import ipaddress
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from haproxy_rig import Peer, Rig

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Heard:
    """What came on one connection: the version of the PROXY header (0: none), the client by it, and all the rest."""

    proxy: int = 0
    client: str | None = None
    extras: dict[int, bytes] = field(default_factory=dict)
    text: bytes = b""


class Listening:
    """A member that remembers what it hears; answers as HTTP where it hears the end of a head, else the same again."""

    def __init__(self, rig: Rig, address="127.0.3.1", answer: Callable[[bytes], bytes] | None = None) -> None:
        self.heard: list[Heard] = []
        self._guard, self._answer = threading.Lock(), answer
        self.peer: Peer = rig.peer(self._talk, address)
        self.address, self.port = self.peer.address, self.peer.port

    def _talk(self, connection: socket.socket) -> None:
        one = Heard()
        with self._guard:
            self.heard.append(one)
        waiting = b""
        while part := connection.recv(65536):
            waiting += part
            if not one.text and not one.proxy:
                waiting = _without_proxy(one, waiting)
            one.text += waiting
            if self._answer is not None:
                connection.sendall(self._answer(one.text))
            elif one.text.endswith(b"\r\n\r\n"):
                connection.sendall(_ANSWER)
            elif waiting and not one.text.startswith((b"GET", b"HEAD")):
                connection.sendall(waiting)
            waiting = b""

    def said(self, start: bytes) -> list[Heard]:
        """All connections on which what came begins so."""
        return [each for each in self.heard if each.text.startswith(start)]


def _without_proxy(one: Heard, data: bytes) -> bytes:
    if data.startswith(_SIGNATURE):
        verb, family, length = struct.unpack("!BBH", data[12:16])
        one.proxy, body = verb >> 4, data[16 : 16 + length]
        size = {1: 4, 2: 16}.get(family >> 4, 0)
        if size and verb & 1:
            one.client = str(ipaddress.ip_address(body[:size]))
        rest = body[2 * size + 4 :] if size else b""
        while len(rest) >= 3:
            kind, long = struct.unpack("!BH", rest[:3])
            one.extras[kind], rest = rest[3 : 3 + long], rest[3 + long :]
        return data[16 + length :]
    if data.startswith(b"PROXY "):
        line, _, rest = data.partition(b"\r\n")
        words = line.decode().split()
        one.proxy, one.client = 1, words[2] if words[1].startswith("TCP") else None
        return rest
    return data
