"""Where load balancers are served, and what would even that out. Pure: lists of Octavia's API in, moves out."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Which part of a load balancer is moved at the least cost: who stands by, who serves alone, who has the VIP of two.
_COSTS = {"BACKUP": 0, "STANDALONE": 1, "MASTER": 2}


@dataclass(frozen=True, slots=True)
class Place:
    """What one agent does of a load balancer."""

    id: str
    loadbalancer: str
    host: str
    role: str = "STANDALONE"


@dataclass(frozen=True, slots=True)
class Move:
    """A place that is to be another host's."""

    place: Place
    to: str


def places_of(amphorae: Iterable[Mapping[str, Any]]) -> list[Place]:
    """Return the places in a list of amphorae."""
    return [
        Place(str(each["id"]), str(each["loadbalancer_id"]), str(each["lb_network_ip"]), str(each["role"]))
        for each in amphorae
    ]


def words(places: Iterable[Place], missing: Collection[str] = ()) -> str:
    """Return who serves a load balancer that two do. `missing` are hosts that are not heard of."""
    first = sorted(places, key=lambda each: (each.role != "MASTER", each.host))
    said = (f"{each.role} {each.host}{' (not heard of)' if each.host in missing else ''}" for each in first)
    return ", ".join(said)


def domains_of(agents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the failure domains of the agents, by host, that are alive and get new load balancers."""
    return {
        str(each["host"]): str((each.get("configurations") or {}).get("failure_domain") or each["host"])
        for each in agents
        if each.get("alive") and each.get("admin_state_up")
    }


def evening(places: Sequence[Place], domains: Mapping[str, str], but: Collection[str] = ()) -> Iterator[Move]:
    """Yield the moves after which no host of `domains` has two load balancers more than another that could take one.

    Load balancers `but` stay. Two places of one are never in one failure domain.
    """
    now = {each.id: each for each in places}
    while (found := _next(list(now.values()), domains, but)) is not None:
        yield found
        now[found.place.id] = replace(found.place, host=found.to)


def _next(places: Sequence[Place], domains: Mapping[str, str], but: Collection[str]) -> Move | None:
    count = Counter(dict.fromkeys(domains, 0))
    count.update(each.host for each in places if each.host in domains)
    hosts = sorted(domains, key=lambda host: (count[host], host))
    for fullest in reversed(hosts):
        there = [each for each in places if each.host == fullest and each.loadbalancer not in but]
        for emptiest in hosts:
            if count[fullest] - count[emptiest] < 2:
                break
            fitting = [each for each in there if _fits(each, domains[emptiest], places, domains)]
            if fitting:
                cheapest = min(fitting, key=lambda each: (_COSTS.get(each.role, 1), each.id))
                return Move(cheapest, emptiest)
    return None


def _fits(place: Place, domain: str, places: Sequence[Place], domains: Mapping[str, str]) -> bool:
    """Return whether no other place of its load balancer is in that failure domain."""
    return all(
        domains.get(each.host, each.host) != domain
        for each in places
        if each.loadbalancer == place.loadbalancer and each.id != place.id
    )
