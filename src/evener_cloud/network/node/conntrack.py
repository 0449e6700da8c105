"""The connections that a network namespace tracks: those that are translated, and forgetting some of them.

Decides nothing about which.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from evener.host import netns
from evener.host.errors import explained
from evener.host.links import dumped

IPS_SRC_NAT, IPS_DST_NAT = 1 << 4, 1 << 5  # linux/netfilter/nf_conntrack_common.h


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection over IPv4: who called whom, who answers, and whom they answer; four addresses."""

    source: str
    destination: str
    answered_by: str
    answered_to: str


def forget(namespace: str, outdated: Callable[[Connection], bool]) -> int:
    """Forget the translated IPv4 connections in `namespace` that are `outdated`; return how many.

    The next packet of such a connection is one of a new one, for which the rules of now hold.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel refuses.
    """
    with (
        netns.inside(namespace),
        explained(f"forget connections in namespace {namespace}"),
        NFCTSocket() as conversation,
    ):
        found = {
            _key(message): message
            for status in (IPS_SRC_NAT, IPS_DST_NAT)
            for message in dumped(partial(conversation.dump, status=status, status_mask=status))
        }
        chosen = [original for original, message in found.items() if outdated(_connection(message))]
        return sum(_deleted(conversation, original) for original in chosen)


def _deleted(conversation: Any, original: tuple[Any, ...]) -> bool:
    source, destination, protocol, source_port, destination_port, icmp_id, icmp_type, icmp_code = original
    key = NFCTAttrTuple(
        saddr=source,
        daddr=destination,
        proto=protocol,
        sport=source_port,
        dport=destination_port,
        icmp_id=icmp_id,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
    )
    try:
        conversation.entry("del", tuple_orig=key)
    except NetlinkError as error:
        if error.code != errno.ENOENT:  # it ended meanwhile
            raise
        return False
    return True


def _key(message: Any) -> tuple[Any, ...]:
    original = message.get_attr("CTA_TUPLE_ORIG")
    addresses, protocol = original.get_attr("CTA_TUPLE_IP"), original.get_attr("CTA_TUPLE_PROTO")
    names = ("NUM", "SRC_PORT", "DST_PORT", "ICMP_ID", "ICMP_TYPE", "ICMP_CODE")
    return (
        addresses.get_attr("CTA_IP_V4_SRC"),
        addresses.get_attr("CTA_IP_V4_DST"),
        *(protocol.get_attr(f"CTA_PROTO_{name}") for name in names),
    )


def _connection(message: Any) -> Connection:
    original = message.get_attr("CTA_TUPLE_ORIG").get_attr("CTA_TUPLE_IP")
    reply = message.get_attr("CTA_TUPLE_REPLY").get_attr("CTA_TUPLE_IP")
    return Connection(
        source=original.get_attr("CTA_IP_V4_SRC"),
        destination=original.get_attr("CTA_IP_V4_DST"),
        answered_by=reply.get_attr("CTA_IP_V4_SRC"),
        answered_to=reply.get_attr("CTA_IP_V4_DST"),
    )
