"""Addresses of ports in the database: found, taken and freed inside a transaction.

The subnets of a network are locked before one of their addresses is looked for, so that clients queue instead of
colliding; the table's keys refuse what slips through all the same.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from evener.resources.addresses import is_host
from evener.resources.errors import InvalidInput
from evener.store.database import Transaction
from evener.store.rows import of_all, wanted
from evener_cloud.network import errors
from evener_cloud.network.addresses import Right, lowest_free, number_of, refusal, sort_key, text_of
from evener_cloud.network.resources.port import PortAddress
from evener_cloud.network.resources.subnet import Subnet, invalid
from evener_cloud.network.tables import ip_allocations
from evener_cloud.network.visibility import subnets_of

_Spoken = tuple[str, int]  # an address that is not free though nobody has taken it: its subnet, its number


def allocate(
    tx: Transaction,
    network_id: str,
    wishes: Sequence[PortAddress] | None,
    right: Right = Right.POOLS,
    avoid: str | None = None,
) -> tuple[PortAddress, ...]:
    """Return a complete address for each wish, none of them taken; None wishes for one of each IP version.

    Where none is named, it is none that somebody is known to have without a port: `avoid`.

    Everybody who asks for an address gets it here; one that is asked for by its name, only with the `right` to it.
    Take them with `take` in the same transaction.

    Raises:
        InvalidInput: when a wish fits no subnet of the network, or names a gateway's address.
        Forbidden: when it names an address that is only for who owns the network.
        Conflict: when a wished address is taken (an InUse), or none is free.
    """
    subnets = subnets_of(tx, network_id, hold=True)
    if wishes is None:
        return _one_of_each_version(tx, network_id, subnets)
    named = [wish.ip_address for wish in wishes if wish.ip_address is not None]
    for address in named:
        if named.count(address) > 1:
            raise InvalidInput(f"Invalid input for fixed_ips. Reason: Duplicate IP address '{address}'.")
    placed = [(_subnet_for(wish, subnets, network_id), wish.ip_address) for wish in wishes]
    for subnet, wished in placed:
        if wished is None:
            continue
        why_not = refusal(subnet, wished, right)
        if why_not is not None:
            raise errors.address_refused(wished, subnet.id, why_not)
        if _is_taken(tx, subnet, wished):
            raise errors.address_in_use(network_id, wished)
    # What is wished by name is spoken for when the others choose.
    spoken_for = {(subnet.id, number_of(wished)) for subnet, wished in placed if wished is not None}
    spoken_for |= _without_port(tx, subnets, avoid)
    found = []
    for subnet, wished in placed:
        chosen = wished or _free_address(tx, subnet, spoken_for)
        if chosen is None:
            raise errors.no_address_left(network_id)
        spoken_for.add((subnet.id, number_of(chosen)))
        found.append(PortAddress(subnet_id=subnet.id, ip_address=chosen))
    return tuple(found)


def allocate_any(
    tx: Transaction, network_id: str, ip_version: int, avoid: str | None = None
) -> tuple[PortAddress, ...]:
    """Return one free address of this IP version; like `allocate`.

    Raises:
        Conflict: when none is free.
    """
    here = [subnet for subnet in subnets_of(tx, network_id, hold=True) if subnet.ip_version == ip_version]
    return _one_of_each_version(tx, network_id, here, _without_port(tx, here, avoid))


def take(tx: Transaction, port_id: str, addresses: Sequence[PortAddress], position: int = 0) -> None:
    """Write down that the port has `addresses`, behind the `position` it has already."""
    if not addresses:
        return
    taken = []
    for number, address in enumerate(addresses, start=position):
        parsed = ipaddress.ip_address(str(address.ip_address))
        taken.append(
            {
                "subnet_id": address.subnet_id,
                "ip_address": str(parsed),
                "sort_key": sort_key(int(parsed), parsed.version),
                "port_id": port_id,
                "position": number,
            }
        )
    tx.execute(ip_allocations.insert(), taken)


def free(tx: Transaction, port_id: str, addresses: Sequence[PortAddress]) -> None:
    """Write down that the port has `addresses` no more."""
    for address in addresses:
        tx.execute(
            ip_allocations.delete().where(
                ip_allocations.c.port_id == port_id,
                ip_allocations.c.subnet_id == address.subnet_id,
                ip_allocations.c.ip_address == address.ip_address,
            )
        )


def addresses_of(tx: Transaction, port_ids: Sequence[str]) -> dict[str, tuple[PortAddress, ...]]:
    """Return the addresses of ports by the ports' ids, in one statement."""
    found: dict[str, list[PortAddress]] = defaultdict(list)
    for row in of_all(tx, _allocations, port_ids):
        found[row.port_id].append(PortAddress(subnet_id=row.subnet_id, ip_address=row.ip_address))
    return {port_id: tuple(addresses) for port_id, addresses in found.items()}


@cache
def _allocations(*, one: bool) -> Select[Any]:
    statement = select(ip_allocations).where(wanted(ip_allocations.c.port_id, one=one))
    return statement.order_by(ip_allocations.c.position, ip_allocations.c.ip_address)


def _one_of_each_version(
    tx: Transaction, network_id: str, subnets: Sequence[Subnet], spoken_for: Collection[_Spoken] = ()
) -> tuple[PortAddress, ...]:
    found = []
    for version in sorted({subnet.ip_version for subnet in subnets}):
        for subnet in subnets:
            address = _free_address(tx, subnet, spoken_for) if subnet.ip_version == version else None
            if address is not None:
                found.append(PortAddress(subnet_id=subnet.id, ip_address=address))
                break
        else:
            raise errors.no_address_left(network_id)
    return tuple(found)


def _without_port(tx: Transaction, subnets: Sequence[Subnet], address: str | None) -> set[_Spoken]:
    if address is None:
        return set()
    found = ipaddress.ip_address(address)
    here = [subnet for subnet in subnets if found in ipaddress.ip_network(subnet.cidr)]
    return {(subnet.id, int(found)) for subnet in here if not _is_taken(tx, subnet, address)}


def _subnet_for(wish: PortAddress, subnets: Sequence[Subnet], network_id: str) -> Subnet:
    if wish.subnet_id is None and wish.ip_address is None:
        raise invalid("IP allocation requires subnet_id or ip_address")
    for subnet in subnets:
        fits = wish.ip_address is None or is_host(ipaddress.ip_network(subnet.cidr), wish.ip_address)
        if wish.subnet_id == subnet.id and not fits:
            raise errors.invalid_for_subnet(str(wish.ip_address))
        if fits and wish.subnet_id in (None, subnet.id):
            return subnet
    if wish.subnet_id is None:
        raise errors.invalid_for_network(str(wish.ip_address))
    raise invalid(
        f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet "
        f"{wish.subnet_id}"
    )


def _is_taken(tx: Transaction, subnet: Subnet, address: str) -> bool:
    taken = select(ip_allocations.c.port_id).where(
        ip_allocations.c.subnet_id == subnet.id, ip_allocations.c.ip_address == address
    )
    return tx.scalar(taken) is not None


# Built once: to build it takes longer than to run it.
_COUNT = select(func.count()).where(
    ip_allocations.c.subnet_id == bindparam("of_subnet"),
    ip_allocations.c.sort_key.between(bindparam("low"), bindparam("high")),
)


def _free_address(tx: Transaction, subnet: Subnet, spoken_for: Collection[_Spoken]) -> str | None:
    here = {number for subnet_id, number in spoken_for if subnet_id == subnet.id}

    def count_taken(first: int, last: int) -> int:
        low, high = (sort_key(number, subnet.ip_version) for number in (first, last))
        counted = tx.scalar(_COUNT, {"of_subnet": subnet.id, "low": low, "high": high})
        return (counted or 0) + sum(first <= number <= last for number in here)

    number = lowest_free([pool.bounds for pool in subnet.allocation_pools], count_taken)
    return None if number is None else text_of(number, subnet.ip_version)
