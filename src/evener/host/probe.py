"""Asks a network whether an address is in use: by ARP (RFC 5227 section 2.1) or neighbour discovery (RFC 4862, 5.4).

Frames are made and read by pure functions; nothing is learned from a question, since it comes from no address. Knows
nothing of who may have the address.
"""

import ipaddress
import select
import socket
import struct
import time
from collections.abc import Collection, Mapping

from evener.host import netns
from evener.host.announce import Address, checksum
from evener.host.errors import explained

# A host answers within a millisecond, one that is busy within some; what is sent in the first moments after a link is
# up may be lost. RFC 5227 waits for seconds, which is for networks with hosts that sleep.
QUESTIONS, EVERY_S = 3, 0.05
_ALL_PROTOCOLS = 3  # ETH_P_ALL of linux/if_ether.h
_ARP, _IPV6 = 0x0806, 0x86DD
_ANSWERED_BY = {frozenset({4}): _ARP, frozenset({6}): _IPV6}
_SOLICITATION, _ADVERTISEMENT = 135, 136  # RFC 4861 sections 4.3 and 4.4
_BROADCAST, _NOBODY = b"\xff" * 6, bytes(16)
_ARP_HEADER = struct.pack("!HHBB", 1, 0x0800, 6, 4)  # RFC 826: Ethernet and IPv4
_IPV6_AT, _ICMPV6_AT = 14, 54  # offsets in a frame without a VLAN tag


def question(mac: str, address: Address) -> bytes:
    """Return the frame by which an interface with the MAC address `mac` asks for an address that it does not have."""
    source = bytes.fromhex(mac.replace(":", ""))
    if address.version == 4:
        ethernet = _BROADCAST + source + struct.pack("!H", _ARP)
        return ethernet + _ARP_HEADER + struct.pack("!H", 1) + source + bytes(4) + bytes(6) + address.packed
    group = (
        ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:]
    )  # RFC 4291 section 2.7.1
    unsummed = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + address.packed
    pseudo = _NOBODY + group + struct.pack("!II", len(unsummed), socket.IPPROTO_ICMPV6)
    message = struct.pack("!BBHI", _SOLICITATION, 0, checksum(pseudo + unsummed), 0) + address.packed
    ip = struct.pack("!IHBB", 6 << 28, len(message), socket.IPPROTO_ICMPV6, 255) + _NOBODY + group
    return b"\x33\x33" + group[12:] + source + struct.pack("!H", _IPV6) + ip + message


def claim(frame: bytes, mac: str) -> tuple[Address, str] | None:
    """Return which address a frame says to be in use, or asks for as we do, and the MAC address that says so.

    What comes from `mac`, our own, says nothing.
    """
    if len(frame) < _IPV6_AT:
        return None
    sender = frame[6:12].hex(":")
    if sender == mac.lower():
        return None
    kind = int.from_bytes(frame[12:14])
    found = _claim_by_arp(frame) if kind == _ARP else _claim_by_ndp(frame) if kind == _IPV6 else None
    return None if found is None else (found, sender)


def _claim_by_arp(frame: bytes) -> Address | None:
    if len(frame) < 42 or frame[14:20] != _ARP_HEADER:
        return None
    source, target = frame[28:32], frame[38:42]
    return ipaddress.IPv4Address(source if any(source) else target)


def _claim_by_ndp(frame: bytes) -> Address | None:
    if len(frame) < _ICMPV6_AT + 24 or frame[_IPV6_AT + 6] != socket.IPPROTO_ICMPV6:
        return None
    asks = frame[_ICMPV6_AT] == _SOLICITATION and frame[_IPV6_AT + 8 : _IPV6_AT + 24] == _NOBODY
    if not asks and frame[_ICMPV6_AT] != _ADVERTISEMENT:
        return None
    return ipaddress.IPv6Address(frame[_ICMPV6_AT + 8 : _ICMPV6_AT + 24])


def in_use(namespace: str, interface: str, mac: str, addresses: Collection[Address]) -> Mapping[Address, str]:
    """Return those of `addresses` that somebody on the network of an interface has, or asks for, with the MAC address.

    It returns at the first one, else after `QUESTIONS * EVERY_S` seconds. The interface is up, has the MAC address
    `mac`, which nobody else has, and none of the addresses.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when there is no such interface, or the kernel refuses.
    """
    doing = f"ask for addresses on interface {interface}"
    with netns.inside(namespace), explained(doing):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    with channel, explained(doing):
        versions = frozenset(each.version for each in addresses)
        # Of one protocol what others here ask by the same interface is not heard, which is the most of it.
        channel.bind((interface, _ANSWERED_BY.get(versions, _ALL_PROTOCOLS)))
        for _ in range(QUESTIONS):
            for address in addresses:
                channel.send(question(mac, address))
            until = time.monotonic() + EVERY_S
            while (left := until - time.monotonic()) > 0:
                if not select.select([channel], (), (), left)[0]:
                    continue
                said = claim(channel.recv(2048), mac)
                if said is not None and said[0] in addresses:
                    return dict([said])
    return {}
