"""Which rows a project sees and may change, as conditions of queries. `scope` is a project, or None for all.

A project sees its own networks, shared ones and external ones, with their subnets, and what is on its own networks;
it uses its own networks and shared ones.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select, Table, bindparam, or_, select

from evener.resources.describe import Resource
from evener.services.network import SubnetInfo
from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network.addresses import Right
from evener_cloud.network.errors import not_found
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.tables import (
    floatingips,
    networks,
    ports,
    routers,
    security_group_rules,
    security_groups,
    subnets,
)

R = TypeVar("R", bound=Resource)
Condition = ColumnElement[bool] | None
Scope = str | BindParameter[Any] | None


def sees_networks(scope: Scope) -> Condition:
    """Return the condition for the networks that `scope` sees."""
    if scope is None:
        return None
    return or_(networks.c.project_id == scope, networks.c.shared, networks.c.router_external)


def _networks_where(condition: ColumnElement[bool]) -> Select[tuple[str]]:
    return select(networks.c.id).where(condition)


def sees_subnets(scope: Scope) -> Condition:
    """Return the condition for the subnets that `scope` sees: its own, and those of networks that it sees."""
    if scope is None:
        return None
    seen = or_(networks.c.project_id == scope, networks.c.shared, networks.c.router_external)
    return or_(subnets.c.project_id == scope, subnets.c.network_id.in_(_networks_where(seen)))


def sees_ports(scope: Scope) -> Condition:
    """Return the condition for the ports that `scope` sees: its own, and all on its own networks."""
    if scope is None:
        return None
    own = networks.c.project_id == scope
    return or_(ports.c.project_id == scope, ports.c.network_id.in_(_networks_where(own)))


def sees_own(table: Table, scope: Scope) -> Condition:
    """Return the condition for the rows of `table` that `scope` sees where nothing is shared: its own."""
    return None if scope is None else table.c.project_id == scope


CONDITIONS: dict[str, Callable[[Scope], Condition]] = {
    "network": sees_networks,
    "subnet": sees_subnets,
    "port": sees_ports,
    "router": partial(sees_own, routers),
    "floatingip": partial(sees_own, floatingips),
    "security_group": partial(sees_own, security_groups),
    "security_group_rule": partial(sees_own, security_group_rules),
}


def find(tx: Transaction, cls: type[R], object_id: str, scope: str | None) -> R:
    """Return one object that `scope` sees, without what is derived from other tables but networks' subnets.

    Raises:
        NotFound: in Neutron's words.
    """
    if cls is Network:
        query = rows.ListQuery(filters={"id": (object_id,)})
        found = rows.listing(tx, cls, query, where=CONDITIONS[cls.KIND](scope))
        if found:
            return found[0]
    elif object_id.isprintable():  # else no database takes it
        row = tx.execute(
            _one(cls, scoped=scope is not None), {"wanted_id": object_id, "scope": scope}
        ).first()
        if row is not None:
            return rows.bare(cls, row)
    raise not_found(cls.KIND.capitalize(), object_id)


@cache
def _one(cls: type[Resource], *, scoped: bool) -> Select[Any]:
    """Return the statement of `find`, built once: to build it takes longer than to run it."""
    table = rows.table(cls)
    statement = select(table).where(table.c.id == bindparam("wanted_id"))
    condition = CONDITIONS[cls.KIND](bindparam("scope")) if scoped else None
    return statement if condition is None else statement.where(condition)


def find_subnet(tx: Transaction, subnet_id: str, scope: str | None) -> SubnetInfo:
    """Return what control needs of a subnet that `scope` sees: each member that is made asks, and for no more.

    Raises:
        NotFound: in Neutron's words.
    """
    if subnet_id.isprintable():
        row = tx.execute(_subnet(scoped=scope is not None), {"wanted_id": subnet_id, "scope": scope}).first()
        if row is not None:
            return SubnetInfo(*row)
    raise not_found(Subnet.KIND.capitalize(), subnet_id)


@cache
def _subnet(*, scoped: bool) -> Select[Any]:
    columns = subnets.c
    statement = select(columns.id, columns.network_id, columns.cidr, columns.ip_version)
    statement = statement.where(columns.id == bindparam("wanted_id"))
    condition = sees_subnets(bindparam("scope")) if scoped else None
    return statement if condition is None else statement.where(condition)


def lock(tx: Transaction, cls: type[R], object_id: str, *, shared: bool = False) -> R:
    """Hold one row until the end of the transaction and return what it says now.

    `shared` only keeps it from changing, and lets others do the same. Take a network's lock before those of
    its subnets.

    Raises:
        NotFound: when it went meanwhile.
    """
    table = rows.table(cls)
    statement = select(table).where(table.c.id == object_id)
    found = tx.execute(statement.with_for_update(read=shared)).first()
    if found is None:
        raise not_found(cls.KIND.capitalize(), object_id)
    return rows.bare(cls, found)


def owns(tx: Transaction, scope: str | None, resource: Resource) -> bool:
    """Return whether `scope` may change `resource`: its own, or one on its own network."""
    if scope is None or scope == resource.project_id:  # type: ignore[attr-defined]
        return True
    network_id = getattr(resource, "network_id", None)
    if network_id is None:
        return False
    return tx.scalar(select(networks.c.project_id).where(networks.c.id == network_id)) == scope


def right_on(tx: Transaction, scope: str | None, network_id: str, *, gateway: bool = False) -> Right:
    """Return which addresses `scope` may have by their names on a network; for a `gateway`, a gateway's too."""
    owner = select(networks.c.project_id).where(networks.c.id == network_id)
    if scope is not None and tx.scalar(owner) != scope:
        return Right.POOLS
    return Right.GATEWAY if gateway else Right.HOSTS


def may_use(scope: str | None, network: Network) -> bool:
    """Return whether `scope` may put ports on `network`."""
    return scope is None or network.shared or network.project_id == scope


def subnets_of(tx: Transaction, network_id: str, *, hold: bool = False) -> list[Subnet]:
    """Return the subnets of a network, oldest first; `hold` locks them until the end of the transaction.

    All of them, and always in the same order, so that two who need several never wait for each other.
    """
    statement = select(subnets).where(subnets.c.network_id == network_id)
    statement = statement.order_by(subnets.c.created_at, subnets.c.id)
    found = tx.execute(statement.with_for_update() if hold else statement)
    return [rows.bare(Subnet, row) for row in found]
