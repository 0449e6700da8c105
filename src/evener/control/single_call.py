"""A whole load balancer from one request: everything below it in the transaction that makes it, or nothing.

Neutron-LBaaS calls it `lb-graph`. The rules are those of the operations that make each object alone; what they ask
the database there is asked of what is to be made here, so that a thousand members cost as few statements as one.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evener.control import batches, certificates, children, l7
from evener.control.bounds import check_all, check_listener
from evener.control.change import Change
from evener.resources.bounds import Bounds
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import L7CompareType, ListenerProtocol

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool to make, with its members and its monitor."""

    values: Values
    members: Sequence[Values] = ()
    healthmonitor: Values | None = None


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """An L7 policy to make, with its rules and the pool it sends requests to."""

    values: Values
    rules: Sequence[Values] = ()
    redirect_pool: PoolPlan | None = None


@dataclass(frozen=True, slots=True)
class ListenerPlan:
    """A listener to make, with its default pool and its policies."""

    values: Values
    default_pool: PoolPlan | None = None
    l7policies: Sequence[PolicyPlan] = ()


@dataclass(frozen=True, slots=True)
class BalancerPlan:
    """A load balancer to make, with its listeners."""

    values: Values
    listeners: Sequence[ListenerPlan] = ()


New = Mapping[type[Resource], Sequence[dict[str, Any]]]
Made = Mapping[type[Resource], Sequence[Resource]]
# In the order in which they are inserted: whoever names another comes after it.
ORDER: tuple[type[Resource], ...] = (Pool, Listener, Member, HealthMonitor, L7Policy, L7Rule)


def flat(plan: BalancerPlan) -> New:
    """Return the values of everything below a load balancer by kind, with ids, and the ids of those above."""
    found: dict[type[Resource], list[dict[str, Any]]] = {cls: [] for cls in ORDER}
    for listener in plan.listeners:
        _add_listener(found, listener)
    return found


def _add(found: New, cls: type[Resource], values: Values, **more: Any) -> dict[str, Any]:
    added = {**values, **more, "id": str(uuid.uuid4())}
    found[cls].append(added)  # type: ignore[attr-defined]
    return added


def check(bounds: Bounds, new: New) -> None:
    """Check, of what is to be made at once, what needs no look at what there is.

    Raises:
        QuotaExceeded: naming the bound.
    """
    for cls in ORDER:
        check_all(bounds, cls, new[cls])
    listener_of = {policy["id"]: policy["listener_id"] for policy in new[L7Policy]}
    regexes = Counter(
        listener_of[rule["l7policy_id"]]
        for rule in new[L7Rule]
        if rule["compare_type"] == L7CompareType.REGEX
    )
    bounds.check("regexes_per_listener", max(regexes.values(), default=0))
    for listener in new[Listener]:
        check_listener(bounds, listener)


def create_below(change: Change, new: New) -> Made:
    """Make everything below a load balancer that was just made: in a constant number of statements for each kind."""
    pools = {pool["id"]: pool for pool in new[Pool]}
    listeners = {listener["id"]: listener for listener in new[Listener]}
    _check_listeners(change, new[Listener], pools)
    batches.check_new(change, new[Member], {each["protocol_port"] for each in new[Listener]})
    for policy in new[L7Policy]:
        protocol = listeners[policy["listener_id"]]["protocol"]
        l7.check_listener(protocol)
        if policy["redirect_pool_id"] is not None:
            children.check_protocols(change, protocol, pools[policy["redirect_pool_id"]]["protocol"])
    made: Made = {cls: change.insert_all(cls, new[cls]) for cls in ORDER}
    for cls in certificates.KINDS:
        for each in made[cls]:
            certificates.claim(change.tx, change.certificates, each)
    return made


def _check_listeners(change: Change, listeners: Sequence[Values], pools: Mapping[str, Values]) -> None:
    ports: set[int] = set()
    for listener in listeners:
        if listener["protocol"] == ListenerProtocol.TERMINATED_HTTPS:
            certificates.service_of(change.certificates)
        if listener["protocol_port"] in ports:
            raise children.port_taken(change, listener)
        ports.add(listener["protocol_port"])
        if listener["default_pool_id"] is not None:
            children.check_protocols(
                change, listener["protocol"], pools[listener["default_pool_id"]]["protocol"]
            )


def _add_listener(found: New, plan: ListenerPlan) -> None:
    pool = None if plan.default_pool is None else _add_pool(found, plan.default_pool)
    listener = _add(found, Listener, plan.values, default_pool_id=pool)
    policies: list[dict[str, Any]] = []
    for policy in plan.l7policies:
        _add_policy(found, listener["id"], policy, policies)
    for position, values in enumerate(policies, 1):
        values["position"] = position


def _add_policy(found: New, listener_id: str, plan: PolicyPlan, before: list[dict[str, Any]]) -> None:
    """Add a policy, and put it at its place among those `before` it."""
    pool = None if plan.redirect_pool is None else _add_pool(found, plan.redirect_pool)
    policy = _add(found, L7Policy, plan.values, listener_id=listener_id, redirect_pool_id=pool)
    before.insert(policy["position"] - 1, policy)
    for rule in plan.rules:
        _add(found, L7Rule, rule, l7policy_id=policy["id"])


def _add_pool(found: New, plan: PoolPlan) -> str:
    pool: str = _add(found, Pool, plan.values)["id"]
    for member in plan.members:
        _add(found, Member, member, pool_id=pool)
    if plan.healthmonitor is not None:
        _add(found, HealthMonitor, plan.healthmonitor, pool_id=pool)
    return pool
