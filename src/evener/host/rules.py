"""Packet rules as plain data, in the words of libnftables' JSON schema (libnftables-json(5)). Pure; runs nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

Statement = Mapping[str, Any]
Rule = tuple[Statement, ...]

ACCEPT: Statement = {"accept": None}
DROP: Statement = {"drop": None}


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain: its rules are tried in order; what none of them decides meets `policy`."""

    name: str
    kind: str  # "filter" or "nat"
    hook: str
    priority: int
    rules: tuple[Rule, ...]
    policy: str = "accept"


def match(left: Any, right: Any, operator: str = "==") -> Statement:
    """Return the condition that `left` is `right`, or stands to it as `operator` says."""
    return {"match": {"op": operator, "left": left, "right": right}}


def meta(key: str, value: Any, operator: str = "==") -> Statement:
    """Return the condition on what the kernel knows of a packet beside its bytes, like `iifname` or `nfproto`."""
    return match({"meta": {"key": key}}, value, operator)


def tracked(key: str, *values: str) -> Statement:
    """Return the condition that the connection's `state` or `status` has one of `values`."""
    return match({"ct": {"key": key}}, list(values) if len(values) > 1 else values[0], "in")


def field(protocol: str, name: str, value: Any) -> Statement:
    """Return the condition that a field of a header is `value`."""
    return match(payload(protocol, name), value)


def payload(protocol: str, name: str) -> Statement:
    """Return a field of a header, to be looked at."""
    return {"payload": {"protocol": protocol, "field": name}}


def one_of(values: Iterable[Any]) -> Any:
    """Return the value that stands for each of `values`, of which there is at least one."""
    listed = list(values)
    return listed[0] if len(listed) == 1 else {"set": listed}


def prefix(network: IPv4Network | IPv6Network) -> Any:
    """Return the value that stands for all addresses of a network."""
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def looked_up(key: Statement, table: Mapping[str, str]) -> Any:
    """Return what `table` has for `key`; a rule with a key that is not in it does not match."""
    return {"map": {"key": key, "data": {"set": [[each, table[each]] for each in sorted(table)]}}}
