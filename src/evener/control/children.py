"""What it means to create, change and delete listeners, pools, members and health monitors.

Each function gets an open `Change`; the rules that tie objects together are checked here, under its lock.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Row, bindparam, select

from evener.control import bounds, certificates
from evener.control.change import Change
from evener.control.errors import (
    DefaultPoolAlreadySet,
    ListenerInUse,
    MemberExists,
    MemberIsListener,
    MemberOffSubnet,
    PoolInUse,
    PoolOfAnotherLoadBalancer,
    PortTaken,
    ProtocolMismatch,
    SecondHealthMonitor,
    UsedBy,
)
from evener.resources import destinations
from evener.resources.addresses import IPAddress, IPNetwork, is_host
from evener.resources.describe import Resource
from evener.resources.errors import Conflict, InvalidInput, ObjectNotFound
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import ListenerProtocol
from evener.services.network import SubnetInfo
from evener.store import rows
from evener.store.rows import table

Values = Mapping[str, Any]


def create_listener(change: Change, values: Values) -> Listener:
    """Create a listener; its default pool, if any, is on the same load balancer and speaks a fitting protocol."""
    bounds.check_one_more(change, Listener, values)
    if values["protocol"] == ListenerProtocol.TERMINATED_HTTPS:
        certificates.consumers_of(change.certificates)
    listeners = table(Listener)
    taken = change.tx.execute(
        select(listeners.c.id).where(
            listeners.c.loadbalancer_id == change.loadbalancer.id,
            listeners.c.protocol_port == values["protocol_port"],
            listeners.c.deleted_generation.is_(None),
        )
    ).first()
    if taken is not None:
        raise port_taken(change, values)
    _check_no_member_at(change, values["protocol_port"])
    if values.get("default_pool_id"):
        _check_default_pool(change, values["protocol"], values["default_pool_id"])
    listener = change.insert(Listener, values)
    certificates.claim(change.tx, change.certificates, listener)
    return listener


def port_taken(change: Change, values: Values) -> Conflict:
    """Return the error for a second listener on a port."""
    return PortTaken(
        f"Load Balancer {change.loadbalancer.id} already has a listener with "
        f"protocol_port of {values['protocol_port']}",
    )


def update_listener(change: Change, row: Row[Any], values: Values) -> None:
    """Change a listener."""
    if values.get("default_pool_id"):
        _check_default_pool(change, row.protocol, values["default_pool_id"])
    change.update(Listener, row, values)
    certificates.claim_changed(change.tx, change.certificates, rows.bare(Listener, row), values)


def delete_listener(change: Change, row: Row[Any]) -> None:
    """Delete a listener; its policies go along where that is the manner.

    Raises:
        InUse: while a policy is on it, else.
    """
    policies = table(L7Policy)
    if change.manner.parts_go_along:
        mine = select(policies.c.id).where(policies.c.listener_id == row.id)
        change.remove_all(L7Rule, table(L7Rule).c.l7policy_id.in_(mine))
        change.remove_all(L7Policy, policies.c.listener_id == row.id)
    else:
        _refuse_while_used(ListenerInUse, change, row.id, (L7Policy, "listener_id", "delete its"))
    change.remove(Listener, row.id)


def create_pool(change: Change, values: Values) -> Pool:
    """Create a pool; with `listener_id` it becomes that listener's default pool."""
    bounds.check_one_more(change, Pool, values)
    listener = _listener_for_pool(change, values) if values.get("listener_id") else None
    pool = change.insert(Pool, {name: value for name, value in values.items() if name != "listener_id"})
    certificates.claim(change.tx, change.certificates, pool)
    if listener is None:
        return pool
    rows.update(
        change.tx,
        Listener,
        listener.id,
        default_pool_id=pool.id,
        changed_generation=change.generation,
    )
    return pool.model_copy(update={"listeners": (listener.id,)})


def update_pool(change: Change, row: Row[Any], values: Values) -> None:
    """Change a pool."""
    change.update(Pool, row, values)
    certificates.claim_changed(change.tx, change.certificates, rows.bare(Pool, row), values)


def delete_pool(change: Change, row: Row[Any]) -> None:
    """Delete a pool with its members; listeners that use it go on without one.

    Its health monitor goes along where that is the manner.

    Raises:
        InUse: while an L7 policy sends requests to it, or else a health monitor is on it.
    """
    if change.manner.parts_go_along:
        change.remove_all(HealthMonitor, table(HealthMonitor).c.pool_id == row.id)
    else:
        _refuse_while_used(PoolInUse, change, row.id, (HealthMonitor, "pool_id", "delete its"))
    _refuse_while_used(PoolInUse, change, row.id, (L7Policy, "redirect_pool_id", "change or delete the"))
    change.remove(Pool, row.id)
    change.remove_all(Member, table(Member).c.pool_id == row.id)
    listeners = table(Listener)
    change.tx.execute(
        listeners.update()
        .where(listeners.c.default_pool_id == row.id)
        .values(default_pool_id=None, changed_generation=change.generation)
    )


def _refuse_while_used(
    error: type[UsedBy], change: Change, object_id: str, by: tuple[type[Resource], str, str]
) -> None:
    cls, attribute, advice = by
    user = table(cls)
    found = change.tx.scalar(
        select(user.c.id).where(user.c[attribute] == object_id, user.c.deleted_generation.is_(None))
    )
    if found is not None:
        raise error(object_id, cls, found, advice)


# Built once: members come by the hundred, and to build it takes longer than to run it.
_members, _pools, _listeners = table(Member), table(Pool), table(Listener)
_MEMBER_AT = select(_members.c.id).where(
    _members.c.pool_id == bindparam("of_pool_id"),
    _members.c.address == bindparam("address"),
    _members.c.protocol_port == bindparam("port"),
    _members.c.deleted_generation.is_(None),
)
_LISTENER_AT = select(_listeners.c.id).where(
    _listeners.c.loadbalancer_id == bindparam("of_loadbalancer_id"),
    _listeners.c.protocol_port == bindparam("port"),
    _listeners.c.deleted_generation.is_(None),
)
# All that is to be known of the pool, in one statement: this is what clients do most.
_POOL_OF_MEMBER = select(
    _pools.c.deleted_generation,
    _MEMBER_AT.limit(1).scalar_subquery().label("taken"),
    _LISTENER_AT.limit(1).scalar_subquery().label("listener_id"),
    *bounds.counts(Member),
).where(_pools.c.id == bindparam("of_pool_id"))


def create_member(change: Change, values: Values) -> Member:
    """Create a member of `pool`; address and port are new there, and the address fits its subnet's IP version."""
    which = {
        "of_pool_id": values["pool_id"],
        "of_loadbalancer_id": change.loadbalancer.id,
        "address": values["address"],
        "port": values["protocol_port"],
    }
    pool = change.tx.execute(_POOL_OF_MEMBER, which).first()
    if pool is None or pool.deleted_generation is not None:
        raise ObjectNotFound(Pool.label(), values["pool_id"])
    bounds.check_counted(change.bounds, Member, pool)
    is_own = check_destinations(change, values["subnet_id"], [values["address"]])
    if pool.listener_id is not None and is_own(values["address"]):
        what = f"its listener {pool.listener_id} is there"
        raise leads_back(values["address"], values["protocol_port"], what)
    if pool.taken is not None:
        raise member_exists(values)
    return change.insert(Member, values)


def member_exists(values: Values) -> Conflict:
    """Return the error for a second member of a pool at an address and port."""
    return MemberExists(
        f"Member with address {values['address']} and protocol_port {values['protocol_port']} "
        f"already present in pool {values['pool_id']}",
    )


def check_destinations(
    change: Change, subnet_id: str | None, addresses: Iterable[str]
) -> Callable[[str], bool]:
    """See that new members are hosts, and give the load balancer a way to them; return what tells its own addresses.

    They are on the subnet that is named, or else wherever the VIP's subnet and its routes lead.

    Raises:
        NotFound: when the caller sees no such subnet.
        InvalidInput: naming an address that is none of a host there.
    """
    subnet = None if subnet_id is None else change.services.subnet(subnet_id)
    vip, port_id = change.loadbalancer.vip_address, change.loadbalancer.vip_port_id
    own, outside = {vip}, False
    reached = {ipaddress.ip_address(vip).version}
    block = None if subnet is None else ipaddress.ip_network(subnet.cidr)
    for address in addresses:
        parsed = destinations.check(address, change.reserved)
        # Over a router: it may be a floating IP.
        outside |= subnet is None or block is None or not _is_on(subnet, block, parsed)
        if parsed.version not in reached:
            own.update(change.services.reach(port_id, subnet, address))
            reached.add(parsed.version)
    return lambda address: address in (change.services.addresses(port_id) if outside else own)


def _is_on(subnet: SubnetInfo, block: IPNetwork, address: IPAddress) -> bool:
    """Return whether an address of a subnet's IP version is in its `block`.

    Raises:
        InvalidInput: when it is of another version, or there and none of a host.
    """
    if address.version != subnet.ip_version:
        raise MemberOffSubnet(
            f"Member with address {address} and subnet {subnet.id} have mismatched IP versions",
        )
    if address not in block:
        return False
    if not is_host(block, address):
        raise InvalidInput(
            f"Invalid input for address. Reason: '{address}' is no host's address of subnet {subnet.id}."
        )
    return True


def _check_no_member_at(change: Change, port: int) -> None:
    """Refuse a listener where a member of the load balancer is: it would call itself without end."""
    members = table(Member)
    there = select(members.c.id, members.c.address).where(
        members.c.loadbalancer_id == change.loadbalancer.id,
        members.c.protocol_port == port,
        members.c.deleted_generation.is_(None),
    )
    if change.tx.execute(there.limit(1)).first() is None:
        return
    own = change.services.addresses(change.loadbalancer.vip_port_id)
    found = change.tx.execute(there.where(members.c.address.in_(sorted(own)))).first()
    if found is not None:
        raise leads_back(found.address, port, f"its member {found.id} is there")


def leads_back(address: str, port: int, what: str) -> Conflict:
    """Return the error for a member that is the load balancer itself."""
    return MemberIsListener(
        f"{address} is the load balancer's own address, and {what}, at port {port}: it would call itself",
    )


def update_member(change: Change, row: Row[Any], values: Values) -> None:
    """Change a member."""
    change.update(Member, row, values)


def delete_member(change: Change, row: Row[Any]) -> None:
    """Delete a member."""
    change.remove(Member, row.id)


def create_healthmonitor(change: Change, values: Values) -> HealthMonitor:
    """Create the health monitor of `pool`, which has none yet."""
    pool = living(change, Pool, values["pool_id"])
    monitors = table(HealthMonitor)
    existing = change.tx.scalar(
        select(monitors.c.id).where(monitors.c.pool_id == pool.id, monitors.c.deleted_generation.is_(None))
    )
    if existing is not None:
        raise SecondHealthMonitor(
            f"Only one health monitor per pool allowed.  Pool {pool.id} is already using "
            f"Health Monitor {existing}.",
        )
    return change.insert(HealthMonitor, values)


def update_healthmonitor(change: Change, row: Row[Any], values: Values) -> None:
    """Change a health monitor."""
    change.update(HealthMonitor, row, values)


def delete_healthmonitor(change: Change, row: Row[Any]) -> None:
    """Delete a health monitor."""
    change.remove(HealthMonitor, row.id)


def living(change: Change, cls: type[Pool | Listener | L7Policy], object_id: str) -> Row[Any]:
    """Return the row of a pool or listener of any load balancer that the caller sees and that is not going.

    Raises:
        NotFound: otherwise.
    """
    row = rows.get_row(change.tx, cls, object_id, change.caller.scope)
    if row.deleted_generation is not None:
        raise ObjectNotFound(cls.label(), object_id)
    return row


def _check_default_pool(change: Change, protocol: str, pool_id: str) -> None:
    pool = living(change, Pool, pool_id)
    if pool.loadbalancer_id != change.loadbalancer.id:
        raise other_loadbalancer()
    check_protocols(change, protocol, pool.protocol)


def _listener_for_pool(change: Change, values: Values) -> Row[Any]:
    listener = living(change, Listener, values["listener_id"])
    if listener.loadbalancer_id != change.loadbalancer.id:
        raise other_loadbalancer()
    if listener.default_pool_id:
        raise DefaultPoolAlreadySet(
            f"Listener {listener.id} is already using default pool {listener.default_pool_id}.",
        )
    check_protocols(change, listener.protocol, values["protocol"])
    return listener


def other_loadbalancer() -> InvalidInput:
    """Return the error for a pool of another load balancer."""
    return PoolOfAnotherLoadBalancer("Listener and pool must be on the same loadbalancer.")


def check_protocols(change: Change, listener: str, pool: str) -> None:
    """Check that a listener and a pool go together.

    Raises:
        Conflict: when they do not.
    """
    if pool not in change.manner.pool_protocols.get(listener, ()):
        raise ProtocolMismatch(
            f"Listener protocol {listener} and pool protocol {pool} are not compatible.",
        )
