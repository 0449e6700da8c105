"""What is shown of load balancers beyond their rows: statuses, and the tree of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Row, Select, select

from evener.control.graphs import Family, read_family
from evener.control.operating import Condition, Seen, Words, operating_tree
from evener.control.status_columns import condition, full, standing
from evener.control.status_filters import OF_BINDINGS, members_out
from evener.control.statuses import (
    Lifetime,
    Progress,
    Standing,
    combined_health,
    explanation,
    is_silent,
    progress,
    provisioning_status,
    reasons_out,
    standing_status,
    why_out,
)
from evener.resources.describe import Resource
from evener.resources.graph import Tree
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import Transaction, now
from evener.store.rows import of_all, table, wanted
from evener.store.schema import agents, bindings, listeners, loadbalancers, member_health, members

R = TypeVar("R", bound=Resource)
SWITCHES: frozenset[type[Resource]] = frozenset({HealthMonitor, L7Policy, L7Rule})


@dataclass(frozen=True, slots=True)
class _Standing:
    """What statuses of one load balancer are derived from; `below` is what rules ask of what is below it.

    `bound` are its rows of `bindings`, with their agents, and `moment` is when they were read.
    """

    life: Lifetime
    at: Progress
    below: Mapping[str, bool]
    bound: Sequence[Mapping[str, Any]]
    moment: datetime


@cache
def _statement(words: Words, *, one: bool) -> Select[Any]:
    """Return the statement of where load balancers stand; built once: that takes longer than to run it."""
    own = loadbalancers.c
    return (
        select(
            own.id.label("loadbalancer_id"),
            own.created_generation,
            own.generation,
            own.deleted_generation,
            *OF_BINDINGS,
            *(truth.label(name) for name, truth in _below(words).items()),
        )
        .outerjoin(bindings, bindings.c.loadbalancer_id == own.id)
        .outerjoin(agents, agents.c.id == bindings.c.agent_id)
        .where(wanted(own.id, one=one))
    )


@cache
def _below(words: Words) -> Mapping[str, ColumnElement[bool]]:
    """Return what rules ask of what is below a load balancer."""
    if words.everywhere:
        it = condition(LoadBalancer, loadbalancers, words)
        return {"error": it.error, "degraded": it.degraded}
    out = members_out(bindings.c.agent_id).where(members.c.loadbalancer_id == loadbalancers.c.id)
    return {"out": out.correlate(loadbalancers, bindings).exists()}


def _standings(tx: Transaction, ids: Sequence[str], words: Words) -> dict[str, _Standing]:
    """Return where load balancers stand, by id, in one statement."""
    by_balancer: dict[str, list[Row[Any]]] = defaultdict(list)
    moment = now()
    for row in of_all(tx, partial(_statement, words), ids):
        by_balancer[row.loadbalancer_id].append(row)
    return {key: _standing(rows, words, moment) for key, rows in by_balancer.items()}


def _standing(found: Sequence[Row[Any]], words: Words, moment: datetime) -> _Standing:
    row = found[0]
    life = Lifetime(row.created_generation, row.generation, row.deleted_generation)
    bound: list[Any] = [each._mapping for each in found if each.applied_generation is not None]  # noqa: SLF001
    # Whether a member is out is what an agent says, so those that are silent say nothing.
    heard = [each for each in bound if not is_silent(each, moment)]
    saying = [row._mapping] if words.everywhere else heard  # noqa: SLF001
    below = {name: any(each[name] for each in saying) for name in _below(words)}
    return _Standing(life, progress(bound, moment), below, bound, moment)


def _gone(words: Words) -> _Standing:
    """Return where one stands that has gone since it was read: it was on its way."""
    moment, below = now(), dict.fromkeys(_below(words), False)
    return _Standing(Lifetime(0, 0, 0), progress([], moment), below, [], moment)


def with_statuses(tx: Transaction, cls: type[R], found: Sequence[R], words: Words) -> Sequence[R]:
    """Return objects of one kind with those statuses that are shown of it, in one further statement at most.

    What goes between the statements is shown as on its way, so that no page ends before it is full.
    """
    if cls is LoadBalancer:
        balancers = cast("Sequence[LoadBalancer]", found)
        standings = _standings(tx, [each.id for each in balancers], words)
        where = [standings.get(each.id) or _gone(words) for each in balancers]
        shown = [_balancer(each, its, words) for each, its in zip(balancers, where, strict=True)]
        return cast("Sequence[R]", shown)
    if not (words.everywhere and cls in words.rules and found):
        return found
    rows = of_all(tx, partial(_of_kind, cls, words), [each.id for each in found])
    by_id = {row[0]: row for row in rows}
    return [each.trusted({**vars(each), **_both(cls, words, by_id.get(each.id))}) for each in found]


def _balancer(balancer: LoadBalancer, standing: _Standing, words: Words) -> LoadBalancer:
    at = standing.at
    it = Condition(
        disabled=not balancer.admin_state_up,
        idle=at.applied == 0 or at.unknown,
        silent=at.silence is not None,
        **standing.below,
    )
    values = {
        **vars(balancer),
        "provisioning_status": provisioning_status(standing.life, at),
        "operating_status": words.of(LoadBalancer, it),
        "provisioning_error": explanation(standing.life, at),
    }
    return LoadBalancer.trusted(values)


STANDING = len(fields(Standing))


@cache
def _of_kind(cls: type[Resource], words: Words, *, one: bool) -> Select[Any]:
    """Return the statement of what the rules ask of objects of one kind: id, standing, and what `_asked` names."""
    own = table(cls)
    it, stands = condition(cls, own, words), standing(cls, own)
    columns = [getattr(stands, each.name).label(f"at_{each.name}") for each in fields(Standing)]
    columns += [getattr(it, name).label(name) for name in _asked(cls, words)]
    return select(own.c.id, *columns).where(wanted(own.c.id, one=one))


@cache
def _asked(cls: type[Resource], words: Words) -> tuple[str, ...]:
    it = condition(cls, table(cls), words)
    return tuple(each.name for each in fields(it) if getattr(it, each.name) is not False)


def _both(cls: type[Resource], words: Words, row: Row[Any] | None) -> dict[str, StrEnum]:
    if row is None:  # it has gone meanwhile
        gone = Condition(disabled=False, idle=True, pending=True)
        return {
            "provisioning_status": ProvisioningStatus.PENDING_DELETE,
            "operating_status": words.of(cls, gone),
        }
    asked = dict(zip(_asked(cls, words), row[1 + STANDING :], strict=True))
    stands = Standing(*row[1 : 1 + STANDING])
    return {
        "provisioning_status": standing_status(stands),
        "operating_status": words.of(cls, Condition(**asked)),
    }


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


def statuses_below(tx: Transaction, row: Row[Any], words: Words) -> Statuses:
    """Return the statuses of a load balancer, of its `row`, and of everything below it."""
    where = _standings(tx, [row.id], words).get(row.id) or _gone(words)
    at = where.at
    of_it = select(member_health).where(member_health.c.loadbalancer_id == row.id)
    health = tx.execute(of_it).mappings().all()
    said = reasons_out(where.bound, health, where.moment)
    family = read_family(tx, row)
    own = Lifetime(row.created_generation, row.generation, row.deleted_generation)
    provisioning = {row.id: provisioning_status(own, at)}
    for below in (each for found in family.below.values() for each in found):
        life = Lifetime(below.created_generation, below.changed_generation, below.deleted_generation)
        provisioning[below.id] = provisioning_status(life, at.of(below.id))
    tree = family.tree()
    seen = Seen(
        at,
        combined_health(where.bound, health, where.moment),
        created={each.id: each.created_generation for found in family.below.values() for each in found},
        used=_used(tree),
        full=set(tx.scalar_ids(_FULL.where(listeners.c.loadbalancer_id == row.id)))
        if words.everywhere
        else (),
    )
    operating = operating_tree(tree, seen, words)
    by_id = {**operating.by_id, **_others(family, seen, words), row.id: operating.loadbalancer}
    out = [each.id for node in tree.pools for each in node.members if by_id[each.id] in NOT_WELL]
    reasons = {each: why_out(each, at, said) for each in out}
    return Statuses(tree, provisioning, by_id, reasons, explanation(own, at))


NOT_WELL = (OperatingStatus.OFFLINE, OperatingStatus.ERROR)
_FULL = select(listeners.c.id).where(full(listeners.c))


def _used(tree: Tree) -> set[str | None]:
    """Return the pools that listeners use, by themselves or by a policy."""
    by_policies = {node.policy.redirect_pool_id for node in tree.l7policies}
    return by_policies | {each.default_pool_id for each in tree.listeners}


def _others(family: Family, seen: Seen, words: Words) -> dict[str, OperatingStatus]:
    """Return the statuses of what serves nothing itself, where the words have any for it."""
    found = {}
    for cls in words.rules.keys() & SWITCHES:
        for row in family.below[cls]:
            it = Condition(disabled=not row.admin_state_up, idle=seen.idle, pending=seen.pending(row.id))
            found[row.id] = words.of(cls, it)
    return found
