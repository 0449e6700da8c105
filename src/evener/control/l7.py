"""What it means to create, change and delete L7 policies and rules.

The positions of a listener's policies count from 1 without gaps; who moves makes the others close ranks.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, func, select, update

from evener.control import bounds
from evener.control.change import Change
from evener.control.children import check_protocols, living, other_loadbalancer
from evener.control.errors import PolicyNeedsHttp
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.pool import Pool
from evener.resources.types import L7CompareType, ListenerProtocol
from evener.store.schema import l7policies, l7rules

Values = Mapping[str, Any]
HTTP_LISTENERS = frozenset({ListenerProtocol.HTTP, ListenerProtocol.TERMINATED_HTTPS})


def create_l7policy(change: Change, values: Values) -> L7Policy:
    """Create a policy at the position asked for, or behind the last one."""
    listener = living(change, Listener, values["listener_id"])
    bounds.check_one_more(change, L7Policy, values)
    check_listener(listener.protocol)
    _check_redirect_pool(change, listener, values.get("redirect_pool_id"))
    position = min(values["position"], _count(change, listener.id) + 1)
    _shift(change, listener.id, position, by=1)
    return change.insert(L7Policy, {**values, "position": position})


def check_listener(protocol: str) -> None:
    """Check that a listener can have policies.

    Raises:
        Conflict: when it does not look into requests.
    """
    if protocol not in HTTP_LISTENERS:
        raise PolicyNeedsHttp(
            f"L7 policies need a listener of protocol HTTP or TERMINATED_HTTPS, not {protocol}",
        )


def update_l7policy(change: Change, row: Row[Any], values: Values) -> None:
    """Change a policy; a new position moves it between the others."""
    if values.get("redirect_pool_id"):
        _check_redirect_pool(change, living(change, Listener, row.listener_id), values["redirect_pool_id"])
    moved = dict(values)
    if "position" in values:
        moved["position"] = position_of(change, row, values["position"])
        change.update(L7Policy, row, {"position": 0})  # out of the others' way
        _shift(change, row.listener_id, row.position, by=-1)
        _shift(change, row.listener_id, moved["position"], by=1)
    change.update(L7Policy, row, moved)


def position_of(change: Change, row: Row[Any], position: int) -> int:
    """Return where a policy comes to stand that is to be at `position`."""
    return min(position, _count(change, row.listener_id))


def delete_l7policy(change: Change, row: Row[Any]) -> None:
    """Delete a policy with its rules; those behind it move up."""
    change.remove(L7Policy, row.id)
    change.remove_all(L7Rule, l7rules.c.l7policy_id == row.id)
    _shift(change, row.listener_id, row.position, by=-1)


def create_l7rule(change: Change, values: Values) -> L7Rule:
    """Create a rule of a policy."""
    policy = living(change, L7Policy, values["l7policy_id"])
    bounds.check_one_more(change, L7Rule, values)
    if values["compare_type"] == L7CompareType.REGEX:
        bounds.check_regexes(change, policy.listener_id)
    return change.insert(L7Rule, values)


def update_l7rule(change: Change, row: Row[Any], values: Values) -> None:
    """Change a rule."""
    if values.get("compare_type") == L7CompareType.REGEX:
        policy = living(change, L7Policy, row.l7policy_id)
        bounds.check_regexes(change, policy.listener_id, but=row.id)
    change.update(L7Rule, row, values)


def delete_l7rule(change: Change, row: Row[Any]) -> None:
    """Delete a rule."""
    change.remove(L7Rule, row.id)


def _check_redirect_pool(change: Change, listener: Row[Any], pool_id: str | None) -> None:
    if pool_id is None:
        return
    pool = living(change, Pool, pool_id)
    if pool.loadbalancer_id != listener.loadbalancer_id:
        raise other_loadbalancer()
    check_protocols(change, listener.protocol, pool.protocol)


def _count(change: Change, listener_id: str) -> int:
    statement = select(func.count()).where(
        l7policies.c.listener_id == listener_id, l7policies.c.deleted_generation.is_(None)
    )
    return change.tx.scalar(statement) or 0


def _shift(change: Change, listener_id: str, position: int, *, by: int) -> None:
    """Move the policies from `position` on by one place."""
    change.tx.execute(
        update(l7policies)
        .where(
            l7policies.c.listener_id == listener_id,
            l7policies.c.position >= position,
            l7policies.c.position > 0,
            l7policies.c.deleted_generation.is_(None),
        )
        .values(position=l7policies.c.position + by, changed_generation=change.generation)
    )
