"""Routers as our agents realise them: read from the tables in a constant number of statements. Changes nothing."""

import ipaddress
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from evener.resources.wiring import FixedIP, FloatingAddress, Route, RouterSpec, WiredPort
from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import tables
from evener_cloud.network.resources.port import ROUTER_GATEWAY_OWNER, ROUTER_OWNERS
from evener_cloud.network.resources.router import Router


def router_specs(tx: Transaction, agent_id: str | None = None) -> tuple[RouterSpec, ...]:
    """Return all routers, or those of an agent, by id. A gateway without an address is none."""
    statement = select(tables.routers).order_by(tables.routers.c.id)
    if agent_id is not None:
        bound = tables.router_bindings.c
        there = select(bound.router_id).where(bound.agent_id == agent_id)
        statement = statement.where(tables.routers.c.id.in_(there))
    found = [rows.bare(Router, row) for row in tx.execute(statement)]
    ports = _ports(tx)
    floating = _floating(tx)
    return tuple(_spec(router, ports[router.id], floating[router.id]) for router in found)


def _spec(router: Router, ports: Sequence[WiredPort], floating: Sequence[FloatingAddress]) -> RouterSpec:
    outside = [port for port in ports if port.prefix == "qg-" and port.fixed_ips]
    return RouterSpec(
        id=router.id,
        enabled=router.admin_state_up,
        ports=tuple(port for port in ports if port.prefix == "qr-"),
        gateway=outside[0] if outside else None,
        snat=router.enable_snat,
        floating_ips=tuple(floating),
        routes=tuple(Route(destination=route.destination, nexthop=route.nexthop) for route in router.routes),
    )


def _ports(tx: Transaction) -> dict[str, list[WiredPort]]:
    """Return the ports of routers by the routers' ids."""
    ports, allocations, subnets = tables.ports.c, tables.ip_allocations.c, tables.subnets.c
    mine = ports.device_owner.in_(sorted(ROUTER_OWNERS))
    statement = (
        select(tables.ports, tables.networks.c.mtu, tables.networks.c.physical_network)
        .join(tables.networks, tables.networks.c.id == ports.network_id)
        .where(mine)
        .order_by(ports.id)
    )
    addresses = (
        select(allocations.port_id, allocations.ip_address, subnets.cidr, subnets.gateway_ip)
        .join(tables.subnets, subnets.id == allocations.subnet_id)
        .join(tables.ports, ports.id == allocations.port_id)
        .where(mine)
        .order_by(allocations.position, allocations.ip_address)
    )
    has: dict[str, list[Any]] = defaultdict(list)
    for row in tx.execute(addresses):
        has[row.port_id].append(row)
    found: dict[str, list[WiredPort]] = defaultdict(list)
    for row in tx.execute(statement):
        outside = row.device_owner == ROUTER_GATEWAY_OWNER
        port = WiredPort(
            id=row.id,
            network_id=row.network_id,
            physical_network=row.physical_network,
            mac_address=row.mac_address,
            mtu=row.mtu,
            fixed_ips=tuple(_fixed_ip(each, outside=outside) for each in has[row.id]),
            prefix="qg-" if outside else "qr-",
        )
        found[row.device_id].append(port)
    return found


def _fixed_ip(row: Any, *, outside: bool) -> FixedIP:
    return FixedIP(
        address=row.ip_address,
        prefix_length=ipaddress.ip_network(row.cidr).prefixlen,
        gateway=row.gateway_ip if outside else None,
    )


def _floating(tx: Transaction) -> dict[str, list[FloatingAddress]]:
    """Return what stands for what by the ids of routers."""
    columns = tables.floatingips.c
    statement = (
        select(columns.router_id, columns.floating_ip_address, columns.fixed_ip_address)
        .where(columns.router_id.is_not(None))
        .order_by(columns.floating_ip_address)
    )
    found: dict[str, list[FloatingAddress]] = defaultdict(list)
    for row in tx.execute(statement):
        pair = FloatingAddress(floating=row.floating_ip_address, fixed=row.fixed_ip_address)
        found[row.router_id].append(pair)
    return found
