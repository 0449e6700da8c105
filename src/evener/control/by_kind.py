"""Which function makes, changes and deletes an object of each kind, and whose load balancer a new one goes to."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Row

from evener.control import children, l7
from evener.control.change import Change, NothingChanged, check, news
from evener.control.errors import ListenerWithoutLoadBalancer, PoolWithoutLoadBalancer
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

CREATES: Mapping[type[Resource], Callable[[Change, Mapping[str, Any]], Resource]] = {
    Listener: children.create_listener,
    Pool: children.create_pool,
    Member: children.create_member,
    HealthMonitor: children.create_healthmonitor,
    L7Policy: l7.create_l7policy,
    L7Rule: l7.create_l7rule,
}
UPDATES: Mapping[type[Resource], Callable[[Change, Row[Any], Mapping[str, Any]], None]] = {
    Listener: children.update_listener,
    Pool: children.update_pool,
    Member: children.update_member,
    HealthMonitor: children.update_healthmonitor,
    L7Policy: l7.update_l7policy,
    L7Rule: l7.update_l7rule,
}
DELETES: Mapping[type[Resource], Callable[[Change, Row[Any]], None]] = {
    Listener: children.delete_listener,
    Pool: children.delete_pool,
    Member: children.delete_member,
    HealthMonitor: children.delete_healthmonitor,
    L7Policy: l7.delete_l7policy,
    L7Rule: l7.delete_l7rule,
}


def refuse_if_same(
    change: Change, cls: type[Resource], row: Row[Any], values: Mapping[str, Any]
) -> frozenset[str]:
    """Let pass a change that changes something, and return which attributes.

    Raises:
        NothingChanged: where the object is what `values` are to make it, and may be.
    """
    brought = news(cls, row, values)
    if cls is L7Policy and brought == {"position"} and values["position"] > row.position:
        brought = news(cls, row, {"position": l7.position_of(change, row, values["position"])})
    if not brought:
        check(change.manner, cls, row, values)
        raise NothingChanged
    return brought


# An attribute of a new object that names another one, by which its load balancer is found.
OWNERS: tuple[tuple[str, type[Resource]], ...] = (
    ("loadbalancer_id", LoadBalancer),
    ("default_pool_id", Pool),
    ("listener_id", Listener),
    ("pool_id", Pool),
    ("l7policy_id", L7Policy),
)


def owner_of_new(cls: type[Resource], values: Mapping[str, Any]) -> tuple[type[Resource], str]:
    """Return the load balancer that a new object goes to, or an object below it, by what its values name.

    Raises:
        InvalidInput: when nothing names one.
    """
    for attribute, owner in OWNERS:
        if values.get(attribute):
            return owner, str(values[attribute])
    if cls is Listener:
        raise ListenerWithoutLoadBalancer("Listener must be created with a loadbalancer or pool.")
    raise PoolWithoutLoadBalancer("Pool must be created with a loadbalancer or listener.")
