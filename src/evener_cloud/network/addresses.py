"""Which address a port gets: pure arithmetic on numbers of any size. Reads no table.

An address is an integer here. Nothing enumerates a block, so that a /64 of IPv6 costs what a /24 of IPv4 costs.
"""

import ipaddress
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from evener_cloud.network.resources.port import PortAddress
from evener_cloud.network.resources.subnet import Subnet

# How many addresses from the first number to the second, both included, are taken.
CountTaken = Callable[[int, int], int]

# Locally administered, and the prefix of every OpenStack cloud (Neutron's base_mac).
MAC_PREFIX = "fa:16:3e"


class Right(Enum):
    """What who asks for an address by its name may have on a network."""

    POOLS = "what the allocation pools hold"  # whoever may use the network
    HOSTS = "any host's address but the gateway's"  # who owns the network, and administrators
    GATEWAY = "any host's address"  # the same, for a port that may be the gateway's


class Refusal(Enum):
    """Why an address is not given to who asks for it by its name."""

    OF_GATEWAY = "it is the address of the subnet's gateway"
    OUT_OF_POOLS = "it is in none of the subnet's allocation pools"


@dataclass(frozen=True, slots=True)
class AddressChange:
    """What becomes of a port's addresses: those it keeps, those to find (a part may be missing), those to free."""

    keep: tuple[PortAddress, ...]
    add: tuple[PortAddress, ...]
    remove: tuple[PortAddress, ...]


def lowest_free(pools: Iterable[tuple[int, int]], count_taken: CountTaken) -> int | None:
    """Return the lowest address of `pools` (first and last, both included) that is free, or None.

    Asks `count_taken` about as often as the number of taken addresses has binary digits.
    """
    for first, last in sorted(pools):
        taken = count_taken(first, last)
        if taken > last - first:
            continue
        if not count_taken(first + taken, last):  # all that are taken stand at the beginning
            return first + taken
        # Among the first `taken + 1` addresses at least one is free: halve until it is found.
        low, high = first, first + taken
        while low < high:
            middle = (low + high) // 2
            if count_taken(low, middle) <= middle - low:
                high = middle
            else:
                low = middle + 1
        return low
    return None


def refusal(subnet: Subnet, address: str, right: Right) -> Refusal | None:
    """Return why `address`, a host's address of `subnet`, is not for who has `right`; None where it is."""
    number = number_of(address)
    of_gateway = subnet.gateway_ip is not None and number == number_of(subnet.gateway_ip)
    if of_gateway and right is not Right.GATEWAY:
        return Refusal.OF_GATEWAY
    pooled = any(first <= number <= last for first, last in (pool.bounds for pool in subnet.allocation_pools))
    return Refusal.OUT_OF_POOLS if right is Right.POOLS and not pooled else None


def change_addresses(current: Sequence[PortAddress], wanted: Sequence[PortAddress]) -> AddressChange:
    """Return the least change from `current` (complete addresses) to `wanted`, where a part may be missing.

    A wish that names an address keeps exactly that; one that names only a subnet keeps any address that the
    port has there and that no other wish names.
    """
    left = list(current)
    keep: list[PortAddress] = []
    add: list[PortAddress] = []
    for wish in sorted(wanted, key=lambda wish: wish.ip_address is None):
        match = next((has for has in left if _fits(wish, has)), None)
        if match is None:
            add.append(wish)
        else:
            left.remove(match)
            keep.append(match)
    return AddressChange(tuple(keep), tuple(add), tuple(left))


def _fits(wish: PortAddress, has: PortAddress) -> bool:
    if wish.ip_address is None and wish.subnet_id is None:
        return False
    return wish.ip_address in (None, has.ip_address) and wish.subnet_id in (None, has.subnet_id)


def number_of(address: str) -> int:
    """Return `address` as a number."""
    return int(ipaddress.ip_address(address))


def text_of(number: int, ip_version: int) -> str:
    """Return the address `number` as users write it."""
    return str(ipaddress.IPv4Address(number) if ip_version == 4 else ipaddress.IPv6Address(number))


def sort_key(number: int, ip_version: int) -> str:
    """Return `number` in digits that sort as text like the numbers themselves, within one IP version."""
    return f"{number:0{8 if ip_version == 4 else 32}x}"


def new_mac() -> str:
    """Return a random MAC address under `MAC_PREFIX`."""
    return ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
