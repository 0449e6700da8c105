"""What Prometheus is told of load balancers and of what is below them, and of agents: read from the database.

A scrape costs a constant number of statements and lines in proportion to the rows. Must not ask an agent: a node
that hangs must not hang the monitoring of all others. `docs/metrics.md` lists every metric.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Row, and_, select
from sqlalchemy.exc import SQLAlchemyError

from evener.control.amphorae import ROLE
from evener.control.leader import Leader
from evener.control.operating import Seen, operating_tree
from evener.control.status_filters import OF_BINDINGS
from evener.control.statuses import (
    AGENT_DOWN_AFTER,
    Lifetime,
    Progress,
    combined_health,
    progress,
    provisioning_status,
)
from evener.resources.types import OperatingStatus
from evener.store.database import Database, Transaction, now
from evener.store.schema import (
    agents,
    bindings,
    counters,
    healthmonitors,
    listeners,
    loadbalancers,
    member_health,
    members,
    pools,
)

Rows = Sequence[Row[Any]]
Labels = tuple[str, ...]

_BALANCER = ("id", "name", "project_id")
# The labels of each kind; what is below a load balancer says which one.
LABELS: Mapping[str, Labels] = {
    "loadbalancer": _BALANCER,
    "listener": (*_BALANCER, "loadbalancer_id"),
    "pool": (*_BALANCER, "loadbalancer_id"),
    "member": (*_BALANCER, "loadbalancer_id", "pool_id"),
}
# The column of what is counted, the end of its metric's name, and what it says.
COUNTED = (
    ("total_connections", "connections", "Connections taken"),
    ("bytes_in", "bytes_in", "Bytes received from clients"),
    ("bytes_out", "bytes_out", "Bytes sent to clients"),
    ("request_errors", "request_errors", "Requests that were no valid ones"),
    ("requests", "requests", "Requests of HTTP"),
)
REQUESTS, ACTIVE = "requests", "active_connections"


class DatabaseCollector(Collector):
    """Answers each scrape with what the database says at that moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, or just that the database is away; the transaction has ended before the first one."""
        try:
            with self._database.read() as tx:
                found = _read(tx)
        except SQLAlchemyError:  # what asks for objects says why
            yield _database_up(up=False)
            return
        yield from measured(found, now())

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that to register this asks the database nothing."""
        return ()


def _database_up(*, up: bool) -> Metric:
    return GaugeMetricFamily("evener_database_up", "1 while the database answers", value=up)


class LeaderCollector(Collector):
    """Says whether this process does the housekeeping."""

    def __init__(self, leader: Leader) -> None:
        self._leader = leader

    def collect(self) -> Iterator[Metric]:
        """Yield 1 or 0."""
        says = "1 for the controller that does the housekeeping, 0 for the others"
        yield GaugeMetricFamily("evener_controller_leads", says, value=self._leader.leads())


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one scrape, with the columns of `_STATEMENTS`.

    What is on its way out below a load balancer is not among them.
    """

    balancers: Rows
    bindings: Rows
    agents: Rows
    listeners: Rows
    pools: Rows
    members: Rows
    health: Rows
    counters: Rows


def _below(table: Any, *more: Any) -> Any:
    """Return the statement of what every object below a load balancer tells, and `more`."""
    names = ("id", "name", "project_id", "loadbalancer_id", "admin_state_up")
    generations = ("created_generation", "changed_generation")
    chosen = (table.c[name] for name in (*names, *generations))
    return select(*chosen, *more).where(table.c.deleted_generation.is_(None))


_own = loadbalancers.c
_STATEMENTS = {
    # First: what is below a load balancer that came after this one was read is left to the next scrape.
    "balancers": select(
        *(_own.id, _own.name, _own.project_id, _own.admin_state_up),
        *(_own.created_generation, _own.generation, _own.deleted_generation),
    ),
    "bindings": select(
        bindings.c.loadbalancer_id,
        ROLE.label("shown_role"),
        *OF_BINDINGS,
    ).join(agents, agents.c.id == bindings.c.agent_id),
    "agents": select(agents.c.host, agents.c.heartbeat_at),
    "listeners": _below(listeners, listeners.c.default_pool_id),
    "pools": _below(pools, healthmonitors.c.admin_state_up.label("checked")).outerjoin(
        healthmonitors,
        and_(healthmonitors.c.pool_id == pools.c.id, healthmonitors.c.deleted_generation.is_(None)),
    ),
    "members": _below(members, members.c.pool_id, members.c.weight),
    "health": select(
        member_health.c.loadbalancer_id,
        member_health.c.member_id,
        member_health.c.agent_id,
        member_health.c.status,
    ),
    "counters": select(counters),
}


def _read(tx: Transaction) -> Found:
    return Found(**{name: tx.execute(statement).all() for name, statement in _STATEMENTS.items()})


def measured(found: Found, moment: datetime) -> Iterator[Metric]:
    """Yield every metric that follows from rows read at `moment`."""
    yield _database_up(up=True)
    yield from _agents(found, moment)
    yield from _balancers(found, moment)
    yield from _places(found, moment)
    yield from _traffic(found)


@dataclass(frozen=True, slots=True)
class _Monitor:
    admin_state_up: bool


@dataclass(frozen=True, slots=True)
class _Pool:
    pool: Any
    members: Rows
    healthmonitor: _Monitor | None


@dataclass(frozen=True, slots=True)
class _Family:
    """As much of a graph as operating statuses are derived from."""

    loadbalancer: Any
    listeners: Rows
    pools: Sequence[_Pool]


def _grouped(found: Rows, key: str) -> Mapping[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in found:
        groups[getattr(row, key)].append(row)
    return groups


def _mappings(found: Rows) -> list[Any]:
    return [row._mapping for row in found]  # noqa: SLF001 - its public name for what `Result.mappings` gives


def _families(found: Found) -> Iterator[_Family]:
    of_balancer, of_pool = _grouped(found.pools, "loadbalancer_id"), _grouped(found.members, "pool_id")
    fronts = _grouped(found.listeners, "loadbalancer_id")
    for balancer in found.balancers:
        nodes = [
            _Pool(row, of_pool.get(row.id, []), None if row.checked is None else _Monitor(row.checked))
            for row in of_balancer.get(balancer.id, [])
        ]
        yield _Family(balancer, fronts.get(balancer.id, []), nodes)


class _Statuses:
    """The two statuses of every object of one kind: 1 on the status that holds, and no line for the others."""

    def __init__(self, kind: str) -> None:
        self._labels = LABELS[kind]
        self.provisioning, self.operating = (
            GaugeMetricFamily(
                f"evener_{kind}_{which}_status",
                f"1 for the {which} status that the {kind} has",
                labels=(*self._labels, "status"),
            )
            for which in ("provisioning", "operating")
        )

    def add(self, row: Any, life: Lifetime, at: Progress, operating: OperatingStatus) -> None:
        """Add both statuses of one object."""
        values = _values(row, self._labels)
        self.provisioning.add_metric([*values, provisioning_status(life, at).value], 1)
        self.operating.add_metric([*values, operating.value], 1)


def _values(row: Any, labels: Labels) -> list[str]:
    return [getattr(row, label) for label in labels]


def _balancers(found: Found, moment: datetime) -> Iterator[Metric]:
    statuses = {kind: _Statuses(kind) for kind in LABELS}
    up = GaugeMetricFamily(
        "evener_member_up", "1 while health checks find the member well, 0 while not", labels=LABELS["member"]
    )
    bound, seen = _grouped(found.bindings, "loadbalancer_id"), _grouped(found.health, "loadbalancer_id")
    for family in _families(found):
        own = family.loadbalancer
        served = _mappings(bound.get(own.id, []))
        at = progress(served, moment)
        health = combined_health(served, _mappings(seen.get(own.id, [])), moment)
        tree = operating_tree(family, Seen(at, health))
        life = Lifetime(own.created_generation, own.generation, own.deleted_generation)
        statuses["loadbalancer"].add(own, life, at, tree.loadbalancer)
        below = [("listener", row) for row in family.listeners]
        below += [("pool", node.pool) for node in family.pools]
        below += [("member", row) for node in family.pools for row in node.members]
        for kind, row in below:
            life = Lifetime(row.created_generation, row.changed_generation)
            statuses[kind].add(row, life, at.of(row.id), tree.by_id[row.id])
        for row in _checked(family):
            well = health.get(row.id) == OperatingStatus.ONLINE and not at.unknown
            up.add_metric(_values(row, LABELS["member"]), well)
    for each in statuses.values():
        yield from (each.provisioning, each.operating)
    yield up


def _places(found: Found, moment: datetime) -> Iterator[Metric]:
    """Yield who serves each load balancer, in which role, and whether that one is heard of."""
    there = GaugeMetricFamily(
        "evener_loadbalancer_agent",
        "1 for an agent that serves the load balancer, 0 for one that is to and is not heard of",
        labels=(*_BALANCER, "host", "role"),
    )
    bound = _grouped(found.bindings, "loadbalancer_id")
    for balancer in found.balancers:
        for row in bound.get(balancer.id, []):
            labels = [*_values(balancer, _BALANCER), row.host, row.shown_role]
            there.add_metric(labels, row.heartbeat_at > moment - AGENT_DOWN_AFTER)
    yield there


def _checked(family: _Family) -> Iterator[Any]:
    """Yield the members that HAProxy checks."""
    if family.loadbalancer.admin_state_up:
        for node in family.pools:
            monitored = node.healthmonitor is not None and node.healthmonitor.admin_state_up
            if monitored and node.pool.admin_state_up:
                yield from (row for row in node.members if row.admin_state_up)


def _traffic(found: Found) -> Iterator[Metric]:
    """Yield the counters of listeners, and of load balancers: these keep what listeners that are gone counted."""
    names = (*(column for column, _, _ in COUNTED), ACTIVE)
    of_listener: dict[str, list[int | None]] = {}
    of_balancer: dict[str, list[int | None]] = {}
    for row in found.counters:
        values = [getattr(row, name) for name in names]
        for totals, key in ((of_listener, row.owner_id), (of_balancer, row.loadbalancer_id)):
            known = totals.get(key)
            totals[key] = values if known is None else [*map(_added, known, values)]
    yield from _counters("loadbalancer", found.balancers, of_balancer)
    yield from _counters("listener", found.listeners, of_listener)


def _added(one: int | None, other: int | None) -> int | None:
    """Return what both counted; None counts nothing."""
    return other if one is None else one if other is None else one + other


def _counters(kind: str, rows: Rows, counted: Mapping[str, Sequence[int | None]]) -> Iterator[Metric]:
    """Yield them; what is not counted, such as requests of TCP, has no line."""
    labels = LABELS[kind]
    families: list[CounterMetricFamily | GaugeMetricFamily] = [
        CounterMetricFamily(f"evener_{kind}_{name}", f"{says}, since the {kind} was made", labels=labels)
        for _, name, says in COUNTED
    ]
    families.append(GaugeMetricFamily(f"evener_{kind}_{ACTIVE}", "Connections open now", labels=labels))
    nothing = tuple(None if name == REQUESTS else 0 for name, _, _ in (*COUNTED, (ACTIVE, "", "")))
    for row in rows:
        values = _values(row, labels)
        for family, value in zip(families, counted.get(row.id, nothing), strict=True):
            if value is not None:
                family.add_metric(values, value)
    return iter(families)


def _agents(found: Found, moment: datetime) -> Iterator[Metric]:
    """Yield what is known of each agent, also of one that has not been heard of for long."""
    age = GaugeMetricFamily(
        "evener_agent_heartbeat_age_seconds", "Seconds since the agent was last heard of", labels=["host"]
    )
    serves = GaugeMetricFamily(
        "evener_agent_loadbalancers", "Load balancers that the agent is to serve", labels=["host"]
    )
    behind = GaugeMetricFamily(
        "evener_agent_generations_behind",
        "Generations that the agent has yet to apply, of all its load balancers",
        labels=["host"],
    )
    newest = {row.id: row.generation for row in found.balancers}
    of_host = _grouped(found.bindings, "host")
    for agent in found.agents:
        mine = of_host.get(agent.host, [])
        missing = (newest.get(row.loadbalancer_id, 0) - row.applied_generation for row in mine)
        age.add_metric([agent.host], max(0.0, (moment - agent.heartbeat_at).total_seconds()))
        serves.add_metric([agent.host], len(mine))
        behind.add_metric([agent.host], sum(max(0, each) for each in missing))
    return iter((age, serves, behind))
