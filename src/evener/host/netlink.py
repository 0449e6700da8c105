"""The framing of netlink messages, for what reads the few bytes it needs itself. Knows no message's meaning."""

import struct
from collections.abc import Iterator

MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
IFLA_IFNAME = 3  # linux/if_link.h
IFF_UP = 1  # netdevice(7)
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length, type
_TYPE_MASK = (
    0x3FFF  # NLA_TYPE_MASK: the rest says whether there are attributes in it, and in which byte order
)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the types and bodies of the messages in one datagram; what is cut off is left out."""
    offset = 0
    while offset + MESSAGE.size <= len(data):
        length, kind, _, _, _ = MESSAGE.unpack_from(data, offset)
        if length < MESSAGE.size:
            return
        yield kind, data[offset + MESSAGE.size : offset + length]
        offset += _aligned(length)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the types and values of attributes that follow each other; what is cut off is left out."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute as it stands in a message."""
    length = _ATTRIBUTE.size + len(value)
    return (_ATTRIBUTE.pack(length, kind) + value).ljust(_aligned(length), b"\0")


def _aligned(length: int) -> int:
    return (length + 3) & ~3
