"""Reads objects that stand inside of one another: what is below a load balancer, or a part of it, in one request.

Knows no dialect; what a dialect has of its own is in its form, and in what `Reader` is told.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from evener.api.policy import Policy
from evener.control.single_call import BalancerPlan, ListenerPlan, PolicyPlan, PoolPlan
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wire import parse_create
from evener.resources.wire_form import WireForm

T = TypeVar("T")
Json = dict[str, Any]

# What a nested object may not say, because its place says it.
LINKED: dict[type[Resource], frozenset[str]] = {
    LoadBalancer: frozenset(),
    Listener: frozenset({"loadbalancer_id", "default_pool_id"}),
    Pool: frozenset({"loadbalancer_id", "listener_id"}),
    Member: frozenset(),
    HealthMonitor: frozenset({"pool_id"}),
    L7Policy: frozenset({"listener_id", "redirect_pool_id"}),
    L7Rule: frozenset(),
}
# The attributes of a body that hold objects, by kind, and of which kind those are: a list where it has the name of
# one. And the attributes that such an object stands for.
NESTED: dict[type[Resource], dict[str, type[Resource]]] = {
    LoadBalancer: {"listeners": Listener, "pools": Pool},
    Listener: {"default_pool": Pool, "l7policies": L7Policy},
    Pool: {"members": Member, "healthmonitor": HealthMonitor},
    L7Policy: {"rules": L7Rule, "redirect_pool": Pool},
}
STANDS_FOR = {"default_pool": "default_pool_id", "redirect_pool": "redirect_pool_id"}
NAMES = tuple(name for names in NESTED.values() for name in names)


def objects(given: Json) -> int:
    """Return how many objects of ours a nested body holds, without a look into them."""
    found, level = 0, [given]
    while level:
        found += len(level)
        inner = (value for each in level for name in NAMES for value in _as_list(each.get(name)))
        level = [value for value in inner if isinstance(value, dict)]
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Reader:
    """Reads nested bodies; errors say where. With `by_name`, one that has only a name is another pool of the body."""

    def __init__(self, caller: Caller, policy: Policy, form: WireForm, *, by_name: bool = False) -> None:
        self._caller, self._policy, self._form = caller, policy, form
        self._by_name = by_name
        self._named: dict[str, PoolPlan] = {}

    def _values(
        self, cls: type[Resource], given: Json, linked: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Read an object's own attributes; `linked` are those that its place says, or what is nested in it."""
        self._policy.check(self._caller, "create", cls)
        linked = LINKED[cls] if linked is None else linked
        nested = NESTED.get(cls, {})
        own = {
            name: value
            for name, value in given.items()
            if name not in nested and not (self._form.nulls and name in linked and value is None)
        }
        misplaced = sorted(linked & own.keys())
        if misplaced:
            raise InvalidInput(f"Attribute '{misplaced[0]}' not allowed in a graph: nest the object instead")
        values = parse_create(cls, {cls.KIND: own}, self._form, linked)
        self._policy.check_attributes(self._caller, "create", cls, values)
        return values

    def balancer(self, given: Json) -> BalancerPlan:
        """Read a load balancer."""
        if self._by_name:
            self._define(given)
            pools = tuple(self._named.values())
        elif "pools" in given:
            raise InvalidInput(self._form.complaints.not_in_create(LoadBalancer.KIND, "pools"))
        else:
            pools = ()
        return BalancerPlan(
            self._values(LoadBalancer, given), _each(given, "listeners", self.listener), pools
        )

    def _define(self, given: Json) -> None:
        """Read the pools, wherever they stand in the body, so that others may name them."""
        for where, pool in _whole_pools(given):
            name = pool.get("name")
            if not isinstance(name, str) or not name:
                raise InvalidInput(
                    f"{where}: Pools must be named when creating a fully populated loadbalancer."
                )
            if name in self._named:
                raise InvalidInput(
                    f"{where}: Pool names must be unique when creating a fully populated loadbalancer."
                )
            for attribute in ("protocol", "lb_algorithm"):
                if pool.get(attribute) is None:
                    raise InvalidInput(
                        f"Pool definition for '{name[:255]}' missing required attribute: {attribute}"
                    )
            self._named[name] = _located(where, self._whole_pool, pool)

    def part(self, cls: type[Resource], given: Json) -> ListenerPlan | PolicyPlan | PoolPlan:
        """Read an object that stands inside no other, of a kind that others stand inside."""
        linked = {STANDS_FOR[name] for name in STANDS_FOR if given.get(name) is not None}
        if cls is Listener:
            return self.listener(given, linked)
        return self.l7policy(given, linked) if cls is L7Policy else self._whole_pool(given, linked)

    def listener(self, given: Json, linked: Collection[str] | None = None) -> ListenerPlan:
        """Read a listener."""
        return ListenerPlan(
            self._values(Listener, given, linked),
            _one(given, "default_pool", self.pool),
            _each(given, "l7policies", self.l7policy),
        )

    def l7policy(self, given: Json, linked: Collection[str] | None = None) -> PolicyPlan:
        """Read an L7 policy."""
        return PolicyPlan(
            self._values(L7Policy, given, linked),
            _each(given, "rules", lambda rule: self._values(L7Rule, rule)),
            _one(given, "redirect_pool", self.pool),
        )

    def pool(self, given: Json) -> PoolPlan:
        """Read a pool, or find the one that is named."""
        name = given.get("name")
        if self._by_name and isinstance(name, str):
            if name in self._named:
                return self._named[name]
            if len(given) == 1:
                raise InvalidInput(f"Pool '{name[:255]}' was referenced but no full definition was found.")
        return self._whole_pool(given)

    def _whole_pool(self, given: Json, linked: Collection[str] | None = None) -> PoolPlan:
        return PoolPlan(
            self._values(Pool, given, linked),
            _each(given, "members", lambda member: self._values(Member, member)),
            _one(given, "healthmonitor", lambda monitor: self._values(HealthMonitor, monitor)),
        )


def _whole_pools(given: Json) -> list[tuple[str, Json]]:
    """Return the pools of a load balancer's body that are more than names, and where they stand."""
    found = [(f"pools[{index}]", pool) for index, pool in enumerate(_as_list(given.get("pools")))]
    for place, listener in enumerate(_as_list(given.get("listeners"))):
        if isinstance(listener, dict):
            where = f"listeners[{place}]"
            inside = [(f"{where}: default_pool", listener.get("default_pool"))]
            for index, policy in enumerate(_as_list(listener.get("l7policies"))):
                if isinstance(policy, dict):
                    inside.append(
                        (f"{where}: l7policies[{index}]: redirect_pool", policy.get("redirect_pool"))
                    )
            found += [each for each in inside if each[1] is not None and not _is_name(each[1])]
    wrong = [where for where, pool in found if pool is not None and not isinstance(pool, dict)]
    if wrong:
        raise InvalidInput(f"{wrong[0]}: an object is required")
    return [(where, pool) for where, pool in found if pool is not None]


def _is_name(pool: Any) -> bool:
    """Return whether what stands where a pool may stand only names another one."""
    return isinstance(pool, dict) and set(pool) == {"name"} and isinstance(pool["name"], str)


def _located(where: str, read: Callable[[Json], T], given: Any) -> T:
    if not isinstance(given, dict):
        raise InvalidInput(f"{where}: an object is required")
    try:
        return read(given)
    except InvalidInput as error:
        raise type(error)(f"{where}: {error.message}") from None


def _one(given: Json, name: str, read: Callable[[Json], T]) -> T | None:
    return None if given.get(name) is None else _located(name, read, given[name])


def _each(given: Json, name: str, read: Callable[[Json], T]) -> list[T]:
    entries = given.get(name) or []
    if not isinstance(entries, list):
        raise InvalidInput(f"Invalid input for {name}. Reason: a list is required.")
    return [_located(f"{name}[{index}]", read, entry) for index, entry in enumerate(entries)]
