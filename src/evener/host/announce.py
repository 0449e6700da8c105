"""AgentNotifier the neighbours where an address now is: gratuitous ARP and unsolicited neighbour advertisements.

Frames are built by pure functions and sent by a raw socket in the namespace. Nothing here looks at answers.
"""

import heapq
import ipaddress
import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace

from evener import threads
from evener.host import netns
from evener.host.errors import explained

LOG = logging.getLogger(__name__)

# A veth's carrier, and a bridge port's forwarding, come some milliseconds after the link is up: what is sent before
# is lost. The second round comes when both are surely there.
SETTLED_S = 0.05
INTERVAL_S = 1.0  # RFC 4861 section 10 (RetransTimer); RFC 5227 would have 2 s, but asks for two rounds only

_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = bytes.fromhex("333300000001")  # RFC 2464 section 7, of ff02::1
_ALL_NODES = ipaddress.IPv6Address("ff02::1").packed
_OVERRIDE = 0x20000000  # RFC 4861 section 4.4: replace what the caches have
_ADVERTISEMENT, _TARGET_LINK_LAYER_ADDRESS = 136, 2

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class _Announcement:
    channel: socket.socket
    frames: tuple[bytes, ...]
    left: int  # rounds still to come; with none, the socket is only closed
    due: float  # on the monotonic clock, in seconds


def gratuitous_arp(mac: str, address: ipaddress.IPv4Address) -> bytes:
    """Return the frame of an ARP announcement: a request for one's own address (RFC 5227 section 2.3)."""
    source = _mac(mac)
    ethernet = _BROADCAST + source + struct.pack("!H", 0x0806)
    header = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)  # RFC 826: Ethernet, IPv4, a request
    return ethernet + header + source + address.packed + bytes(6) + address.packed


def neighbour_advertisement(mac: str, address: ipaddress.IPv6Address) -> bytes:
    """Return the frame of an unsolicited neighbour advertisement (RFC 4861 sections 4.4 and 7.2.6)."""
    option = struct.pack("!BB", _TARGET_LINK_LAYER_ADDRESS, 1) + _mac(mac)
    body = struct.pack("!I", _OVERRIDE) + address.packed + option
    length = 4 + len(body)
    pseudo = address.packed + _ALL_NODES + struct.pack("!II", length, socket.IPPROTO_ICMPV6)
    unsummed = struct.pack("!BBH", _ADVERTISEMENT, 0, 0) + body
    message = struct.pack("!BBH", _ADVERTISEMENT, 0, checksum(pseudo + unsummed)) + body
    ip = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_ICMPV6, 255) + address.packed + _ALL_NODES
    return _ALL_NODES_MAC + _mac(mac) + struct.pack("!H", 0x86DD) + ip + message


def checksum(data: bytes) -> int:
    """Return the Internet checksum of `data`, which has an even number of bytes (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def announce(
    namespace: str | None, interface: str, mac: str, addresses: Iterable[Address], count: int = 3
) -> None:
    """Announce that `addresses` are at `mac`, `count` times.

    The first time before this returns, the second `SETTLED_S` seconds later, the others `INTERVAL_S` seconds apart,
    from one background thread for all announcements, because
    neighbours that lose one frame lose the next too when it follows at once. The socket is closed there too:
    closing a packet socket waits for the kernel's RCU, some 10 ms. Until then it keeps a namespace alive
    that has lost its name.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when there is no such interface, it is down, or the kernel refuses.
    """
    frames = tuple(
        gratuitous_arp(mac, address) if address.version == 4 else neighbour_advertisement(mac, address)
        for address in addresses
    )
    if count < 1 or not frames:
        return
    with (
        netns.inside(namespace) if namespace else nullcontext(),
        explained(f"announce addresses on interface {interface}"),
    ):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    rounds = 0
    try:
        with explained(f"announce addresses on interface {interface}"):
            channel.bind((interface, 0))
            _send(channel, frames)
        rounds = count - 1
    finally:
        _later(_Announcement(channel, frames, rounds, time.monotonic() + SETTLED_S))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _send(channel: socket.socket, frames: tuple[bytes, ...]) -> None:
    for frame in frames:
        channel.send(frame)


_tickets = itertools.count()
_changed = threading.Condition()  # guards the two below
_pending: list[tuple[float, int, _Announcement]] = []
_repeaters: list[threads.Thread] = []


def _later(announcement: _Announcement) -> None:
    with _changed:
        heapq.heappush(_pending, (announcement.due, next(_tickets), announcement))
        if not _repeaters:
            thread = threads.lasting("announce", _run)
            thread.start()
            _repeaters.append(thread)
        _changed.notify()


def _run() -> None:
    while True:
        entry = _next()
        left = entry.left
        if left:
            try:
                _send(entry.channel, entry.frames)
                left -= 1
            except OSError as error:  # unplugged meanwhile; whoever plugs again announces again
                LOG.debug("No more announcements: %s", error)
                left = 0
        if left:
            _later(replace(entry, left=left, due=time.monotonic() + INTERVAL_S))
        else:
            entry.channel.close()


def _next() -> _Announcement:
    """Wait for the announcement that is due first, and return it."""
    with _changed:
        while not _pending or _pending[0][0] > time.monotonic():
            _changed.wait(_pending[0][0] - time.monotonic() if _pending else None)
        return heapq.heappop(_pending)[2]
