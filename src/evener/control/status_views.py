"""What is shown of load balancers beyond their rows: statuses, and the tree of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, select

from evener.control.graphs import read_family
from evener.control.status_filters import OF_BINDINGS, members_out
from evener.control.statuses import (
    Lifetime,
    Progress,
    combined_health,
    explanation,
    is_silent,
    operating_status,
    operating_tree,
    progress,
    provisioning_status,
    reasons_out,
    why_out,
)
from evener.resources.graph import Tree
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import Transaction, now
from evener.store.rows import of_all, wanted
from evener.store.schema import agents, bindings, loadbalancers, member_health, members


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
            *OF_BINDINGS,
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
        "operating_status": operating_status(balancer, standing.at, out=standing.out),
        "provisioning_error": explanation(standing.life, standing.at),
    }
    return LoadBalancer.trusted(values)


@dataclass(frozen=True, slots=True)
class Statuses:
    """A load balancer with all below it, and how each part is, by its id: what a tree of statuses is drawn from.

    What has no operating status is absent from `operating`. `reasons` say why members are OFFLINE, `error` what
    there is to say of the load balancer's provisioning status.
    """

    tree: Tree
    provisioning: Mapping[str, ProvisioningStatus]
    operating: Mapping[str, OperatingStatus]
    reasons: Mapping[str, str]
    error: str | None


def statuses_below(tx: Transaction, row: Row[Any]) -> Statuses:
    """Return the statuses of a load balancer, of its `row`, and of everything below it."""
    standing = _standings(tx, [row.id])[row.id]
    at = standing.at
    of_it = select(member_health).where(member_health.c.loadbalancer_id == row.id)
    seen = tx.execute(of_it).mappings().all()
    health = combined_health(standing.bound, seen, standing.moment)
    said = reasons_out(standing.bound, seen, standing.moment)
    family = read_family(tx, row)
    own = Lifetime(row.created_generation, row.generation, row.deleted_generation)
    found = {row.id: provisioning_status(own, at)}
    for rows in family.below.values():
        for below in rows:
            life = Lifetime(below.created_generation, below.changed_generation, below.deleted_generation)
            found[below.id] = provisioning_status(life, at.of(below.id))
    tree = family.tree()
    operating = operating_tree(tree, health, at)
    by_id = {**operating.by_id, row.id: operating.loadbalancer}
    members = [member.id for node in tree.pools for member in node.members]
    reasons = {each: why_out(each, at, said) for each in members if by_id[each] == OperatingStatus.OFFLINE}
    return Statuses(tree, found, by_id, reasons, explanation(own, at))
