"""Filters and orders by what control derives: the statuses of objects, as expressions of their rows.

They are decided by the rules that decide what is shown, in SQL, so that a page costs one statement.
What the rules ask of an object is in `status_columns`; of a load balancer of which no more is shown, here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from sqlalchemy import ColumnElement, Select, and_, exists, select

from evener.control import reached
from evener.control.operating import Condition, Words
from evener.control.status_columns import (
    SILENT_SINCE,
    bound_to,
    condition,
    decided,
    operating_of_all,
    provisioning_of_all,
    reached_of_all,
    standing,
)
from evener.control.statuses import PROVISIONING_RULES
from evener.resources.describe import Resource
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import Transaction
from evener.store.rows import ListQuery, table
from evener.store.schema import agents, bindings, healthmonitors, loadbalancers, member_health, members, pools
from evener.store.sorting import Shown

# What `statuses.progress` asks of each agent that a load balancer is bound to.
OF_BINDINGS = (
    bindings.c.agent_id,
    bindings.c.applied_generation,
    bindings.c.failed_generation,
    bindings.c.failure,
    bindings.c.failed_objects,
    agents.c.host,
    agents.c.heartbeat_at,
)


def members_out(agent_id: ColumnElement[str]) -> Select[tuple[str]]:
    """Return the load balancers that have a checked and enabled member that an agent does not see well.

    Once for each such member. Whether it sees it well is asked before anything else is: most are well, and nothing
    more has to be read of those.
    """
    seen_well = exists().where(
        member_health.c.member_id == members.c.id,
        member_health.c.agent_id == agent_id,
        member_health.c.status == OperatingStatus.ONLINE.value,
    )
    return (
        select(members.c.loadbalancer_id)
        .join(pools, pools.c.id == members.c.pool_id)
        .join(healthmonitors, healthmonitors.c.pool_id == pools.c.id)
        .where(
            ~seen_well.correlate(members, bindings),
            members.c.admin_state_up.is_(True),
            members.c.deleted_generation.is_(None),
            pools.c.admin_state_up.is_(True),
            healthmonitors.c.admin_state_up.is_(True),
            healthmonitors.c.deleted_generation.is_(None),
        )
    )


def _condition() -> Condition:
    """Return what words ask that are shown of load balancers only: sets, as all of them are filtered."""
    own = loadbalancers.c
    heard = bound_to(agents.c.heartbeat_at >= SILENT_SINCE)
    silent = bound_to(agents.c.heartbeat_at < SILENT_SINCE)
    out = (
        members_out(bindings.c.agent_id)
        .join(bindings, bindings.c.loadbalancer_id == members.c.loadbalancer_id)
        .join(agents, agents.c.id == bindings.c.agent_id)
        .where(agents.c.heartbeat_at >= SILENT_SINCE)
    )
    idle = (reached_of_all() == 0) | own.id.not_in(heard)
    return Condition(
        disabled=own.admin_state_up.is_(False), idle=idle, silent=own.id.in_(silent), out=own.id.in_(out)
    )


@cache
def _provisioning_status(cls: type[Resource], _: Words) -> Shown:
    if cls is LoadBalancer:
        return Shown(provisioning_of_all(), nullable=False)
    return Shown(decided(PROVISIONING_RULES, standing(cls, table(cls))), nullable=False)


@cache
def _operating_status(cls: type[Resource], words: Words) -> Shown:
    if cls is LoadBalancer and words.everywhere:
        return Shown(operating_of_all(words), nullable=False)
    it = _condition() if cls is LoadBalancer else condition(cls, table(cls), words)
    return Shown(decided(words.rules[cls], it), nullable=False)


DERIVED: Mapping[str, tuple[type[StrEnum], Callable[[type[Resource], Words], Shown]]] = {
    "provisioning_status": (ProvisioningStatus, _provisioning_status),
    "operating_status": (OperatingStatus, _operating_status),
}


_KEPT = Shown(loadbalancers.c.standing, nullable=False)


@dataclass(frozen=True, slots=True)
class Split:
    """A query without its filters by statuses, the condition that stands for those, and the statuses to sort by."""

    query: ListQuery
    condition: ColumnElement[bool] | None
    keys: Mapping[str, Shown]


def split(tx: Transaction, cls: type[Resource], query: ListQuery, words: Words) -> Split:
    """Return what of `query` is about columns, and what is about statuses."""
    if not words.everywhere and cls is not LoadBalancer:
        return Split(query, None, {})
    named = {*query.filters, *(name for name, _ in query.sort)}
    kept = cls is LoadBalancer and "provisioning_status" in named and reached.is_everywhere(tx)
    keys = {name: _shown(cls, name, words, kept=kept) for name, _ in query.sort if name in DERIVED}
    plain: dict[str, Sequence[str]] = {}
    conditions: list[ColumnElement[bool]] = []
    for name, values in query.filters.items():
        if name not in DERIVED:
            plain[name] = values
            continue
        statuses, _ = DERIVED[name]
        # Databases disagree on case and trailing spaces of literals; what is no status is left out here.
        asked = [status.value for status in statuses if status in values]
        conditions.append(_shown(cls, name, words, kept=kept).value.in_(asked))
    if not conditions:
        return Split(query, None, keys)
    return Split(replace(query, filters=plain), and_(*conditions), keys)


def _shown(cls: type[Resource], name: str, words: Words, *, kept: bool) -> Shown:
    """Return what a status is shown with; where every row of a load balancer `kept` its own, that."""
    if kept and name == "provisioning_status":
        return _KEPT
    return DERIVED[name][1](cls, words)
