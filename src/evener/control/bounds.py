"""How large a load balancer is, counted under its lock before one more object is made. Decides no bound.

What is on its way out counts until the agents have let go of it: it takes its place until then.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, bindparam, func, select

from evener.control.change import Change
from evener.resources.bounds import Bounds
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import L7CompareType
from evener.store.rows import table
from evener.store.schema import l7policies, l7rules

Values = Mapping[str, Any]
# The bounds of each kind: by what its objects are counted. A pool has one monitor, so pools bound monitors.
COUNTED: Mapping[type[Resource], Mapping[str, str]] = {
    Listener: {"listeners_per_loadbalancer": "loadbalancer_id"},
    Pool: {"pools_per_loadbalancer": "loadbalancer_id"},
    Member: {"members_per_loadbalancer": "loadbalancer_id", "members_per_pool": "pool_id"},
    HealthMonitor: {},
    L7Policy: {"l7policies_per_listener": "listener_id"},
    L7Rule: {"rules_per_loadbalancer": "loadbalancer_id", "rules_per_l7policy": "l7policy_id"},
}


def counts(cls: type[Resource]) -> list[ColumnElement[int]]:
    """Return how many objects count for each bound of a kind, as columns by the bounds' names.

    The parameters of the statement are named as the columns that they are compared with, with `of_` before.
    """
    return [_count(cls, column).label(bound) for bound, column in COUNTED[cls].items()]


def _count(cls: type[Resource], column: str) -> ScalarSelect[int]:
    rows = table(cls)
    return (
        select(func.count())
        .select_from(rows)
        .where(rows.c[column] == bindparam(f"of_{column}"))
        .scalar_subquery()  # of an index alone
    )


@cache
def _all_counts(cls: type[Resource]) -> Select[Any]:
    columns: list[Any] = counts(cls)  # as many as there are
    return select(*columns)


def check_one_more(change: Change, cls: type[Resource], values: Values) -> None:
    """Let pass one more object below the load balancer of `change`.

    Raises:
        QuotaExceeded: naming the bound.
    """
    check_more(change, cls, values, 1)


def check_more(change: Change, cls: type[Resource], values: Values, more: int) -> None:
    """Let pass so many objects more, all below the same that `values` name.

    Raises:
        QuotaExceeded: naming the bound.
    """
    if not COUNTED[cls]:
        return
    above = {**values, "loadbalancer_id": change.loadbalancer.id}
    which = {f"of_{column}": above[column] for column in COUNTED[cls].values()}
    check_counted(change.bounds, cls, change.tx.execute(_all_counts(cls), which).one(), more)


def check_counted(bounds: Bounds, cls: type[Resource], counted: Row[Any], more: int = 1) -> None:
    """Let pass so many objects more, where `counted` are there by each bound's name."""
    for bound in COUNTED[cls]:
        bounds.check(bound, getattr(counted, bound) + more)


def check_all(bounds: Bounds, cls: type[Resource], new: Collection[Values]) -> None:
    """Let pass all objects of a kind that a new load balancer is made with.

    Raises:
        QuotaExceeded: naming the bound.
    """
    for bound, column in COUNTED[cls].items():
        if column == "loadbalancer_id":
            bounds.check(bound, len(new))
            continue
        of_each: dict[str, int] = {}
        for values in new:
            of_each[values[column]] = of_each.get(values[column], 0) + 1
        bounds.check(bound, max(of_each.values(), default=0))


def check_listener(bounds: Bounds, values: Values) -> None:
    """Let pass the certificates and the limit of connections that a listener is given.

    Raises:
        QuotaExceeded: naming the bound.
    """
    bounds.check("certificates_per_listener", len(values.get("sni_container_refs") or ()) + 1)
    bounds.check("connections_per_listener", values.get("connection_limit", 0))


_REGEXES = (
    select(func.count())
    .select_from(l7rules.join(l7policies, l7policies.c.id == l7rules.c.l7policy_id))
    .where(
        l7policies.c.listener_id == bindparam("of_listener"),
        l7rules.c.compare_type == L7CompareType.REGEX.value,
        l7rules.c.id != bindparam("but"),
    )
)


def check_regexes(change: Change, listener_id: str, but: str = "") -> None:
    """Let pass one more regular expression on a listener; the rule `but` is the one that gets it."""
    there = change.tx.scalar(_REGEXES, {"of_listener": listener_id, "but": but}) or 0
    change.bounds.check("regexes_per_listener", there + 1)
