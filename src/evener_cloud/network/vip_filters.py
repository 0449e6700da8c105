"""What the security groups of a load balancer's port let in, and whom a change concerns of groups, or of its networks.

Changes nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, select

from evener.resources.describe import Resource
from evener.resources.wiring import PacketRule
from evener.store.database import Transaction
from evener.store.rows import bare
from evener.store.schema import loadbalancers
from evener_cloud.network import adopted
from evener_cloud.network.allocations import addresses_of
from evener_cloud.network.port_groups import groups_of
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import ROUTER_INTERFACE_OWNER, Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import (
    Direction,
    Ethertype,
    SecurityGroupRule,
    network_of,
    protocol_number,
)
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.tables import (
    ip_allocations,
    networks,
    port_security_groups,
    ports,
    security_group_rules,
    subnets,
)

# What packet rules call the protocols that have a name there. 0 is any, as it is where Neutron filters packets.
_NAMES: Mapping[int | None, str | None] = {None: None, 0: None, 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_RULE = security_group_rules.c
_BOUND = port_security_groups.c


def packet_rules(tx: Transaction, port_id: str) -> tuple[PacketRule, ...] | None:
    """Return what the port's groups let in, in a constant number of statements; None where it is in none.

    A remote group stands for the addresses of the ports in it. The same groups give the same rules in the same order.
    """
    group_ids = groups_of(tx, [port_id]).get(port_id)
    if not group_ids or adopted.is_open(tx, port_id):
        return None
    statement = select(security_group_rules).where(
        _RULE.security_group_id.in_(group_ids), _RULE.direction == Direction.INGRESS
    )
    rules = [bare(SecurityGroupRule, row) for row in tx.execute(statement)]
    members = _addresses(tx, {rule.remote_group_id for rule in rules if rule.remote_group_id})
    found = {_packet_rule(rule, members.get(str(rule.remote_group_id), ())) for rule in rules}
    return tuple(sorted(found, key=PacketRule.model_dump_json))


def _addresses(tx: Transaction, group_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the addresses of the ports in groups, by the groups' ids."""
    found: dict[str, list[str]] = defaultdict(list)
    if group_ids:
        statement: Select[Any] = (
            select(_BOUND.security_group_id, ip_allocations.c.ip_address)
            .join(ip_allocations, ip_allocations.c.port_id == _BOUND.port_id)
            .where(_BOUND.security_group_id.in_(sorted(group_ids)))
            .order_by(ip_allocations.c.sort_key)
        )
        for row in tx.execute(statement):
            found[row.security_group_id].append(row.ip_address)
    return found


def _packet_rule(rule: SecurityGroupRule, members: Collection[str]) -> PacketRule:
    ip_version = 4 if rule.ethertype is Ethertype.IPV4 else 6
    remotes: tuple[str, ...] | None = None
    if rule.remote_group_id is not None:
        hosts = dict.fromkeys(network_of(address) for address in members)
        remotes = tuple(str(host) for host in hosts if host.version == ip_version)
    elif rule.remote_ip_prefix is not None and network_of(rule.remote_ip_prefix).prefixlen > 0:
        remotes = (str(network_of(rule.remote_ip_prefix)),)
    number = protocol_number(rule.protocol)
    return PacketRule(
        ip_version=cast("Literal[4, 6]", ip_version),
        protocol=_NAMES.get(number, str(number)),
        first_port=rule.port_range_min,
        last_port=rule.port_range_max,
        remotes=remotes,
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """What an object has to do with load balancers' ports: a state to compare, and which load balancers."""

    state: Hashable = None
    balancers: frozenset[str] = frozenset()


NOTHING = Effect()


def effect_of(tx: Transaction, cls: type[Resource], object_id: str) -> Effect:
    """Return the effect of an object as it is now, in a constant number of statements; any kind may be asked for."""
    found = _EFFECTS.get(cls)
    return NOTHING if found is None else found(tx, object_id)


def concerned(before: Effect, after: Effect) -> frozenset[str]:
    """Return the load balancers that let in other packets, or go other ways, after a change than before."""
    return frozenset() if before.state == after.state else before.balancers | after.balancers


def _effect_of_port(tx: Transaction, port_id: str) -> Effect:
    served = frozenset(tx.scalar_ids(_balancers().where(loadbalancers.c.vip_port_id == port_id)))
    groups = groups_of(tx, [port_id]).get(port_id, ())
    if not groups:
        return Effect((), served)
    state = (groups, addresses_of(tx, [port_id]).get(port_id, ()))
    return Effect(state, served | _who_lets_in(tx, groups))


def _effect_of_router(tx: Transaction, router_id: str) -> Effect:
    """Return the effect of a router's ports: users may have put them into groups."""
    statement = (
        select(_BOUND.security_group_id, ip_allocations.c.ip_address)
        .join(ports, ports.c.id == _BOUND.port_id)
        .join(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .where(ports.c.device_id == router_id, ports.c.device_owner == ROUTER_INTERFACE_OWNER)
    )
    found = frozenset((row.security_group_id, row.ip_address) for row in tx.execute(statement))
    return Effect(found, _who_lets_in(tx, {group_id for group_id, _ in found})) if found else NOTHING


def _effect_of_network(tx: Transaction, network_id: str) -> Effect:
    mtu = tx.scalar(select(networks.c.mtu).where(networks.c.id == network_id))
    return Effect(mtu, _whose_port(tx, ports.c.network_id == network_id))


def _effect_of_subnet(tx: Transaction, subnet_id: str) -> Effect:
    """Return the effect of the ways out of a subnet."""
    ways = select(subnets.c.gateway_ip, subnets.c.host_routes).where(subnets.c.id == subnet_id)
    row = tx.execute(ways).first()
    state = None if row is None else (row.gateway_ip, json.dumps(row.host_routes))
    on_it = ports.c.id == ip_allocations.c.port_id
    return Effect(state, _whose_port(tx, ip_allocations.c.subnet_id == subnet_id, on_it))


def _effect_of_group(tx: Transaction, group_id: str) -> Effect:
    return Effect(group_id, _who_lets_in(tx, [group_id]))


def _effect_of_rule(tx: Transaction, rule_id: str) -> Effect:
    row = tx.execute(select(security_group_rules).where(_RULE.id == rule_id)).first()
    if row is None or row.direction != Direction.INGRESS:
        return NOTHING
    bound = _BOUND.port_id == loadbalancers.c.vip_port_id
    statement = _balancers().join(port_security_groups, bound)
    mine = statement.where(_BOUND.security_group_id == row.security_group_id)
    return Effect(row.id, frozenset(tx.scalar_ids(mine)))


def _who_lets_in(tx: Transaction, group_ids: Collection[str]) -> frozenset[str]:
    """Return the load balancers that let in what comes from ports in these groups."""
    statement = (
        _balancers()
        .join(port_security_groups, _BOUND.port_id == loadbalancers.c.vip_port_id)
        .join(security_group_rules, _RULE.security_group_id == _BOUND.security_group_id)
        .where(_RULE.remote_group_id.in_(sorted(group_ids)), _RULE.direction == Direction.INGRESS)
    )
    return frozenset(tx.scalar_ids(statement))


def _whose_port(tx: Transaction, *conditions: ColumnElement[bool]) -> frozenset[str]:
    statement = _balancers().join(ports, ports.c.id == loadbalancers.c.vip_port_id)
    return frozenset(tx.scalar_ids(statement.where(*conditions)))


def _balancers() -> Select[tuple[str]]:
    return select(loadbalancers.c.id).where(loadbalancers.c.deleted_generation.is_(None))


_EFFECTS: Mapping[type[Resource], Callable[[Transaction, str], Effect]] = {
    Network: _effect_of_network,
    Subnet: _effect_of_subnet,
    Port: _effect_of_port,
    Router: _effect_of_router,
    SecurityGroup: _effect_of_group,
    SecurityGroupRule: _effect_of_rule,
}
