"""Echo requests and replies (ping): built and read by pure functions, sent by raw sockets of a namespace."""

import socket
import struct
from typing import Literal

from evener.host import netns
from evener.host.announce import checksum
from evener.host.errors import explained

IPVersion = Literal[4, 6]

_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_REQUEST: dict[IPVersion, int] = {4: 8, 6: 128}  # RFC 792; RFC 4443 section 4
_REPLY: dict[IPVersion, int] = {4: 0, 6: 129}
_PAYLOAD = b"evener.ping\0"
_LONGEST = 2048  # bytes of a packet worth reading
_FAMILY: dict[IPVersion, tuple[int, int]] = {
    4: (socket.AF_INET, socket.IPPROTO_ICMP),
    6: (socket.AF_INET6, socket.IPPROTO_ICMPV6),
}


def echo_request(version: IPVersion, identifier: int, sequence: int) -> bytes:
    """Return the message of an echo request; both numbers have 16 bits. The kernel sums up that of IPv6."""
    header = _HEADER.pack(_REQUEST[version], 0, 0, identifier, sequence)
    summed = checksum(header + _PAYLOAD) if version == 4 else 0
    return _HEADER.pack(_REQUEST[version], 0, summed, identifier, sequence) + _PAYLOAD


def echo_reply(version: IPVersion, packet: bytes) -> tuple[int, int] | None:
    """Return the identifier and sequence number of an echo reply, as a raw socket reads it; None for all else."""
    start = (packet[0] & 0x0F) * 4 if version == 4 and packet else 0  # IPv4's header comes with it
    if len(packet) < start + _HEADER.size:
        return None
    kind, code, _, identifier, sequence = _HEADER.unpack_from(packet, start)
    return (identifier, sequence) if (kind, code) == (_REPLY[version], 0) else None


def open_socket(namespace: str, version: IPVersion) -> socket.socket:
    """Return a raw socket of `namespace` that does not block.

    Raises:
        HostError: when there is no such namespace, or the kernel refuses.
    """
    family, protocol = _FAMILY[version]
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    with explained(f"open a socket for ICMP in {namespace}"), netns.inside(namespace):
        return socket.socket(family, kind, protocol)


def receive(channel: socket.socket) -> tuple[bytes, str] | None:
    """Return the next packet and the address that it is from; None when none is waiting."""
    try:
        packet, source = channel.recvfrom(_LONGEST)
    except OSError:  # none waits, or an error of an earlier request that nobody asked about
        return None
    return packet, str(source[0]).partition("%")[0]
