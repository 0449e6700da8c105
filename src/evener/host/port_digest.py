"""What the kernel shows of a plugged port, as a digest to compare with an earlier one.

Says whether anything is another than it was, never what: who has to know looks with `links` and `addresses`. As in
`linkevents`, the bytes are taken as they come; decoding them in full takes twenty times as long, and an agent that
starts has hundreds of ports to look at before anything else.
"""

import hashlib
import socket
import struct
import sys
from collections.abc import Iterator

from evener.host import netns
from evener.host.errors import explained
from evener.host.netlink import IFF_UP, IFLA_IFNAME, LINK, MESSAGE, attribute, attributes, messages

# rtnetlink(7), and linux/if_link.h and linux/rtnetlink.h for the numbers.
_RTM_GETLINK, _RTM_GETADDR, _RTM_GETROUTE = 18, 22, 26
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _STRICT_CHECK = 270, 12
_IFLA_AF_SPEC, _IFLA_EXT_MASK, _SKIP_STATISTICS = 26, 29, 8
_IFLA_MASTER = 10
# Address, name, MTU, peer's index, bridge, and by which number the peer's namespace is known.
_LINK_ATTRIBUTES = (1, 3, 4, 5, _IFLA_MASTER, 37)
# Of IFLA_AF_SPEC: what is in /proc/sys/net, and flags.
_SETTINGS = {socket.AF_INET: (1,), socket.AF_INET6: (1, 2)}
_RTA_OIF, _RTA_CACHEINFO = 4, 12
_TABLE_MAIN, _PROTOCOL_STATIC = 254, 4
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, index
# Until the kernel has seen, in a second or two, that nobody else has an address of its own making (RFC 4862).
_IFA_FLAGS, _TENTATIVE = 8, 0x40
# struct rtmsg: family, lengths of both prefixes, tos, table, protocol, scope, type, flags.
_ROUTE = struct.Struct("=BBBBBBBBI")
_ANSWER_S = 5.0
_LARGEST_BYTES = 65536


def pair(namespace: str, tap: str, inner: str, *, others_bridge: bool = False) -> str | None:
    """Return a digest of all that belongs to a pair of interfaces: `tap` here, `inner` in `namespace`.

    That is names, MAC addresses, MTUs, whether they are up, which pair they are, the tap's bridge, the settings of both
    in /proc/sys/net, and the inner one's addresses and our routes over it. None where one of the two is missing.
    With `others_bridge`, which bridge the tap is in, and whether it is up while it is in one, does not count.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel refuses.
    """
    with explained(f"look at interface {tap}"):
        digest = hashlib.sha256()
        with _channel() as host:
            if not _add_link(digest, host, tap, others_bridge=others_bridge):
                return None
        with netns.inside(namespace):
            guest = _channel()
        with guest:
            index = _add_link(digest, guest, inner)
            if not index:
                return None
            # Compared in order: the kernel keeps both in the order in which they came.
            about = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, index)
            for body in _asked(guest, _RTM_GETADDR, _DUMP, about):
                family, prefix, flags, scope, _ = _ADDRESS.unpack_from(body)
                digest.update(_ADDRESS.pack(family, prefix, flags & ~_TENTATIVE, scope, index))
                for kind, value in attributes(body[_ADDRESS.size :]):
                    digest.update(attribute(kind, _lasting(value) if kind == _IFA_FLAGS else value))
            main = _ROUTE.pack(socket.AF_UNSPEC, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, 0, 0, 0)
            for body in _asked(guest, _RTM_GETROUTE, _DUMP, main + attribute(_RTA_OIF, _number(index))):
                digest.update(body[: _ROUTE.size])
                for kind, value in attributes(body[_ROUTE.size :]):
                    if kind != _RTA_CACHEINFO:  # when a route was last used
                        digest.update(attribute(kind, value))
        return digest.hexdigest()


def _channel() -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    channel.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)  # lists of one link only
    channel.settimeout(_ANSWER_S)
    return channel


def _add_link(
    digest: "hashlib._Hash", channel: socket.socket, name: str, *, others_bridge: bool = False
) -> int:
    """Add what counts of a link; return its index, 0 where there is none."""
    named = attribute(IFLA_IFNAME, name.encode() + b"\0")
    sparing = attribute(_IFLA_EXT_MASK, _number(_SKIP_STATISTICS))
    for body in _asked(channel, _RTM_GETLINK, 0, LINK.pack(0, 0, 0, 0, 0) + named + sparing):
        _, kind, index, flags, _ = LINK.unpack_from(body)
        found = dict(attributes(body[LINK.size :]))
        if others_bridge and found.pop(_IFLA_MASTER, b""):
            flags = IFF_UP
        digest.update(LINK.pack(0, kind, index, flags & IFF_UP, 0))
        for each in _LINK_ATTRIBUTES:
            digest.update(attribute(each, found.get(each, b"")))
        settings = dict(attributes(found.get(_IFLA_AF_SPEC, b"")))
        for family, kinds in _SETTINGS.items():
            own = dict(attributes(settings.get(family, b"")))
            for each in kinds:
                digest.update(attribute(each, own.get(each, b"")))
        return int(index)
    return 0


def _asked(channel: socket.socket, kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    """Give the bodies of the answers to one request; none where what it is about does not exist."""
    channel.send(MESSAGE.pack(MESSAGE.size + len(body), kind, _REQUEST | flags, 0, 0) + body)
    while True:
        data = channel.recv(_LARGEST_BYTES)
        for answer, found in messages(data):
            if answer in (_ERROR, _DONE):
                return
            yield found
        if not flags & _DUMP:
            return


def _lasting(flags: bytes) -> bytes:
    return _number(int.from_bytes(flags, sys.byteorder) & ~_TENTATIVE)


def _number(value: int) -> bytes:
    return struct.pack("=I", value)
