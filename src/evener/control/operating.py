"""Operating statuses: how well objects are, in the words of an API. Pure: trees and what was seen of them in.

Which word fits is data: rules that hold for truths, and as well for conditions of a database, so that lists and their
filters mean the same (`status_columns`); hence `&` and `|` in them. Knows no dialect: whoever has other words says so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evener.control.statuses import Progress
from evener.resources.describe import Resource
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import OperatingStatus

ONLINE, OFFLINE = OperatingStatus.ONLINE, OperatingStatus.OFFLINE
DEGRADED, ERROR = OperatingStatus.DEGRADED, OperatingStatus.ERROR
DISABLED, NO_MONITOR = OperatingStatus.DISABLED, OperatingStatus.NO_MONITOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How an object is, as rules ask: truths, or conditions on columns. What means nothing for its kind is False.

    It is `disabled` by its own admin_state_up or that of what it is in; `idle` while nothing is known to be applied
    of its load balancer, `pending` while it is not known to be applied itself.
    """

    disabled: Any
    idle: Any
    pending: Any = False
    silent: Any = False  # one of its agents has not been heard of
    error: Any = False  # a listener or pool of the load balancer is ERROR
    degraded: Any = False  # one of them is DEGRADED
    broken: Any = False  # the listener is not served as it should be
    full: Any = False  # the listener has all connections that it may have
    unused: Any = False  # no listener uses the pool
    out: Any = False  # a checked member is not seen well: of the pool, of the listener's, or of any
    all_out: Any = False  # nor is any other of the pool's
    down: Any = False  # its checks fail, or those of a member of the pool
    all_down: Any = False  # and those of all others of the pool that are enabled
    unwatched: Any = False  # no monitor looks at the member
    well: Any = False  # every agent that is heard of sees the member well
    drained: Any = False  # the member's weight is 0


Rule = tuple[Callable[[Condition], Any], OperatingStatus]


def always(_: Condition) -> Any:
    """The last rule's condition."""
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The rules by kind, of which the first that holds decides. A kind without rules has no operating status.

    `everywhere`: both statuses are shown on every object, and not on load balancers alone.
    """

    rules: Mapping[type[Resource], Sequence[Rule]]
    everywhere: bool = False

    def of(self, cls: type[Resource], it: Condition) -> OperatingStatus:
        """Return the status of an object of a kind that has rules."""
        return next(status for rule, status in self.rules[cls] if rule(it))


_DISABLED: Rule = (lambda it: it.disabled, DISABLED)
_IDLE: Rule = (lambda it: it.idle, OFFLINE)
# LBaaS v2 has no word for what nobody knows: that is OFFLINE as well.
WORDS = Words(
    {
        LoadBalancer: (_DISABLED, _IDLE, (lambda it: it.silent | it.out, DEGRADED), (always, ONLINE)),
        Listener: (_DISABLED, _IDLE, (lambda it: it.out, DEGRADED), (always, ONLINE)),
        Pool: (
            *(_DISABLED, _IDLE),
            (lambda it: it.all_out, OFFLINE),
            (lambda it: it.out, DEGRADED),
            (always, ONLINE),
        ),
        Member: (
            *(_DISABLED, _IDLE),
            (lambda it: it.unwatched, NO_MONITOR),
            (lambda it: it.well, ONLINE),
            (always, OFFLINE),
        ),
    }
)


class Switched(Protocol):
    """What can be disabled."""

    @property
    def admin_state_up(self) -> bool: ...


class Part(Switched, Protocol):
    """An object of a load balancer."""

    @property
    def id(self) -> str: ...


class Front(Part, Protocol):
    """As much of a listener as statuses need."""

    @property
    def default_pool_id(self) -> str | None: ...


class Server(Part, Protocol):
    """As much of a member as statuses need."""

    @property
    def weight(self) -> int: ...


class PoolParts(Protocol):
    """As much of a `PoolNode` as statuses need."""

    @property
    def pool(self) -> Part: ...
    @property
    def members(self) -> Sequence[Server]: ...
    @property
    def healthmonitor(self) -> Switched | None: ...


class Parts(Protocol):
    """As much of a `Graph` as statuses need; rows of the database will do, where there are many."""

    @property
    def loadbalancer(self) -> Switched: ...
    @property
    def listeners(self) -> Sequence[Front]: ...
    @property
    def pools(self) -> Sequence[PoolParts]: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a load balancer: members' health by id (`statuses.combined_health`), and how far it is.

    What only some words ask for may be left out: the generations in which objects came, by id; the pools that
    listeners use, and the listeners that are full.
    """

    at: Progress
    health: Mapping[str, OperatingStatus]
    created: Mapping[str, int] = field(default_factory=dict)
    used: Collection[str | None] = ()
    full: Collection[str] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing is known to be applied."""
        return self.at.applied == 0 or self.at.unknown

    def pending(self, object_id: str) -> bool:
        """Return whether an object is not known to be applied."""
        return self.at.unknown or self.created.get(object_id, 0) > self.at.applied


@dataclass(frozen=True, slots=True)
class OperatingTree:
    """The operating status of a load balancer and of everything below it, by id."""

    loadbalancer: OperatingStatus
    by_id: Mapping[str, OperatingStatus]


def operating_tree(graph: Parts, seen: Seen, words: Words = WORDS) -> OperatingTree:
    """Return the operating statuses of all that is in `graph`: the load balancer, listeners, pools and members."""
    up = graph.loadbalancer.admin_state_up
    found: dict[str, OperatingStatus] = {}
    out: set[str] = set()  # pools with members that are not seen well
    for node in graph.pools:
        members = _members(node, seen, up=up)
        found.update((key, words.of(Member, it)) for key, it in members.items())
        pool = _pool(node, members.values(), seen, up=up)
        found[node.pool.id] = words.of(Pool, pool)
        out |= {node.pool.id} if pool.out else set()
    for listener in graph.listeners:
        it = Condition(
            disabled=not (up and listener.admin_state_up),
            idle=seen.idle,
            pending=seen.pending(listener.id),
            broken=_broken(listener.id, seen),
            full=listener.id in seen.full,
            out=listener.default_pool_id in out,
        )
        found[listener.id] = words.of(Listener, it)
    below = [found[each.id] for each in (*graph.listeners, *(node.pool for node in graph.pools))]
    whole = Condition(
        disabled=not up,
        idle=seen.idle,
        silent=seen.at.silence is not None,
        out=bool(out),
        error=ERROR in below,
        degraded=DEGRADED in below,
    )
    return OperatingTree(words.of(LoadBalancer, whole), found)


def _members(node: PoolParts, seen: Seen, *, up: bool) -> dict[str, Condition]:
    watched = node.healthmonitor is not None and node.healthmonitor.admin_state_up
    enabled = up and node.pool.admin_state_up
    return {
        member.id: Condition(
            disabled=not (enabled and member.admin_state_up),
            idle=seen.idle,
            pending=seen.pending(member.id),
            unwatched=not watched,
            well=seen.health.get(member.id) == ONLINE,
            down=watched and seen.health.get(member.id) == OFFLINE,
            drained=member.weight == 0,
        )
        for member in node.members
    }


def _pool(node: PoolParts, members: Iterable[Condition], seen: Seen, *, up: bool) -> Condition:
    enabled = up and node.pool.admin_state_up
    serving = [it for it in members if not it.disabled]
    out = [not (it.unwatched or it.well) for it in serving]
    down = [it.down for it in serving]
    return Condition(
        disabled=not enabled,
        idle=seen.idle,
        pending=seen.pending(node.pool.id),
        unused=node.pool.id not in seen.used,
        out=any(out),
        all_out=any(out) and all(out),
        down=any(down),
        all_down=any(down) and all(down),
    )


def _broken(listener_id: str, seen: Seen) -> bool:
    """Return whether a listener is named by a failure, or came with what could not be applied."""
    at = seen.at.of(listener_id)
    if at.failed is None:
        return False
    return at.concerned is not None or seen.created.get(listener_id, 0) > at.applied
