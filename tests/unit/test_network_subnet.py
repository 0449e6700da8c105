"""The rules of one subnet: what may be written, and what is worked out from it."""

import ipaddress
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evener.resources import wire
from evener.resources.addresses import host_bounds, is_host
from evener.resources.errors import Conflict, EvenerError, InUse, InvalidInput
from evener_cloud.network.resources.subnet import Subnet, pools_around, with_defaults
from lbaas_names import type_name

NETWORK_ID = "00000000-0000-0000-0000-000000000001"


def usable(block: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    bad = block.is_multicast or block.is_loopback or (block.version == 4 and int(block.network_address) == 0)
    return block.prefixlen > 0 and not bad


@st.composite
def blocks(draw: st.DrawFn, least_prefix: int = 1) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address = draw(st.ip_addresses())
    prefix = draw(st.integers(least_prefix, address.max_prefixlen))
    block = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    assume(usable(block))
    return block


def parsed(cidr: str, **given: Any) -> dict[str, Any]:
    body = {
        "network_id": NETWORK_ID,
        "cidr": cidr,
        "ip_version": 6 if ":" in cidr else 4,
        **given,
    }
    values = with_defaults(wire.parse_create(Subnet, {"subnet": body}))
    Subnet.check(values)
    return values


def pools(values: dict[str, Any]) -> list[str]:
    return [str(pool) for pool in values["allocation_pools"]]


@given(blocks())
def test_every_block_gets_a_gateway_and_pools_that_obey_the_rules(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> None:
    values = parsed(str(block))
    first, last = host_bounds(block)
    inside = sum(pool.bounds[1] - pool.bounds[0] + 1 for pool in values["allocation_pools"])
    assert inside == last - first + 1 - (values["gateway_ip"] is not None)
    assert values["cidr"] == str(block)


@given(blocks(), st.data())
def test_pools_are_around_any_gateway(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network, data: st.DataObject
) -> None:
    number = data.draw(st.integers(*host_bounds(block)))
    gateway = str(type(block.network_address)(number))
    values = parsed(str(block), gateway_ip=gateway)
    first, last = host_bounds(block)
    for address in {first, last, number - 1, number, number + 1}:
        within = any(pool.bounds[0] <= address <= pool.bounds[1] for pool in values["allocation_pools"])
        assert within == (first <= address <= last and address != number)


@given(blocks(), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4))
def test_pools_are_taken_exactly_when_they_are_inside_and_apart(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network, offsets: list[tuple[int, int]]
) -> None:
    base, kind = int(block.network_address), type(block.network_address)
    assume(base + 300 < 2**block.max_prefixlen)
    written = [{"start": str(kind(base + a)), "end": str(kind(base + b))} for a, b in offsets]
    taken: set[int] = set()
    good = True
    for a, b in offsets:
        mine = set(range(a, b + 1))
        hosts = is_host(block, str(kind(base + a))) and is_host(block, str(kind(base + b)))
        good = good and a <= b and hosts and not (mine & taken)
        taken |= mine
    try:
        parsed(str(block), gateway_ip=None, allocation_pools=written)
    except (InvalidInput, Conflict):
        assert not good
    else:
        assert good


@pytest.mark.parametrize(
    ("cidr", "gateway", "expected"),
    [
        ("10.0.0.0/24", "10.0.0.1", ["10.0.0.2-10.0.0.254"]),
        ("10.0.0.0/30", "10.0.0.1", ["10.0.0.2-10.0.0.2"]),
        ("10.0.0.0/31", "10.0.0.0", ["10.0.0.1-10.0.0.1"]),
        ("10.0.0.7/32", None, ["10.0.0.7-10.0.0.7"]),
        ("2001:db8::/64", "2001:db8::1", ["2001:db8::2-2001:db8::ffff:ffff:ffff:ffff"]),
        ("2001:db8::/127", "2001:db8::", ["2001:db8::1-2001:db8::1"]),
        ("2001:db8::7/128", None, ["2001:db8::7-2001:db8::7"]),
    ],
)
def test_a_gateway_that_is_not_given_is_the_first_address(
    cidr: str, gateway: str | None, expected: list[str]
) -> None:
    values = parsed(cidr)
    assert (values["gateway_ip"], pools(values)) == (gateway, expected)


def test_null_says_that_there_is_no_gateway() -> None:
    values = parsed("10.0.0.0/24", gateway_ip=None)
    assert (values["gateway_ip"], pools(values)) == (None, ["10.0.0.1-10.0.0.254"])


def test_a_gateway_in_the_middle_parts_the_pools() -> None:
    assert pools(parsed("10.0.0.0/29", gateway_ip="10.0.0.4")) == ["10.0.0.1-10.0.0.3", "10.0.0.5-10.0.0.6"]


def test_an_ipv6_gateway_may_be_link_local() -> None:
    values = parsed("2001:db8::/64", gateway_ip="fe80::1")
    assert pools(values) == ["2001:db8::1-2001:db8::ffff:ffff:ffff:ffff"]
    assert pools_around(ipaddress.ip_network("10.0.0.0/30"), None)[0].start == "10.0.0.1"


def test_no_pools_at_all_are_a_choice() -> None:
    assert parsed("10.0.0.0/24", allocation_pools=[])["allocation_pools"] == ()


OPERATION = "Invalid input for operation: "


@pytest.mark.parametrize(
    ("given", "kind", "name", "message"),
    [
        (
            {"ip_version": 6},
            InvalidInput,
            "InvalidInput",
            "cidr '10.0.0.0/24' does not match the ip_version '6'",
        ),
        ({"cidr": "0.0.0.0/0"}, InvalidInput, "InvalidInput", "0 is not allowed as CIDR prefix length"),
        ({"cidr": "224.0.0.0/24"}, InvalidInput, "InvalidInput", "Multicast IP subnet is not supported"),
        ({"cidr": "127.0.0.0/24"}, InvalidInput, "InvalidInput", "Loopback IP subnet is not supported"),
        ({"gateway_ip": "10.0.1.1"}, InvalidInput, "InvalidInput", "Gateway is not valid on subnet"),
        ({"gateway_ip": "10.0.0.0"}, InvalidInput, "InvalidInput", "Gateway is not valid on subnet"),
        ({"gateway_ip": "10.0.0.255"}, InvalidInput, "InvalidInput", "Gateway is not valid on subnet"),
        (
            {"gateway_ip": "2001:db8::1"},
            InvalidInput,
            "InvalidInput",
            "gateway_ip '2001:db8::1' does not match the ip_version '4'",
        ),
        (
            {"host_routes": [{"destination": "2001:db8::/64", "nexthop": "10.0.0.2"}]},
            InvalidInput,
            "InvalidInput",
            "destination '2001:db8::/64' does not match the ip_version '4'",
        ),
        (
            {"ipv6_ra_mode": "slaac"},
            InvalidInput,
            "InvalidInput",
            "ipv6_ra_mode is not valid when ip_version is 4",
        ),
        (
            {"cidr": "2001:db8::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "enable_dhcp": False},
            InvalidInput,
            "InvalidInput",
            "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False",
        ),
        (
            {
                "cidr": "2001:db8::/64",
                "ip_version": 6,
                "ipv6_ra_mode": "slaac",
                "ipv6_address_mode": "dhcpv6-stateful",
            },
            InvalidInput,
            "InvalidInput",
            (
                "ipv6_ra_mode set to 'slaac' with ipv6_address_mode set to 'dhcpv6-stateful' is not valid. "
                "If both attributes are set, they must be the same value"
            ),
        ),
    ],
)
def test_a_subnet_that_contradicts_itself_is_refused(
    given: dict[str, Any], kind: type[EvenerError], name: str, message: str
) -> None:
    with pytest.raises(kind) as caught:
        parsed(**{"cidr": "10.0.0.0/24", **given})
    assert (caught.value.message, type_name(caught.value)) == (f"{OPERATION}{message}.", name)


@pytest.mark.parametrize(
    ("written", "kind", "name", "message"),
    [
        (
            [("10.0.0.9", "10.0.0.8")],
            InvalidInput,
            "InvalidAllocationPool",
            "The allocation pool 10.0.0.9-10.0.0.8 is not valid.",
        ),
        (
            [("10.0.0.9", "::1")],
            InvalidInput,
            "InvalidAllocationPool",
            "The allocation pool 10.0.0.9-::1 is not valid.",
        ),
        (
            [("10.0.0.9", "10.0.1.9")],
            InvalidInput,
            "OutOfBoundsAllocationPool",
            "The allocation pool 10.0.0.9-10.0.1.9 spans beyond the subnet cidr 10.0.0.0/24.",
        ),
        (
            [("10.0.0.20", "10.0.0.30"), ("10.0.0.9", "10.0.0.20")],
            Conflict,
            "OverlappingAllocationPools",
            "Found overlapping allocation pools: 10.0.0.9-10.0.0.20 10.0.0.20-10.0.0.30 for subnet 10.0.0.0/24.",
        ),
        (
            [("10.0.0.1", "10.0.0.5")],
            InUse,
            "GatewayConflictWithAllocationPools",
            "Gateway ip 10.0.0.1 conflicts with allocation pool 10.0.0.1-10.0.0.5.",
        ),
    ],
)
def test_pools_that_cannot_be_are_refused(
    written: list[tuple[str, str]], kind: type[EvenerError], name: str, message: str
) -> None:
    with pytest.raises(kind) as caught:
        parsed("10.0.0.0/24", allocation_pools=[{"start": start, "end": end} for start, end in written])
    assert kind in (type(caught.value), type(caught.value).__base__)
    assert (type_name(caught.value), caught.value.message) == (name, message)
