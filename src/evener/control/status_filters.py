"""Filters by what control derives: the statuses of load balancers, as conditions on their rows.

They are decided by the rules of `evener.control.statuses`, in SQL, so that a page of filtered load balancers costs one
statement. What a load balancer stands on is gathered here: from rows there, from columns here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select

from evener.control.statuses import (
    AGENT_DOWN_AFTER,
    NEVER,
    OPERATING_RULES,
    PROVISIONING_RULES,
    Service,
    Standing,
)
from evener.resources.describe import Resource
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import now
from evener.store.rows import ListQuery
from evener.store.schema import agents, bindings, healthmonitors, loadbalancers, member_health, members, pools

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


_mine = bindings.c.loadbalancer_id == loadbalancers.c.id
_applied = func.coalesce(
    select(func.min(bindings.c.applied_generation)).where(_mine).correlate(loadbalancers).scalar_subquery(), 0
)
_failed = (
    select(func.max(bindings.c.failed_generation)).where(_mine).correlate(loadbalancers).scalar_subquery()
)


def _decided(rules: Sequence[tuple[Callable[[Any], Any], StrEnum]], it: object) -> ColumnElement[str]:
    """Return the status that the first rule gives that holds for `it`."""
    *first, (_, last) = rules
    return case(*((rule(it), status.value) for rule, status in first), else_=last.value)


def _provisioning_status() -> ColumnElement[str]:
    own = loadbalancers.c
    deleted = func.coalesce(own.deleted_generation, NEVER)
    it = Standing(own.created_generation, own.generation, deleted, _applied, func.coalesce(_failed, NEVER))
    return _decided(PROVISIONING_RULES, it)


def _operating_status() -> ColumnElement[str]:
    own = loadbalancers.c
    deadline = now() - AGENT_DOWN_AFTER
    bound = select(bindings.c.loadbalancer_id).join(agents, agents.c.id == bindings.c.agent_id)
    heard = bound.where(agents.c.heartbeat_at >= deadline)
    silent = bound.where(agents.c.heartbeat_at < deadline)
    out = (
        members_out(bindings.c.agent_id)
        .join(bindings, bindings.c.loadbalancer_id == members.c.loadbalancer_id)
        .join(agents, agents.c.id == bindings.c.agent_id)
        .where(agents.c.heartbeat_at >= deadline)
    )
    unknown = own.id.not_in(heard)
    it = Service(own.admin_state_up.is_(False), _applied, unknown, own.id.in_(silent), own.id.in_(out))
    return _decided(OPERATING_RULES, it)


Expression = Callable[[], ColumnElement[str]]
DERIVED: Mapping[tuple[type[Resource], str], tuple[type[StrEnum], Expression]] = {
    (LoadBalancer, "provisioning_status"): (ProvisioningStatus, _provisioning_status),
    (LoadBalancer, "operating_status"): (OperatingStatus, _operating_status),
}


def split(cls: type[Resource], query: ListQuery) -> tuple[ListQuery, ColumnElement[bool] | None]:
    """Return `query` without its filters by derived attributes, and the condition that stands for those."""
    plain: dict[str, Sequence[str]] = {}
    conditions: list[ColumnElement[bool]] = []
    for name, values in query.filters.items():
        if (cls, name) not in DERIVED:
            plain[name] = values
            continue
        statuses, expression = DERIVED[cls, name]
        # Databases disagree on case and trailing spaces of literals; what is no status is left out here.
        conditions.append(expression().in_([status.value for status in statuses if status in values]))
    if not conditions:
        return query, None
    return replace(query, filters=plain), and_(*conditions)
