"""What statuses are derived from, as columns and conditions on rows: `statuses.Standing`, `operating.Condition`.

So a page of any kind of objects, of however many load balancers, costs one statement, and a filter is decided by the
rules that decide what is shown. `own` is the table of a kind, or an alias of it; each subquery has aliases of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    union,
)

from evener.control.operating import Condition, Words
from evener.control.statuses import AGENT_DOWN_AFTER, NEVER, PROVISIONING_RULES, Standing
from evener.resources.describe import Resource
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import OperatingStatus
from evener.store.database import now
from evener.store.schema import (
    agents,
    bindings,
    counters,
    healthmonitors,
    l7policies,
    listeners,
    loadbalancers,
    member_health,
    members,
    pools,
)

Truth = ColumnElement[bool]
# Who has not been heard of since then is silent. When a statement runs, and not when it is built.
SILENT_SINCE: BindParameter[datetime] = bindparam(
    "silent_since", type_=agents.c.heartbeat_at.type, callable_=lambda: now() - AGENT_DOWN_AFTER
)


def decided(rules: Iterable[tuple[Callable[[Any], Any], StrEnum]], it: object) -> ColumnElement[str]:
    """Return the status that the first rule gives that holds for `it`."""
    *first, (_, last) = rules
    return case(*((rule(it), status.value) for rule, status in first), else_=last.value)


def _any(table: FromClause, *which: Truth) -> Truth:
    """Return whether there is such a row; what else is named stands outside."""
    return exists().where(*which).select_from(table).correlate_except(table)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A row whose status is asked for: its columns, and the one with its load balancer."""

    c: Any
    balancer: ColumnElement[str]

    def bound(self, *which: Callable[[Any], Truth]) -> Truth:
        """Return whether one of its agents is so: `which` get the columns of a binding."""
        binding = bindings.alias()
        found = (each(binding.c) for each in which)
        return _any(binding, binding.c.loadbalancer_id == self.balancer, *found)

    def heard(self, *which: Callable[[Any], Truth], silent: bool = False) -> Truth:
        """Return whether one of its agents is so that is heard of, or one that is silent."""
        return self.bound(lambda binding: _heard(binding.agent_id, silent=silent), *which)

    def applied(self) -> ColumnElement[int]:
        """Return the oldest generation that one of its agents is at.

        Not as a minimum: SQLite takes ten times as long for any aggregate as for the first of an index.
        """
        binding = bindings.alias()
        oldest = select(binding.c.applied_generation).where(binding.c.loadbalancer_id == self.balancer)
        oldest = oldest.order_by(binding.c.applied_generation).limit(1)
        return func.coalesce(oldest.correlate_except(binding).scalar_subquery(), 0)

    def failed(self) -> ColumnElement[int]:
        """Return the newest generation that failed on one of its agents."""
        binding = bindings.alias()
        newest = select(func.max(binding.c.failed_generation))
        newest = newest.where(binding.c.loadbalancer_id == self.balancer)
        return func.coalesce(newest.correlate_except(binding).scalar_subquery(), NEVER)


def _heard(agent_id: ColumnElement[str], *, silent: bool = False) -> Truth:
    agent = agents.alias()
    late = agent.c.heartbeat_at < SILENT_SINCE
    return _any(agent, agent.c.id == agent_id, late if silent else ~late)


def _subject(cls: type[Resource], own: FromClause) -> _Subject:
    return _Subject(own.c, own.c.id if cls is LoadBalancer else own.c.loadbalancer_id)


def applied(cls: type[Resource], own: FromClause) -> ColumnElement[int]:
    """Return the generation of its load balancer that all of its agents have applied."""
    return _subject(cls, own).applied()


def _unnamed(binding: Any) -> Truth:
    """A failure that names no objects is all objects'."""
    return and_(binding.failed_generation.is_not(None), binding.failed_objects.is_(None))


def _names(it: _Subject) -> Callable[[Any], Truth]:
    return lambda binding: cast(binding.failed_objects, Text).contains(it.c.id)


def standing(cls: type[Resource], own: FromClause) -> Standing:
    """Return what the rules of provisioning statuses ask of a row."""
    it = _subject(cls, own)
    failed = it.failed()
    if cls is not LoadBalancer:
        failed = case((or_(it.bound(_unnamed), it.bound(_names(it))), failed), else_=NEVER)
    changed = it.c.generation if cls is LoadBalancer else it.c.changed_generation
    deleted = func.coalesce(it.c.deleted_generation, NEVER)
    return Standing(it.c.created_generation, changed, deleted, it.applied(), failed)


def condition(cls: type[Resource], own: FromClause, words: Words) -> Condition:
    """Return what the rules of operating statuses ask of a row, in the words of an API that shows them everywhere."""
    it = _subject(cls, own)
    unknown = ~it.heard()
    return Condition(
        disabled=~and_(*_all_up(cls, it)),
        idle=or_(it.applied() == 0, unknown),
        pending=or_(it.c.created_generation > it.applied(), unknown),
        **MORE[cls](it, words) if cls in MORE else {},
    )


def _all_up(cls: type[Resource], it: _Subject) -> Iterable[Truth]:
    """Yield what has to be enabled; a monitor, a policy or a rule is nothing that serves, and stands for itself."""
    yield it.c.admin_state_up.is_(True)
    if cls is Member:
        yield _up(pools, it.c.pool_id)
    if cls in (Listener, Pool, Member):
        yield _up(loadbalancers, it.balancer)


def _up(table: Table, key: ColumnElement[str]) -> Truth:
    above = table.alias()
    return _any(above, above.c.id == key, above.c.admin_state_up.is_(True))


def _of_balancer(it: _Subject, words: Words) -> dict[str, Truth]:
    return {"silent": it.heard(silent=True), **_faults(it, words, _trouble(it))}


def _faults(it: _Subject, words: Words, trouble: Truth) -> dict[str, Truth]:
    """Most load balancers have nothing that makes anything below them other than well: that is asked first."""
    return {
        "error": case((trouble, _below(it, words, OperatingStatus.ERROR)), else_=false()),
        "degraded": case((trouble, _below(it, words, OperatingStatus.DEGRADED)), else_=false()),
    }


_OWN = loadbalancers.c.id
_BOUND = select(bindings.c.loadbalancer_id)
_FAILING = _BOUND.where(bindings.c.failed_generation.is_not(None))


def bound_to(which: Truth) -> Select[tuple[str]]:
    """Return the load balancers that an agent serves which is so; agents are few, and asked first."""
    return _BOUND.where(bindings.c.agent_id.in_(select(agents.c.id).where(which)))


def reached_of_all() -> ColumnElement[int]:
    """Return the oldest generation that an agent of a load balancer is at, where all are looked at: its row says so."""
    return func.coalesce(loadbalancers.c.reached_generation, applied(LoadBalancer, loadbalancers))


def provisioning_of_all() -> ColumnElement[str]:
    """Return what rules say of the `standing` of load balancers, where all are looked at."""
    it, own = standing(LoadBalancer, loadbalancers), loadbalancers.c
    kept = func.coalesce(own.failing_generation, NEVER)
    failed = case((own.reached_generation.is_not(None), kept), else_=it.failed)
    return decided(PROVISIONING_RULES, replace(it, applied=reached_of_all(), failed=failed))


def operating_of_all(words: Words) -> ColumnElement[str]:
    """Return what the rules say of the `condition` of load balancers, likewise."""
    it, rules = _subject(LoadBalancer, loadbalancers), words.rules[LoadBalancer]
    silent = bound_to(agents.c.heartbeat_at < SILENT_SINCE)
    out = member_health.c.status == OperatingStatus.OFFLINE.value
    trouble = (
        _FAILING,
        select(member_health.c.loadbalancer_id).where(out),
        select(listeners.c.loadbalancer_id).where(full(listeners.c)),
    )
    usual = Condition(disabled=~and_(*_all_up(LoadBalancer, it)), idle=reached_of_all() == 0)
    other = replace(
        usual,
        idle=or_(usual.idle, and_(_OWN.in_(silent), ~it.heard())),
        silent=_OWN.in_(silent),
        **_faults(it, words, _OWN.in_(union(*trouble))),
    )
    return case((_OWN.in_(union(silent, *trouble)), decided(rules, other)), else_=decided(rules, usual))


def _trouble(it: _Subject) -> Truth:
    """Return whether anything is below a load balancer for which a part is broken or full, or a member down."""
    front, health = listeners.alias(), member_health.alias()
    out = health.c.status == OperatingStatus.OFFLINE.value
    return or_(
        it.bound(lambda binding: binding.failed_generation.is_not(None)),
        _any(health, health.c.loadbalancer_id == it.balancer, out),
        _any(front, front.c.loadbalancer_id == it.balancer, full(front.c)),
    )


def _below(it: _Subject, words: Words, status: OperatingStatus) -> Truth:
    """Return whether a listener or pool of the load balancer has a status."""
    found = []
    for cls, table in ((Listener, listeners), (Pool, pools)):
        below = table.alias()
        how = decided(words.rules[cls], condition(cls, below, words))
        mine = (below.c.loadbalancer_id == it.balancer, below.c.deleted_generation.is_(None))
        found.append(_any(below, *mine, how == status.value))
    return or_(*found)


def _of_listener(it: _Subject, _: Words) -> dict[str, Truth]:
    unnamed = it.bound(_unnamed)
    never = and_(unnamed, it.c.created_generation > it.applied())
    return {"broken": or_(never, and_(~unnamed, it.bound(_names(it)))), "full": full(it.c)}


def full(listener: Any) -> Truth:
    """Return whether a listener has all connections that it may have, as far as its agents have said."""
    counted = counters.alias()
    open_now = select(func.sum(counted.c.active_connections)).where(counted.c.owner_id == listener.id)
    now = func.coalesce(open_now.correlate_except(counted).scalar_subquery(), 0)
    return and_(listener.connection_limit > 0, now >= listener.connection_limit)


def _of_pool(it: _Subject, _: Words) -> dict[str, Truth]:
    fronts, policies = listeners.alias(), l7policies.alias()
    used = or_(
        _any(fronts, fronts.c.default_pool_id == it.c.id, fronts.c.deleted_generation.is_(None)),
        _any(policies, policies.c.redirect_pool_id == it.c.id, policies.c.deleted_generation.is_(None)),
    )
    down = and_(_watched(it.c.id), _some_member(it, down=True))
    return {"unused": ~used, "down": down, "all_down": and_(down, ~_some_member(it, down=False))}


def _some_member(pool: _Subject, *, down: bool) -> Truth:
    """Return whether a pool has a member that is enabled and down, or one that is enabled and is not."""
    member = members.alias()
    seen_down = _down(member.c.id)
    return _any(
        member,
        member.c.pool_id == pool.c.id,
        member.c.admin_state_up.is_(True),
        member.c.deleted_generation.is_(None),
        seen_down if down else ~seen_down,
    )


def _of_member(it: _Subject, _: Words) -> dict[str, Truth]:
    watched = _watched(it.c.pool_id)
    return {
        "unwatched": ~watched,
        "well": ~it.heard(lambda binding: ~_seen_well(it.c.id, binding.agent_id)),
        "down": and_(watched, _down(it.c.id)),
        "drained": it.c.weight == 0,
    }


def _watched(pool_id: ColumnElement[str]) -> Truth:
    monitor = healthmonitors.alias()
    return _any(
        monitor,
        monitor.c.pool_id == pool_id,
        monitor.c.admin_state_up.is_(True),
        monitor.c.deleted_generation.is_(None),
    )


def _down(member_id: ColumnElement[str]) -> Truth:
    """Return whether an agent that is heard of sees a member out; most are well, so that is asked first."""
    health, binding = member_health.alias(), bindings.alias()
    speaks = _any(
        binding,
        binding.c.agent_id == health.c.agent_id,
        binding.c.loadbalancer_id == health.c.loadbalancer_id,
        _heard(health.c.agent_id),
    )
    out = health.c.status == OperatingStatus.OFFLINE.value
    return _any(health, health.c.member_id == member_id, out, speaks)


def _seen_well(member_id: ColumnElement[str], agent_id: ColumnElement[str]) -> Truth:
    health = member_health.alias()
    well = health.c.status == OperatingStatus.ONLINE.value
    return _any(health, health.c.member_id == member_id, health.c.agent_id == agent_id, well)


MORE: Mapping[type[Resource], Callable[[_Subject, Words], dict[str, Truth]]] = {
    LoadBalancer: _of_balancer,
    Listener: _of_listener,
    Pool: _of_pool,
    Member: _of_member,
}
