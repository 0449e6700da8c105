"""Ports of users that load balancers take over, as they are, and leave when they go: inside a transaction.

A row says so, as users may write into a port's `device_id` and `device_owner` whatever they like.
"""

from sqlalchemy import select

from evener.resources.errors import InvalidInput
from evener.services.network import VipAllocation
from evener.store import rows
from evener.store.database import Transaction
from evener.store.schema import loadbalancers
from evener_cloud.network import errors, hosting
from evener_cloud.network.allocations import addresses_of
from evener_cloud.network.resources.port import LOADBALANCER_OWNER, Port
from evener_cloud.network.tables import adopted_ports
from evener_cloud.network.visibility import find, lock, owns

_OURS = adopted_ports.c


def adopt(
    tx: Transaction,
    scope: str | None,
    loadbalancer_id: str,
    port_id: str,
    subnet_id: str | None,
    address: str | None,
) -> VipAllocation:
    """Give a port to a load balancer; see `evener.services.network.Network.adopt_vip_port`."""
    if not owns(tx, scope, find(tx, Port, port_id, scope)):
        raise errors.disallowed("update_port")
    port = lock(tx, Port, port_id)
    if port.device_id:
        raise InvalidInput(f"Port {port_id} is in use by device {port.device_id}.")
    found = vip_on(tx, port_id, port.network_id, subnet_id, address)
    ours = {"port_id": port_id, "loadbalancer_id": loadbalancer_id, "device_owner": port.device_owner}
    tx.execute(adopted_ports.insert(), ours)
    rows.update(tx, Port, port_id, device_id=loadbalancer_id, device_owner=LOADBALANCER_OWNER)
    return found


def vip_on(
    tx: Transaction, port_id: str, network_id: str, subnet_id: str | None, address: str | None
) -> VipAllocation:
    """Return the one address of a port that can be the VIP.

    Raises:
        InvalidInput: when there is none, or more than one.
    """
    fitting = [
        each
        for each in addresses_of(tx, [port_id]).get(port_id, ())
        if subnet_id in (None, each.subnet_id) and address in (None, each.ip_address)
    ]
    if len(fitting) != 1:
        how = "no address" if not fitting else "more than one address"
        raise InvalidInput(f"Port {port_id} has {how} that the VIP could be; name its subnet or address.")
    found, footing = fitting[0], hosting.footing_of_port(tx, port_id)
    return VipAllocation(port_id, str(found.ip_address), str(found.subnet_id), network_id, footing)


def leave(tx: Transaction, loadbalancer_id: str) -> bool:
    """Give a port back to its user; return whether the load balancer had taken one over."""
    taken = tx.execute(select(adopted_ports).where(_OURS.loadbalancer_id == loadbalancer_id)).first()
    if taken is not None:
        tx.execute(adopted_ports.delete().where(_OURS.port_id == taken.port_id))
        rows.update(tx, Port, taken.port_id, device_id="", device_owner=taken.device_owner)
    return taken is not None


def port_of(tx: Transaction, loadbalancer_id: str) -> str | None:
    """Return the port that a load balancer has taken over."""
    return tx.scalar(select(_OURS.port_id).where(_OURS.loadbalancer_id == loadbalancer_id))


def is_adopted(tx: Transaction, port_id: str) -> bool:
    """Return whether a load balancer has taken a port over."""
    return tx.scalar(select(_OURS.port_id).where(_OURS.port_id == port_id)) is not None


def reserved(tx: Transaction) -> frozenset[str]:
    """Return the load balancers that have taken a port over, by their ids."""
    return frozenset(tx.scalar_ids(select(_OURS.loadbalancer_id)))


def is_open(tx: Transaction, port_id: str) -> bool:
    """Return whether a port lets in all that its load balancer listens for, whatever groups its user has put it into.

    So it is with Octavia, which adds a group of its own to such a port, unless the load balancer names groups.
    """
    named = select(loadbalancers.c.vip_sg_ids).where(loadbalancers.c.vip_port_id == port_id)
    return is_adopted(tx, port_id) and not tx.scalar(named)
