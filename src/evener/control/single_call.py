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
from evener.control.by_kind import CREATES
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


@dataclass(frozen=True, slots=True, eq=False)
class PoolPlan:
    """A pool to make, with its members and its monitor; one that several name is made once."""

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
    """A load balancer to make, with its listeners, and its pools where these are not all of the listeners'."""

    values: Values
    listeners: Sequence[ListenerPlan] = ()
    pools: Sequence[PoolPlan] = ()


PartPlan = ListenerPlan | PolicyPlan | PoolPlan
KINDS: Mapping[type[PartPlan], type[Resource]] = {
    ListenerPlan: Listener,
    PolicyPlan: L7Policy,
    PoolPlan: Pool,
}

New = Mapping[type[Resource], Sequence[dict[str, Any]]]
Made = Mapping[type[Resource], Sequence[Resource]]
# In the order in which they are inserted: whoever names another comes after it.
ORDER: tuple[type[Resource], ...] = (Pool, Listener, Member, HealthMonitor, L7Policy, L7Rule)


def flat(plan: BalancerPlan | PartPlan) -> New:
    """Return the values of all that is to be made but the load balancer, by kind, with ids, and of those above."""
    made = _Made()
    match plan:
        case BalancerPlan():
            for pool in plan.pools:
                made.pool(pool)
            for listener in plan.listeners:
                made.listener(listener)
        case ListenerPlan():
            made.listener(plan)
        case PolicyPlan():
            made.policy(plan, plan.values["listener_id"])
        case PoolPlan():
            made.pool(plan)
    return made.found


class _Made:
    """What is found in plans so far."""

    def __init__(self) -> None:
        self.found: dict[type[Resource], list[dict[str, Any]]] = {cls: [] for cls in ORDER}
        self._pools: dict[PoolPlan, str] = {}

    def _add(self, cls: type[Resource], values: Values, **more: Any) -> dict[str, Any]:
        added = {**values, **more, "id": str(uuid.uuid4())}
        self.found[cls].append(added)
        return added

    def listener(self, plan: ListenerPlan) -> None:
        """Add a listener."""
        pool = (
            plan.values.get("default_pool_id") if plan.default_pool is None else self.pool(plan.default_pool)
        )
        listener = self._add(Listener, plan.values, default_pool_id=pool)
        policies: list[dict[str, Any]] = []
        for each in plan.l7policies:
            policy = self.policy(each, listener["id"])
            policies.insert(policy["position"] - 1, policy)
        for position, values in enumerate(policies, 1):
            values["position"] = position

    def policy(self, plan: PolicyPlan, listener_id: str) -> dict[str, Any]:
        """Add a policy, and return its values; its action may be another than to use its pool."""
        pool = None if plan.redirect_pool is None else self.pool(plan.redirect_pool)
        redirect = plan.values.get("redirect_pool_id", pool)
        policy = self._add(L7Policy, plan.values, listener_id=listener_id, redirect_pool_id=redirect)
        for rule in plan.rules:
            self._add(L7Rule, rule, l7policy_id=policy["id"])
        return policy

    def pool(self, plan: PoolPlan) -> str:
        """Add a pool that is not there yet, and return its id."""
        if plan not in self._pools:
            pool = self._pools[plan] = self._add(Pool, plan.values)["id"]
            for member in plan.members:
                self._add(Member, member, pool_id=pool)
            if plan.healthmonitor is not None:
                self._add(HealthMonitor, plan.healthmonitor, pool_id=pool)
        return self._pools[plan]


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


def summary(new: New) -> str:
    """Return how many of each kind are to be made, in words."""
    return ", ".join(
        f"{len(each)} {cls.PLURAL if len(each) > 1 else cls.KIND}" for cls, each in new.items() if each
    )


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
            certificates.consumers_of(change.certificates)
        if listener["protocol_port"] in ports:
            raise children.port_taken(change, listener)
        ports.add(listener["protocol_port"])
        if listener["default_pool_id"] is not None:
            children.check_protocols(
                change, listener["protocol"], pools[listener["default_pool_id"]]["protocol"]
            )


def create_part(change: Change, new: New) -> None:
    """Make something below a load balancer that is there, with all below it, by the rules that make each alone."""
    for cls in ORDER:
        if cls is Member:
            for pool_id in dict.fromkeys(member["pool_id"] for member in new[Member]):
                batches.create(change, [each for each in new[Member] if each["pool_id"] == pool_id])
            continue
        for values in new[cls]:
            CREATES[cls](change, values)
