"""Gateways of routers: their ports on external networks. What they are is `external_gateway_info` of a router."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Select, select

from evener.resources.errors import Conflict, InvalidInput
from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import associations, attachments, errors, ports, tables
from evener_cloud.network.allocations import addresses_of
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import ROUTER_GATEWAY_OWNER, Port, PortAddress
from evener_cloud.network.resources.router import ExternalGateway, Router
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.visibility import find, lock, right_on, subnets_of


def with_gateways(tx: Transaction, found: Sequence[Router]) -> list[Router]:
    """Return `found` with what they have outside, in two statements."""
    outside = {row.device_id: row for row in rows.of_all(tx, _gateways, [router.id for router in found])}
    addresses = addresses_of(tx, [row.id for row in outside.values()])
    shown = []
    for router in found:
        row = outside.get(router.id)
        if row is not None:
            gateway = ExternalGateway(
                network_id=row.network_id,
                enable_snat=router.enable_snat,
                external_fixed_ips=addresses.get(row.id, ()),
            )
            router = router.model_copy(update={"external_gateway_info": gateway})  # noqa: PLW2901
        shown.append(router)
    return shown


@cache
def _gateways(*, one: bool) -> Select[Any]:
    columns = tables.ports.c
    statement = select(columns.id, columns.device_id, columns.network_id)
    return statement.where(
        columns.device_owner == ROUTER_GATEWAY_OWNER, rows.wanted(columns.device_id, one=one)
    )


def change(tx: Transaction, scope: str | None, router_id: str, wanted: ExternalGateway | None) -> None:
    """Give a router, which is locked, the gateway that is wanted, or none.

    Raises:
        NotFound: when `scope` does not see the network.
        InvalidInput: when the network is not external, or has addresses in common with what is inside.
        Conflict: when floating IPs need the gateway there is, or from `allocations.allocate`.
    """
    network = None if wanted is None else _external(tx, scope, wanted)
    current = _port(tx, router_id)
    if current is not None and (network is None or network.id != current.network_id):
        remove(tx, router_id, current)
        current = None
    if wanted is not None and current is None:
        _plug(tx, scope, router_id, wanted)
    elif wanted is not None and current is not None and wanted.external_fixed_ips:
        right = right_on(tx, scope, current.network_id)
        ports.change_addresses(tx, current, wanted.external_fixed_ips, right)
    rows.update(tx, Router, router_id, enable_snat=wanted is None or wanted.enable_snat)


def take_in(tx: Transaction, subnet_id: str) -> bool:
    """Give gateways an address of a new subnet outside, where they have none of its IP version, as Neutron does.

    Return whether one got it. One for whose router the subnet would not do, or for which it has no address left, does
    without.
    """
    subnet = rows.bare(Subnet, rows.get_row(tx, Subnet, subnet_id))
    columns = tables.ports.c
    here = (columns.network_id == subnet.network_id, columns.device_owner == ROUTER_GATEWAY_OWNER)
    found = [rows.bare(Port, row) for row in tx.execute(select(tables.ports).where(*here)).all()]
    had = addresses_of(tx, [port.id for port in found])
    changed = False
    for port in found:
        own = had.get(port.id, ())
        if any(ip_address(str(each.ip_address)).version == subnet.ip_version for each in own):
            continue
        with suppress(InvalidInput, Conflict):
            inside = attachments.interfaces(attachments.of_router(tx, port.device_id))
            attachments.check_overlap(tx, inside, [subnet])
            ports.change_addresses(tx, port, (*own, PortAddress(subnet_id=subnet.id)))
            changed = True
    return changed


def clear(tx: Transaction, router_id: str) -> None:
    """Remove a router's gateway, if it has one.

    Raises:
        InUse: when floating IPs need it.
    """
    current = _port(tx, router_id)
    if current is not None:
        remove(tx, router_id, current)


def remove(tx: Transaction, router_id: str, port: Port) -> None:
    """Remove the port of a router's gateway.

    Raises:
        InUse: when floating IPs need it.
    """
    if associations.exist_over_router(tx, router_id):
        raise errors.gateway_in_use(router_id, port.network_id)
    rows.delete(tx, Port, [port.id])


def _port(tx: Transaction, router_id: str) -> Port | None:
    columns = tables.ports.c
    statement = select(tables.ports).where(
        columns.device_id == router_id, columns.device_owner == ROUTER_GATEWAY_OWNER
    )
    row = tx.execute(statement).first()
    return None if row is None else rows.bare(Port, row)


def _external(tx: Transaction, scope: str | None, wanted: ExternalGateway) -> Network:
    find(tx, Network, wanted.network_id, scope)
    network = lock(tx, Network, wanted.network_id, shared=True)
    if not network.router_external:
        raise errors.bad_request("router", f"Network {network.id} is not an external network")
    gateways = {subnet.gateway_ip for subnet in subnets_of(tx, network.id)}
    for wish in wanted.external_fixed_ips:
        if wish.ip_address is not None and wish.ip_address in gateways:
            raise errors.bad_request("router", f"External IP {wish.ip_address} is the same as the gateway IP")
    return network


def _plug(tx: Transaction, scope: str | None, router_id: str, wanted: ExternalGateway) -> None:
    inside = attachments.of_router(tx, router_id)
    attachments.check_overlap(tx, inside, subnets_of(tx, wanted.network_id))
    values = {
        "project_id": "",  # so that no project but the network's own sees it, as in Neutron
        "network_id": wanted.network_id,
        "device_id": router_id,
        "device_owner": ROUTER_GATEWAY_OWNER,
        "admin_state_up": True,
    }
    if wanted.external_fixed_ips:
        values["fixed_ips"] = wanted.external_fixed_ips
    ports.insert(tx, values, right_on(tx, scope, wanted.network_id))
