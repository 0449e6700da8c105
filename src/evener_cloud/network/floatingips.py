"""Floating IPs: made, associated, changed and deleted inside a transaction. The rules are Neutron's."""

import ipaddress
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select

from evener.store import rows
from evener.store.database import Transaction
from evener.store.filters import as_stored
from evener_cloud.network import associations, errors, ports, tables
from evener_cloud.network.allocations import addresses_of, allocate_any
from evener_cloud.network.resources.floatingip import FloatingIP, PortDetails
from evener_cloud.network.resources.network import LinkStatus, Network
from evener_cloud.network.resources.port import FLOATINGIP_OWNER, SERVICE_OWNERS, Port, PortAddress
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.visibility import find, lock, right_on, subnets_of


def create(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a floating IP with its port outside, stand it for a port if one is named, and return its id.

    Raises:
        NotFound: when `scope` does not see the network or the port, or no router joins them.
        InvalidInput: when the network is not external, or the port cannot have one.
        Conflict: when the address inside has one (an InUse), or from `allocations.allocate`.
    """
    network_id = values["floating_network_id"]
    network = find(tx, Network, network_id, scope)
    if not network.router_external:
        raise errors.bad_request("floatingip", f"Network {network_id} is not a valid external network")
    own = {name: value for name, value in values.items() if name != "subnet_id"}
    floatingip = FloatingIP.model_validate({**own, "id": str(uuid.uuid4())})
    # The port and the router are held before the network: everybody does so, and nobody waits for each other.
    association = _associated(tx, scope, floatingip)
    network = lock(tx, Network, network_id, shared=True)
    if not network.router_external:
        raise errors.bad_request("floatingip", f"Network {network_id} is not a valid external network")
    port_id = ports.insert(
        tx,
        {
            "project_id": "",  # so that no project but the network's own sees it, as in Neutron
            "network_id": network_id,
            "device_id": floatingip.id,
            "device_owner": FLOATINGIP_OWNER,
            "admin_state_up": True,
            "fixed_ips": _wish(tx, network_id, values),
        },
        right_on(tx, scope, network_id),
    )
    address = addresses_of(tx, [port_id])[port_id][0].ip_address
    outside = {"floating_port_id": port_id, "floating_ip_address": address}
    rows.insert(tx, floatingip.model_copy(update={**outside, **association}))
    return floatingip.id


def update(tx: Transaction, scope: str | None, floatingip_id: str, values: Mapping[str, Any]) -> None:
    """Change a floating IP, or the port that it stands for.

    Raises:
        NotFound, InvalidInput, Conflict: as in `create`.
    """
    if values.keys() & {"port_id", "fixed_ip_address"}:
        floatingip = find(tx, FloatingIP, floatingip_id, None)
        if values.get("fixed_ip_address") is not None or "port_id" in values:
            wanted = {"port_id": values.get("port_id"), "fixed_ip_address": values.get("fixed_ip_address")}
            values = {**values, **_associated(tx, scope, floatingip.model_copy(update=wanted))}
        else:
            values = {name: value for name, value in values.items() if name != "fixed_ip_address"}
    lock(tx, FloatingIP, floatingip_id)
    rows.update(tx, FloatingIP, floatingip_id, **values)


def delete(tx: Transaction, _scope: str | None, floatingip_id: str) -> None:
    """Delete a floating IP with its port outside."""
    floatingip = lock(tx, FloatingIP, floatingip_id)
    rows.delete(tx, FloatingIP, [floatingip_id])
    rows.delete(tx, Port, [str(floatingip.floating_port_id)])


def with_port_details(tx: Transaction, found: Sequence[FloatingIP]) -> list[FloatingIP]:
    """Return `found` with what is shown of the ports that they stand for, in one statement."""
    ids = sorted({each.port_id for each in found if each.port_id is not None})
    details = {
        row.id: PortDetails.model_validate({name: getattr(row, name) for name in PortDetails.model_fields})
        for row in rows.of_all(tx, _details, ids)
    }
    return [
        each.model_copy(update={"port_details": details.get(each.port_id)}) if each.port_id else each
        for each in found
    ]


@cache
def _details(*, one: bool) -> Select[Any]:
    return select(tables.ports).where(rows.wanted(tables.ports.c.id, one=one))


def _wish(tx: Transaction, network_id: str, values: Mapping[str, Any]) -> Sequence[PortAddress]:
    """Return the address outside that is wished, of which parts may be missing, or any of IPv4."""
    address, subnet_id = values.get("floating_ip_address"), values.get("subnet_id")
    here = {subnet.id: subnet for subnet in subnets_of(tx, network_id)}
    if all(subnet.ip_version != 4 for subnet in here.values()):
        raise errors.bad_request("floatingip", f"Network {network_id} does not contain any IPv4 subnet")
    if address is None and subnet_id is None:
        return allocate_any(tx, network_id, 4)
    of_ipv6 = address is not None and ipaddress.ip_address(address).version == 6
    if of_ipv6 or (subnet_id in here and here[subnet_id].ip_version == 6):
        raise errors.external_exhausted(network_id)
    return (PortAddress(subnet_id=subnet_id, ip_address=address),)


def _associated(tx: Transaction, scope: str | None, wanted: FloatingIP) -> dict[str, Any]:
    """Return what follows from the port that a floating IP is to stand for; the port and its router are held."""
    if wanted.port_id is None:
        if wanted.fixed_ip_address is not None:
            raise errors.bad_request("floatingip", "fixed_ip_address cannot be specified without a port_id")
        return {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": LinkStatus.DOWN}
    find(tx, Port, wanted.port_id, scope)
    port = lock(tx, Port, wanted.port_id, shared=True)
    if scope is not None and port.project_id != wanted.project_id:
        raise errors.bad_request(
            "floatingip",
            f"Cannot process floating IP association with Port {port.id}, since that port is owned by a different "
            "project",
        )
    if port.device_owner in SERVICE_OWNERS:
        raise errors.bad_request("floatingip", f"Port {port.id} is unable to be assigned a floating IP")
    inside = _inside(port, addresses_of(tx, [port.id]).get(port.id, ()), wanted.fixed_ip_address)
    subnet = find(tx, Subnet, str(inside.subnet_id), None)
    router_id = associations.hold_router(tx, port, subnet, wanted.floating_network_id)
    _check_free(tx, wanted, str(inside.ip_address))
    return {
        "port_id": port.id,
        "fixed_ip_address": inside.ip_address,
        "router_id": router_id,
        "status": LinkStatus.ACTIVE,
    }


def _inside(port: Port, addresses: Sequence[PortAddress], wished: str | None) -> PortAddress:
    """Return the address that a floating IP is to stand for: the one that is wished, or the only one of IPv4."""
    if wished is not None and ipaddress.ip_address(wished).version != 4:
        raise errors.bad_request(
            "floatingip",
            f"Cannot process floating IP association with {wished}, since that is not an IPv4 address",
        )
    of_ipv4 = [each for each in addresses if ipaddress.ip_address(str(each.ip_address)).version == 4]
    if wished is not None:
        of_ipv4 = [each for each in of_ipv4 if each.ip_address == wished]
        if not of_ipv4:
            raise errors.bad_request("floatingip", f"Port {port.id} does not have fixed ip {wished}")
    if not of_ipv4:
        raise errors.bad_request(
            "floatingip", f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses"
        )
    if len(of_ipv4) > 1:
        raise errors.bad_request(
            "floatingip",
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when "
            "assigning a floating IP",
        )
    return of_ipv4[0]


def _check_free(tx: Transaction, wanted: FloatingIP, inside: str) -> None:
    columns = tables.floatingips.c
    taken = select(columns.id).where(
        columns.port_id == wanted.port_id,
        columns.fixed_ip_address == inside,
        columns.floating_network_id == wanted.floating_network_id,
        columns.id != wanted.id,
    )
    if tx.scalar(taken) is not None:
        name = f"{wanted.floating_ip_address} ({wanted.id})"
        raise errors.already_associated(name, str(wanted.port_id), inside, wanted.floating_network_id)


def is_on_subnet(values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for floating IPs whose address outside is on one of the subnets `values`."""
    allocations = tables.ip_allocations.c
    return exists().where(
        allocations.port_id == tables.floatingips.c.floating_port_id,
        allocations.subnet_id.in_(as_stored(Subnet, "id", values)),
    )
