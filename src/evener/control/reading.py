"""What is shown of load balancers beyond their rows: statuses, the tree of statuses, counters."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, select

from evener.control.filters import members_out
from evener.control.graphs import read_family
from evener.control.statuses import (
    Lifetime,
    OperatingTree,
    Progress,
    combined_health,
    explanation,
    is_silent,
    operating_tree,
    progress,
    provisioning_status,
    reasons_out,
    why_out,
)
from evener.resources.facts import Counters
from evener.resources.graph import PolicyNode, PoolNode, Tree
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.types import OperatingStatus
from evener.store.database import Transaction, now
from evener.store.rows import of_all, wanted
from evener.store.schema import agents, bindings, counters, loadbalancers, member_health, members

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What statuses of one load balancer are derived from; `out` says that a checked member is not well.

    `bound` are its rows of `bindings`, with their agents, and `moment` is when they were read.
    """

    life: Lifetime
    at: Progress
    out: bool
    bound: Sequence[Mapping[str, Any]]
    moment: datetime


@cache
def _statement(*, one: bool) -> Select[Any]:
    """Return the statement of where load balancers stand; built once: that takes longer than to run it."""
    own = loadbalancers.c
    return (
        select(
            own.id.label("loadbalancer_id"),
            own.created_generation,
            own.generation,
            own.deleted_generation,
            bindings.c.agent_id,
            bindings.c.applied_generation,
            bindings.c.failed_generation,
            bindings.c.failure,
            bindings.c.failed_objects,
            agents.c.host,
            agents.c.heartbeat_at,
            members_out(bindings.c.agent_id)
            .where(members.c.loadbalancer_id == own.id)
            .correlate(loadbalancers, bindings)
            .exists()
            .label("out"),
        )
        .outerjoin(bindings, bindings.c.loadbalancer_id == own.id)
        .outerjoin(agents, agents.c.id == bindings.c.agent_id)
        .where(wanted(own.id, one=one))
    )


def _standings(tx: Transaction, ids: Sequence[str]) -> dict[str, _Standing]:
    """Return where load balancers stand, by id, in one statement."""
    by_balancer: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in of_all(tx, _statement, ids):
        by_balancer[row.loadbalancer_id].append(row)
    moment = now()
    return {key: _standing(rows, moment) for key, rows in by_balancer.items()}


def _standing(found: Sequence[Row[Any]], moment: datetime) -> _Standing:
    row = found[0]
    life = Lifetime(row.created_generation, row.generation, row.deleted_generation)
    bound: list[Any] = [each._mapping for each in found if each.applied_generation is not None]  # noqa: SLF001
    out = any(each["out"] for each in bound if not is_silent(each, moment))
    return _Standing(life, progress(bound, moment), out, bound, moment)


def balancers_with_statuses(tx: Transaction, found: Sequence[LoadBalancer]) -> list[LoadBalancer]:
    """Return load balancers with their statuses, in one further statement."""
    standings = _standings(tx, [balancer.id for balancer in found])
    return [_with_statuses(balancer, standings[balancer.id]) for balancer in found]


def _with_statuses(balancer: LoadBalancer, standing: _Standing) -> LoadBalancer:
    status = provisioning_status(standing.life, standing.at)
    values = {
        **vars(balancer),
        "provisioning_status": status,
        "operating_status": _operating(balancer, standing.at, out=standing.out),
        "provisioning_error": explanation(standing.life, standing.at),
    }
    return LoadBalancer.trusted(values)


def _operating(balancer: LoadBalancer, at: Progress, *, out: bool) -> OperatingStatus:
    if not balancer.admin_state_up:
        return OperatingStatus.DISABLED
    if at.applied == 0 or at.unknown:
        return OperatingStatus.OFFLINE
    return OperatingStatus.DEGRADED if out or at.silence else OperatingStatus.ONLINE


def status_tree(tx: Transaction, row: Row[Any]) -> Json:
    """Return the tree of statuses below a load balancer's `row`, in the form of LBaaS v2's `/statuses`."""
    standing = _standings(tx, [row.id])[row.id]
    at = standing.at
    of_it = select(member_health).where(member_health.c.loadbalancer_id == row.id)
    seen = tx.execute(of_it).mappings().all()
    health = combined_health(standing.bound, seen, standing.moment)
    said = reasons_out(standing.bound, seen, standing.moment)
    family = read_family(tx, row)
    lives = {row.id: Lifetime(row.created_generation, row.generation, row.deleted_generation)}
    for rows in family.below.values():
        for below in rows:
            lives[below.id] = Lifetime(
                below.created_generation, below.changed_generation, below.deleted_generation
            )
    tree = family.tree()
    return _Tree(tree, operating_tree(tree, health, at), at, lives, said).loadbalancer()


class _Tree:
    """Draws the statuses of one load balancer."""

    def __init__(
        self,
        graph: Tree,
        operating: OperatingTree,
        at: Progress,
        lives: Mapping[str, Lifetime],
        said: Mapping[str, str],
    ) -> None:
        self.graph, self.operating, self.at, self.lives, self.said = graph, operating, at, lives, said

    def _provisioning(self, object_id: str) -> str:
        at = self.at if object_id == self.graph.id else self.at.of(object_id)
        return provisioning_status(self.lives[object_id], at)

    def _entry(self, object_id: str, **more: Any) -> Json:
        entry: Json = {"id": object_id, "provisioning_status": self._provisioning(object_id)}
        if object_id in self.operating.by_id:
            entry["operating_status"] = self.operating.by_id[object_id]
        return {**entry, **more}

    def loadbalancer(self) -> Json:
        balancer = self.graph.loadbalancer
        entry = self._entry(
            balancer.id,
            name=balancer.name,
            operating_status=self.operating.loadbalancer,
            listeners=[self._listener(listener) for listener in self.graph.listeners],
            pools=[self._pool(node) for node in self.graph.pools],
        )
        reason = explanation(self.lives[balancer.id], self.at)
        if reason is not None:
            entry["provisioning_error"] = reason
        return entry

    def _listener(self, listener: Listener) -> Json:
        node = self.graph.pools_by_id.get(listener.default_pool_id or "")
        pools_below = [self._pool(node)] if node else []
        policies = [self._policy(node) for node in self.graph.policies_of(listener.id)]
        return self._entry(listener.id, name=listener.name, pools=pools_below, l7policies=policies)

    def _policy(self, node: PolicyNode) -> Json:
        rules = [self._entry(rule.id, type=rule.type) for rule in node.rules]
        return self._entry(node.policy.id, name=node.policy.name, action=node.policy.action, rules=rules)

    def _pool(self, node: PoolNode) -> Json:
        monitor = node.healthmonitor
        return self._entry(
            node.pool.id,
            name=node.pool.name,
            members=[self._member(member) for member in node.members],
            healthmonitor=self._entry(monitor.id, name=monitor.name, type=monitor.type) if monitor else {},
        )

    def _member(self, member: Member) -> Json:
        entry = self._entry(
            member.id, name=member.name, address=member.address, protocol_port=member.protocol_port
        )
        if entry["operating_status"] == OperatingStatus.OFFLINE:
            entry["operating_reason"] = why_out(member.id, self.at, self.said)
        return entry


def counters_of(tx: Transaction, loadbalancer_id: str) -> tuple[Counters, dict[str, Counters]]:
    """Return what all agents saw go through a load balancer since it was made, and by listener.

    The first has what listeners counted that are deleted, too.
    """
    found: dict[str, Counters] = defaultdict(Counters)
    for row in tx.execute(select(counters).where(counters.c.loadbalancer_id == loadbalancer_id)).mappings():
        found[row["owner_id"]] += Counters(**{name: row[name] for name in Counters.model_fields})
    total = sum(found.values(), Counters())
    found.pop(loadbalancer_id, None)
    return total, dict(found)
