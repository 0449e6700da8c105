"""A subnet: a block of addresses on a network, and what its hosts need to know. Its rules are Neutron's."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from annotated_types import MaxLen
from pydantic import AfterValidator, BaseModel, ConfigDict

from evener.resources.addresses import IPNetwork, host_bounds, is_host
from evener.resources.describe import CHANGEABLE, ONCE, Attr, Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import Between, Cidr, Description, IPAddress, Name, ProjectId, Uuid
from evener_cloud.network.resources import errors
from evener_cloud.network.resources.errors import (
    GatewayConflictWithAllocationPools,
    InvalidAllocationPool,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)
from evener_cloud.network.resources.tags import Tags

MAX_POOLS = 100
MAX_NAMESERVERS = 5  # Neutron's max_dns_nameservers
MAX_ROUTES = 20  # Neutron's max_subnet_host_routes


class Ipv6Mode(StrEnum):
    """How hosts of an IPv6 subnet learn their address, or routers announce it."""

    SLAAC = "slaac"
    STATEFUL = "dhcpv6-stateful"
    STATELESS = "dhcpv6-stateless"


class AllocationPool(BaseModel):
    """The addresses from `start` to `end`, both included, that ports get where they ask for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: IPAddress
    end: IPAddress

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last address as numbers."""
        return int(ipaddress.ip_address(self.start)), int(ipaddress.ip_address(self.end))

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


class HostRoute(BaseModel):
    """A way to `destination` over `nexthop` that hosts of the subnet take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    destination: Cidr
    nexthop: IPAddress


def _four_or_six(value: int) -> int:
    if value not in (4, 6):
        raise ValueError("is not in [4, 6]")
    return value


_WHEN_GIVEN = Attr(create=True, nullable=True)
_CHOSEN = Attr(create=True, update=True, computed=True)


class Subnet(Resource):
    """The attributes of the Networking API's subnets.

    A `gateway_ip` that is not given is the first address; null says that there is none. `allocation_pools` that
    are not given are all addresses but the gateway's and those that no host may have.
    """

    KIND: ClassVar[str] = "subnet"
    PLURAL: ClassVar[str] = "subnets"
    LIMIT: ClassVar[int | None] = 100

    project_id: Annotated[ProjectId, ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    network_id: Annotated[Uuid, Attr(create=True, references="networks")]
    """The network."""
    cidr: Annotated[Cidr, ONCE]
    """Addresses of the subnet, as 10.0.0.0/24."""
    ip_version: Annotated[int, Between(-(2**31), 2**31 - 1), AfterValidator(_four_or_six), ONCE]
    """IP version, 4 or 6."""
    gateway_ip: Annotated[IPAddress | None, Attr(create=True, update=True, computed=True, nullable=True)]
    """Address of the gateway."""
    allocation_pools: Annotated[tuple[AllocationPool, ...], MaxLen(MAX_POOLS), _CHOSEN]
    """Range that addresses are taken from."""
    dns_nameservers: Annotated[tuple[IPAddress, ...], MaxLen(MAX_NAMESERVERS), CHANGEABLE] = ()
    """Name server for the hosts on the subnet."""
    host_routes: Annotated[tuple[HostRoute, ...], MaxLen(MAX_ROUTES), CHANGEABLE] = ()
    """Route for the hosts on the subnet."""
    enable_dhcp: Annotated[bool, CHANGEABLE] = True
    """Whether DHCP is served."""
    ipv6_ra_mode: Annotated[Ipv6Mode | None, _WHEN_GIVEN] = None
    """IPv6 router advertisement mode."""
    ipv6_address_mode: Annotated[Ipv6Mode | None, _WHEN_GIVEN] = None
    """How hosts get IPv6 addresses."""
    tags: Tags = ()

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """Everything is of the subnet's IP version, inside it, and nothing overlaps.

        Raises:
            InvalidInput: for what can never be right.
            Conflict: for pools that overlap each other, or a gateway inside a pool (an InUse in Neutron too).
        """
        block = ipaddress.ip_network(values["cidr"])
        _check_block(block, values["ip_version"])
        gateway = values["gateway_ip"]
        if gateway is not None:
            _check_gateway(block, gateway)
        _check_pools(block, values["allocation_pools"], gateway)
        for route in values["host_routes"]:
            _same_version(block, route.nexthop, "nexthop")
            _same_version(block, route.destination, "destination")
        _check_ipv6_modes(values)


def invalid(why: str) -> InvalidInput:
    """Return Neutron's error for an operation that makes no sense."""
    return errors.InvalidInput(f"Invalid input for operation: {why}.")


def with_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with the gateway and the pools that were not given."""
    block = ipaddress.ip_network(values["cidr"])
    gateway = values["gateway_ip"] if "gateway_ip" in values else _first_host(block)
    full = {**values, "gateway_ip": gateway}
    full.setdefault("allocation_pools", pools_around(block, gateway))
    return full


def pools_around(block: IPNetwork, gateway: str | None) -> tuple[AllocationPool, ...]:
    """Return pools of all addresses that hosts may have, without `gateway`."""
    first, last = host_bounds(block)
    ranges = [(first, last)]
    if gateway is not None and is_host(block, gateway):
        number = int(ipaddress.ip_address(gateway))
        ranges = [(first, number - 1), (number + 1, last)]
    text = ipaddress.IPv4Address if block.version == 4 else ipaddress.IPv6Address
    return tuple(
        AllocationPool(start=str(text(start)), end=str(text(end))) for start, end in ranges if start <= end
    )


def _first_host(block: IPNetwork) -> str | None:
    if block.num_addresses == 1:
        return None  # the one address is for the one host
    number = host_bounds(block)[0]
    return str(ipaddress.IPv4Address(number) if block.version == 4 else ipaddress.IPv6Address(number))


def _check_block(block: IPNetwork, ip_version: int) -> None:
    if block.version != ip_version:
        raise invalid(f"cidr '{block}' does not match the ip_version '{ip_version}'")
    if block.prefixlen == 0:
        raise invalid("0 is not allowed as CIDR prefix length")
    if block.is_multicast:
        raise invalid("Multicast IP subnet is not supported")
    if block.is_loopback:
        raise invalid("Loopback IP subnet is not supported")
    if block.version == 4 and int(block.network_address) == 0:
        raise invalid("First IP '0.0.0.0' of network is not supported")


def _same_version(block: IPNetwork, text: str, name: str) -> None:
    if ipaddress.ip_network(text, strict=False).version != block.version:
        raise invalid(f"{name} '{text}' does not match the ip_version '{block.version}'")


def _check_gateway(block: IPNetwork, gateway: str) -> None:
    _same_version(block, gateway, "gateway_ip")
    # An IPv6 router is commonly known by its link-local address (RFC 4861 section 4.2).
    link_local = block.version == 6 and ipaddress.ip_address(gateway).is_link_local
    if not is_host(block, gateway) and not link_local:
        raise invalid("Gateway is not valid on subnet")


def _check_pools(block: IPNetwork, pools: tuple[AllocationPool, ...], gateway: str | None) -> None:
    for pool in pools:
        versions = {ipaddress.ip_address(text).version for text in (pool.start, pool.end)}
        if versions != {block.version} or pool.bounds[0] > pool.bounds[1]:
            raise InvalidAllocationPool(f"The allocation pool {pool} is not valid.")
        if not (is_host(block, pool.start) and is_host(block, pool.end)):
            raise OutOfBoundsAllocationPool(
                f"The allocation pool {pool} spans beyond the subnet cidr {block}.",
            )
    in_order = sorted(pools, key=lambda pool: pool.bounds)
    for one, two in pairwise(in_order):
        if two.bounds[0] <= one.bounds[1]:
            raise OverlappingAllocationPools(
                f"Found overlapping allocation pools: {one} {two} for subnet {block}.",
            )
    if gateway is None:
        return
    number = int(ipaddress.ip_address(gateway))
    for pool in pools:
        if pool.bounds[0] <= number <= pool.bounds[1]:
            raise GatewayConflictWithAllocationPools(
                f"Gateway ip {gateway} conflicts with allocation pool {pool}.",
            )


def _check_ipv6_modes(values: dict[str, Any]) -> None:
    given = {name: values[name] for name in ("ipv6_ra_mode", "ipv6_address_mode") if values[name]}
    if values["ip_version"] == 4:
        for name in given:
            raise invalid(f"{name} is not valid when ip_version is 4")
    if given and not values["enable_dhcp"]:
        raise invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if len(set(given.values())) > 1:
        raise invalid(
            f"ipv6_ra_mode set to '{given['ipv6_ra_mode']}' with ipv6_address_mode set to "
            f"'{given['ipv6_address_mode']}' is not valid. If both attributes are set, they must be the same "
            "value"
        )
