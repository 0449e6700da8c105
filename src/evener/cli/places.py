"""Where load balancers are served, and what would even that out. Pure: lists of Octavia's API in, moves out."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Which part of a load balancer is moved at the least cost: who stands by, who serves alone, who has the VIP of two.
_COSTS = {"BACKUP": 0, "STANDALONE": 1, "MASTER": 2}
LIGHTEST = 1.0  # that a place weighs
SCARCE = 0.1  # of a host's memory: with less left it gets nothing more


@dataclass(frozen=True, slots=True)
class Place:
    """What one agent does of a load balancer, and what that weighs, in load balancers that have nothing to do."""

    id: str
    loadbalancer: str
    host: str
    role: str = "STANDALONE"
    load: float = 1.0


@dataclass(frozen=True, slots=True)
class Move:
    """A place that is to be another host's."""

    place: Place
    to: str


def places_of(amphorae: Iterable[Mapping[str, Any]]) -> list[Place]:
    """Return the places in a list of amphorae; a server of a version before says no `load`."""
    return [
        Place(
            str(each["id"]),
            str(each["loadbalancer_id"]),
            str(each["lb_network_ip"]),
            str(each["role"]),
            float(each.get("load", 1)),
        )
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


def full(agents: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the hosts of the agents that have hardly any memory left, as these say."""
    left = {str(each["host"]): _memory_left(each.get("configurations")) for each in agents}
    return frozenset(host for host, part in left.items() if part is not None and part < SCARCE)


def _memory_left(said: Any) -> float | None:
    """Return which part of its host's memory an agent says is left; None where it says nothing that is a number.

    A server of a version before shows whatever an agent says.
    """
    load = said.get("load") if isinstance(said, Mapping) else None
    left = load.get("memory_left") if isinstance(load, Mapping) else None
    return left if isinstance(left, int | float) else None


def loads(places: Iterable[Place], hosts: Iterable[str]) -> dict[str, float]:
    """Return what the places on each of `hosts` weigh together."""
    found = dict.fromkeys(hosts, 0.0)
    for each in places:
        if each.host in found:
            found[each.host] += each.load
    return found


def evening(
    places: Sequence[Place],
    domains: Mapping[str, str],
    but: Collection[str] = (),
    full: Collection[str] = (),
) -> Iterator[Move]:
    """Yield the moves after which none leaves a host of `domains` with a load balancer more than the one it goes to.

    Load balancers `but` stay, and hosts that are `full` get none. Two places of one are never in one failure domain.
    """
    now = {each.id: each for each in places}
    while (found := _next(list(now.values()), domains, but, full)) is not None:
        yield found
        now[found.place.id] = replace(found.place, host=found.to)


def _next(
    places: Sequence[Place], domains: Mapping[str, str], but: Collection[str], full: Collection[str]
) -> Move | None:
    load = loads(places, domains)
    hosts = sorted(domains, key=lambda host: (load[host], host))
    where = defaultdict(list)
    for each in places:
        where[each.loadbalancer].append((each.id, domains.get(each.host, each.host)))
    for heaviest in reversed(hosts):
        there = [each for each in places if each.host == heaviest and each.loadbalancer not in but]
        for lightest in hosts:
            if lightest in full:
                continue
            spare = load[heaviest] - load[lightest]
            if spare < 1 + LIGHTEST:
                break
            fitting = [
                each
                for each in there
                if spare >= 1 + each.load and _fits(each, domains[lightest], where[each.loadbalancer])
            ]
            if fitting:
                return Move(min(fitting, key=lambda each: _cost(each, spare)), lightest)
    return None


def _cost(place: Place, spare: float) -> tuple[int, float, str]:
    """Return how bad it is to move that between hosts that differ by `spare`: first by the calls that it breaks."""
    return _COSTS.get(place.role, 1), abs(spare - 2 * place.load), place.id


def _fits(place: Place, domain: str, parts: Iterable[tuple[str, str]]) -> bool:
    """Return whether no other of the `parts` of its load balancer is in that failure domain."""
    return all(there != domain for part, there in parts if part != place.id)
