"""What the kernel tells about links, by netlink's multicast groups; only the names and what became of them.

Reads the few bytes it needs itself: a library that decodes a link's hundred attributes costs a millisecond of
processor for every event, and plugging one port makes ten.
"""

import errno
import socket
import struct

RTMGRP_LINK = 1  # rtnetlink(7), and linux/rtnetlink.h for the numbers
RTMGRP_ADDRESSES = 0x10 | 0x100  # IPv4, IPv6
RTMGRP_ROUTES = 0x40 | 0x400
EVERYTHING = RTMGRP_LINK | RTMGRP_ADDRESSES | RTMGRP_ROUTES
RTM_NEWLINK, RTM_DELLINK = 16, 17
IFLA_IFNAME = 3
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
LARGEST_READ_BYTES = 65536
READS_AT_ONCE = 64

_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length, type

LOST = ("", "changed")  # events were lost: look at all links


def subscribe(groups: int = RTMGRP_LINK) -> socket.socket:
    """Return a non-blocking socket that hears of `groups` in the calling thread's namespace.

    Raises:
        OSError: when the kernel refuses.
    """
    channel = socket.socket(
        socket.AF_NETLINK,
        socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
        socket.NETLINK_ROUTE,
    )
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        channel.bind((0, groups))
    except OSError:
        channel.close()
        raise
    return channel


def receive(channel: socket.socket) -> list[tuple[str, str]]:
    """Return what `subscribe`'s socket has heard of links: names with what became of them, each pair once.

    That is "changed", "deleted" (a link that moved to another namespace is deleted here), or "released" by its
    bridge. `LOST` is among them when the kernel dropped events.

    Raises:
        OSError: when the socket no longer works.
    """
    found: dict[tuple[str, str], None] = {}
    for _ in range(READS_AT_ONCE):
        try:
            data = channel.recv(LARGEST_READ_BYTES)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            found[LOST] = None
            continue
        for event in parse(data):
            found.pop(event, None)  # the order of the last words counts
            found[event] = None
    return list(found)


def parse(data: bytes) -> list[tuple[str, str]]:
    """Return the events in one datagram of netlink messages; what is cut off or of no interest is left out."""
    events = []
    offset = 0
    while offset + _MESSAGE.size <= len(data):
        length, kind, _, _, _ = _MESSAGE.unpack_from(data, offset)
        if length < _MESSAGE.size:
            break
        message = data[offset + _MESSAGE.size : offset + length]
        offset += _aligned(length)
        if kind not in (RTM_NEWLINK, RTM_DELLINK) or len(message) < _LINK.size:
            continue
        name = _name(message[_LINK.size :])
        if name and message[0] == socket.AF_UNSPEC:
            events.append((name, "deleted" if kind == RTM_DELLINK else "changed"))
        elif name and message[0] == socket.AF_BRIDGE and kind == RTM_DELLINK:
            events.append((name, "released"))  # the link itself lives on
    return events


def _name(attributes: bytes) -> str:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(attributes):
        length, kind = _ATTRIBUTE.unpack_from(attributes, offset)
        if length < _ATTRIBUTE.size:
            break
        if kind == IFLA_IFNAME:
            value = attributes[offset + _ATTRIBUTE.size : offset + length]
            return value.rstrip(b"\x00").decode("utf-8", "replace")
        offset += _aligned(length)
    return ""


def _aligned(length: int) -> int:
    return (length + 3) & ~3
