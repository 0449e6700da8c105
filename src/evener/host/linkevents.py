"""What the kernel tells about links, by netlink's multicast groups; only the names and what became of them.

Reads the few bytes it needs itself: a library that decodes a link's hundred attributes costs a millisecond of
processor for every event, and plugging one port makes ten.
"""

import errno
import socket
from collections.abc import Iterator

from evener.host.netlink import IFF_UP, IFLA_IFNAME, LINK, attributes, messages

RTMGRP_LINK = 1  # rtnetlink(7), and linux/rtnetlink.h for the numbers
RTMGRP_ADDRESSES = 0x10 | 0x100  # IPv4, IPv6
RTMGRP_ROUTES = 0x40 | 0x400
RTMGRP_NETCONF = 1 << 23 | 1 << 24  # forwarding, rp_filter and the like: IPv4, IPv6
EVERYTHING = RTMGRP_LINK | RTMGRP_ADDRESSES | RTMGRP_ROUTES | RTMGRP_NETCONF
NFNLGRP_NFTABLES = 1 << 6  # linux/netfilter/nfnetlink.h, as a bit
RTM_NEWLINK, RTM_DELLINK = 16, 17
NETLINK_NETFILTER = 12
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
LARGEST_READ_BYTES = 65536
READS_AT_ONCE = 64

_IFLA_PROTINFO, _IFLA_BRPORT_STATE, _FORWARDING = 12, 1, 3  # linux/if_link.h, linux/if_bridge.h

LOST = ("", "changed")  # events were lost: look at all links


def subscribe(groups: int = RTMGRP_LINK, protocol: int = socket.NETLINK_ROUTE) -> socket.socket:
    """Return a non-blocking socket that hears of `groups` of `protocol` in the calling thread's namespace.

    Raises:
        OSError: when the kernel refuses.
    """
    channel = socket.socket(
        socket.AF_NETLINK,
        socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
        protocol,
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

    That is "changed", "down" (what has not been set up yet, too), "deleted" (a link that moved to another namespace
    is deleted here), "released" by its bridge, or "connected": one that forwards its packets from now on. A link that
    is up again is no longer told as down. `LOST` is among them when the kernel dropped events.

    Raises:
        OSError: when the socket no longer works.
    """
    found: dict[tuple[str, str], None] = {}
    for data in _read(channel):
        for event in [LOST] if data is None else parse(data):
            found.pop(event, None)  # the order of the last words counts
            if event[1] == "changed":
                found.pop((event[0], "down"), None)  # it is up again
            found[event] = None
    return list(found)


def drain(channel: socket.socket) -> None:
    """Read what a socket has heard, whatever it is.

    Raises:
        OSError: when the socket no longer works.
    """
    for _ in _read(channel):
        pass


def _read(channel: socket.socket) -> Iterator[bytes | None]:
    """Give the datagrams that are there; None where the kernel dropped some."""
    for _ in range(READS_AT_ONCE):
        try:
            yield channel.recv(LARGEST_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            yield None


def parse(data: bytes) -> list[tuple[str, str]]:
    """Return the events in one datagram of netlink messages; what is cut off or of no interest is left out."""
    events = []
    for kind, message in messages(data):
        if kind not in (RTM_NEWLINK, RTM_DELLINK) or len(message) < LINK.size:
            continue
        name = _name(message[LINK.size :])
        if name and message[0] == socket.AF_UNSPEC:
            up = LINK.unpack_from(message)[3] & IFF_UP
            events.append((name, "deleted" if kind == RTM_DELLINK else "changed" if up else "down"))
        elif name and message[0] == socket.AF_BRIDGE and kind == RTM_DELLINK:
            events.append((name, "released"))  # the link itself lives on
        elif name and message[0] == socket.AF_BRIDGE and _forwards(message[LINK.size :]):
            events.append((name, "connected"))
    return events


def _forwards(links_attributes: bytes) -> bool:
    """Return whether a bridge's message about a port of its says that packets pass it."""
    port = dict(attributes(dict(attributes(links_attributes)).get(_IFLA_PROTINFO, b"")))
    return port.get(_IFLA_BRPORT_STATE) == bytes([_FORWARDING])


def _name(links_attributes: bytes) -> str:
    for kind, value in attributes(links_attributes):
        if kind == IFLA_IFNAME:
            return value.rstrip(b"\x00").decode("utf-8", "replace")
    return ""
