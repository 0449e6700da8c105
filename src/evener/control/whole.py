"""A whole load balancer from one request: everything below it in the transaction that makes it, or nothing.

Neutron-LBaaS calls it `lb-graph`. Each object is made by the operation that makes it alone, so the same rules hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evener.control import children, l7
from evener.control.change import Change
from evener.resources.describe import Child, Children, Resource, descriptors
from evener.resources.graph import Graph, PolicyNode, PoolNode
from evener.resources.wire import to_wire

Values = Mapping[str, Any]
Json = dict[str, Any]


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


def create_below(change: Change, plan: BalancerPlan) -> None:
    """Make everything below a load balancer that was just made."""
    for listener in plan.listeners:
        _create_listener(change, listener)


def _create_listener(change: Change, plan: ListenerPlan) -> None:
    values = dict(plan.values)
    if plan.default_pool is not None:
        values["default_pool_id"] = _create_pool(change, plan.default_pool)
    listener = children.create_listener(change, values)
    for policy in plan.l7policies:
        _create_policy(change, listener.id, policy)


def _create_policy(change: Change, listener_id: str, plan: PolicyPlan) -> None:
    values = {**plan.values, "listener_id": listener_id}
    if plan.redirect_pool is not None:
        values["redirect_pool_id"] = _create_pool(change, plan.redirect_pool)
    policy = l7.create_l7policy(change, values)
    for rule in plan.rules:
        l7.create_l7rule(change, {**rule, "l7policy_id": policy.id})


def _create_pool(change: Change, plan: PoolPlan) -> str:
    pool = children.create_pool(change, plan.values)
    for member in plan.members:
        children.create_member(change, {**member, "pool_id": pool.id})
    if plan.healthmonitor is not None:
        children.create_healthmonitor(change, {**plan.healthmonitor, "pool_id": pool.id})
    return pool.id


def shown(balancer: Json, graph: Graph) -> Json:
    """Return a load balancer as it is shown, with everything below it in place of ids."""
    listeners = []
    for listener in graph.listeners:
        entry = _own(listener)
        if listener.default_pool_id is not None:
            entry["default_pool"] = _pool(graph.pools_by_id[listener.default_pool_id])
        entry["l7policies"] = [_policy(graph, node) for node in graph.policies_of(listener.id)]
        listeners.append(entry)
    without_pools = {name: value for name, value in balancer.items() if name != "pools"}
    return {**without_pools, "listeners": listeners}


def _policy(graph: Graph, node: PolicyNode) -> Json:
    entry = {**_own(node.policy), "rules": [_own(rule) for rule in node.rules]}
    if node.policy.redirect_pool_id is not None:
        entry["redirect_pool"] = _pool(graph.pools_by_id[node.policy.redirect_pool_id])
    return entry


def _pool(node: PoolNode) -> Json:
    entry = {**_own(node.pool), "members": [_own(member) for member in node.members]}
    if node.healthmonitor is not None:
        entry["healthmonitor"] = _own(node.healthmonitor)
    return entry


def _own(resource: Resource) -> Json:
    """Return what is shown of one object without the ids of those below it, which stand there whole."""
    marks = descriptors(type(resource))
    return {
        name: value
        for name, value in to_wire(resource).items()
        if name not in marks or not isinstance(marks[name][1], Children | Child)
    }
