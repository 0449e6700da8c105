"""Which floating IP stands for which port, and over which router. Makes and removes none."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, bindparam, select, union_all

from evener.store.database import Transaction, now
from evener_cloud.network import errors
from evener_cloud.network.resources.network import LinkStatus
from evener_cloud.network.resources.port import (
    ROUTER_GATEWAY_OWNER,
    ROUTER_INTERFACE_OWNER,
    Port,
    PortAddress,
)
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.tables import floatingips, ip_allocations, ports, routers
from evener_cloud.network.visibility import lock


def exist_on_port(tx: Transaction, port_id: str) -> bool:
    """Return whether floating IPs stand for the port."""
    return _exist(tx, floatingips.c.port_id == port_id)


# Built once: members that are reached over routers come by the hundred.
_CALLED_BY = union_all(
    select(ip_allocations.c.ip_address).where(ip_allocations.c.port_id == bindparam("of_port")),
    select(floatingips.c.floating_ip_address).where(floatingips.c.port_id == bindparam("of_port")),
)


def called_by(tx: Transaction, port_id: str) -> frozenset[str]:
    """Return the addresses of a port, and the floating ones that stand for them."""
    return frozenset(address for (address,) in tx.execute(_CALLED_BY, {"of_port": port_id}))


def exist_over_router(tx: Transaction, router_id: str) -> bool:
    """Return whether floating IPs need the router's gateway."""
    return _exist(tx, floatingips.c.router_id == router_id)


def exist_from_subnet(tx: Transaction, router_id: str, subnet_id: str) -> bool:
    """Return whether floating IPs need the router's interface on the subnet."""
    inside = (
        select(ip_allocations.c.port_id)
        .where(
            ip_allocations.c.subnet_id == subnet_id,
            ip_allocations.c.port_id == floatingips.c.port_id,
            ip_allocations.c.ip_address == floatingips.c.fixed_ip_address,
        )
        .exists()
    )
    return _exist(tx, floatingips.c.router_id == router_id, inside)


def exist_for_address(tx: Transaction, port_id: str, addresses: Sequence[PortAddress]) -> bool:
    """Return whether floating IPs stand for one of these addresses of the port."""
    named = [address.ip_address for address in addresses]
    return _exist(tx, floatingips.c.port_id == port_id, floatingips.c.fixed_ip_address.in_(named))


def _exist(tx: Transaction, *conditions: ColumnElement[bool]) -> bool:
    return tx.scalar(select(floatingips.c.id).where(*conditions).limit(1)) is not None


def end(tx: Transaction, scope: str | None, port_id: str) -> None:
    """Let no floating IP stand for the port any more: it is to go.

    Raises:
        InUse: when one is another project's.
    """
    mine = floatingips.c.port_id == port_id
    if scope is not None and _exist(tx, mine, floatingips.c.project_id != scope):
        raise errors.port_associated(port_id)
    nothing = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": LinkStatus.DOWN.value}
    tx.execute(floatingips.update().where(mine).values(**nothing, updated_at=now()))


def hold_router(tx: Transaction, port: Port, subnet: Subnet, network_id: str) -> str:
    """Return the router that leads from an address of the port on `subnet` to the network outside, held.

    The one that is the subnet's gateway comes first; besides, only those of the port's project, and of who owns the
    subnet: another guest's could lead anywhere. It keeps its ports until the end of the transaction.

    Raises:
        NotFound: when there is none.
    """
    held: set[str] = set()
    while True:
        router_id = _router(tx, {port.project_id, subnet.project_id}, subnet, network_id)
        if router_id is None:
            raise errors.not_reachable(network_id, subnet.id, port.id)
        if router_id in held:
            return router_id
        lock(tx, Router, router_id, shared=True)
        held.add(router_id)


def _router(tx: Transaction, trusted: Collection[str], subnet: Subnet, network_id: str) -> str | None:
    outside = ports.alias()
    statement = (
        select(ports.c.device_id, ip_allocations.c.ip_address, routers.c.project_id)
        .join(routers, routers.c.id == ports.c.device_id)
        .join(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .join(outside, outside.c.device_id == ports.c.device_id)
        .where(
            ports.c.device_owner == ROUTER_INTERFACE_OWNER,
            ip_allocations.c.subnet_id == subnet.id,
            outside.c.device_owner == ROUTER_GATEWAY_OWNER,
            outside.c.network_id == network_id,
        )
        .order_by(ports.c.device_id)
    )
    found = tx.execute(statement).all()
    fitting = [row for row in found if row.ip_address == subnet.gateway_ip]
    fitting += [row for row in found if row.project_id in trusted]
    return fitting[0].device_id if fitting else None
