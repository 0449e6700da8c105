"""The packet rules of a namespace that serves: what comes in, as a pure function. What goes out is free.

Tracks no connections: only a TCP segment that opens one is looked at, whatever else belongs to one that was let in. So
rules that change cost no connection, and no table of connections can fill up under load.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_address, ip_network
from typing import Any

from evener.host.rules import ACCEPT, Chain, Rule, Statement, field, match, meta, one_of, payload, prefix
from evener.resources.wiring import PacketRule

FILTER_PRIORITY = 0  # nft(8): filter
VRRP = 112  # RFC 9568 section 5.1.1.4
# RFC 9293 section 3.5: SYN alone opens a connection. With another of these, it does not.
_OPENING, _FLAGS = "syn", ["fin", "syn", "rst", "ack"]
# Errors of what we sent, and answers to our own pings.
_ICMP = ("destination-unreachable", "time-exceeded", "parameter-problem", "echo-reply")
_ICMPV6 = (
    *_ICMP,
    "packet-too-big",
    "nd-neighbor-solicit",
    "nd-neighbor-advert",
    "mld-listener-query",  # else a switch that snoops stops sending us solicitations
)
_VERSIONS = {4: ("ipv4", "ip", "icmp"), 6: ("ipv6", "ip6", "icmpv6")}


@dataclass(frozen=True, slots=True)
class Opening:
    """A TCP port that may be called, from blocks of addresses; from everywhere where there are none."""

    port: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """The other host that serves a load balancer, by its address: it may speak VRRP, and call a TCP port."""

    address: str
    port: int


def chains(
    openings: Collection[Opening], security: tuple[PacketRule, ...] | None, peer: Peer | None = None
) -> tuple[Chain, ...]:
    """Return the rules that let in what `security` says, or, with None, calls that are one of `openings`, and pings.

    Besides, whatever `security` says, what a `peer` sends.

    What belongs to connections, ICMP's errors, neighbour discovery and the loopback interface are let in always.
    Nothing is forwarded.
    """
    own = _of_ports(openings) if security is None else _of_groups(security)
    return (
        Chain(
            "input", "filter", "input", FILTER_PRIORITY, (*_always(), *_of_peer(peer), *own), policy="drop"
        ),
        Chain("forward", "filter", "forward", FILTER_PRIORITY, (), policy="drop"),
    )


def _always() -> Iterator[Rule]:
    flags = {"&": [payload("tcp", "flags"), _FLAGS]}
    yield match(flags, _OPENING, "!="), ACCEPT
    yield meta("iifname", "lo"), ACCEPT
    yield field("icmp", "type", one_of(_ICMP)), ACCEPT
    yield field("icmpv6", "type", one_of(_ICMPV6)), ACCEPT
    # Of IPv6 they are put together after this; the first has what the rules look at, and the rest is nothing without.
    yield match({"exthdr": {"name": "frag", "field": "frag-off"}}, 0, ">"), ACCEPT


def _of_peer(peer: Peer | None) -> Iterator[Rule]:
    if peer is not None:
        family, header, _ = _VERSIONS[ip_address(peer.address).version]
        source = (meta("nfproto", family), field(header, "saddr", peer.address))
        yield (*source, meta("l4proto", VRRP), ACCEPT)
        yield (*source, field("tcp", "dport", peer.port), ACCEPT)


def _of_ports(openings: Collection[Opening]) -> Iterator[Rule]:
    yield field("icmp", "type", "echo-request"), ACCEPT
    yield field("icmpv6", "type", "echo-request"), ACCEPT
    by_sources: dict[tuple[str, ...], set[int]] = {}
    for each in openings:
        by_sources.setdefault(each.sources, set()).add(each.port)
    for sources, ports in sorted(by_sources.items()):
        called = (field("tcp", "dport", one_of(sorted(ports))), ACCEPT)
        if not sources:
            yield called
        for version, (family, header, _) in _VERSIONS.items():
            if networks := _networks(sources, version):
                yield (meta("nfproto", family), field(header, "saddr", one_of(networks)), *called)


def _of_groups(security: tuple[PacketRule, ...]) -> Iterator[Rule]:
    for rule in security:
        sources = None if rule.remotes is None else _networks(rule.remotes, rule.ip_version)
        if sources != []:
            yield (*_conditions(rule, sources), ACCEPT)


def _networks(remotes: Iterable[str], version: int) -> list[Any]:
    """Return the networks of that version, none of them within another: nftables takes no such set."""
    parsed: Any = (each for each in map(ip_network, remotes) if each.version == version)
    return [prefix(each) for each in collapse_addresses(parsed)]


def _conditions(rule: PacketRule, sources: list[Any] | None) -> Iterator[Statement]:
    family, header, icmp = _VERSIONS[rule.ip_version]
    yield meta("nfproto", family)
    if sources is not None:
        yield field(header, "saddr", one_of(sources))
    if rule.protocol in ("icmp", "icmpv6"):
        yield meta("l4proto", icmp)
        for name, value in (("type", rule.first_port), ("code", rule.last_port)):
            if value is not None:
                yield field(icmp, name, value)
    elif rule.protocol is not None:
        yield meta("l4proto", int(rule.protocol) if rule.protocol.isdecimal() else rule.protocol)
        if rule.first_port is not None and rule.last_port is not None:
            yield field("th", "dport", {"range": [rule.first_port, rule.last_port]})
