"""Which address a port gets, decided from plain numbers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.resources.addresses import is_host
from evener_cloud.network.addresses import (
    MAC_PREFIX,
    Refusal,
    Right,
    change_addresses,
    lowest_free,
    new_mac,
    number_of,
    refusal,
    sort_key,
    text_of,
)
from evener_cloud.network.resources.port import PortAddress
from evener_cloud.network.resources.subnet import AllocationPool, Subnet, with_defaults

SUBNETS = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")
ranges = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
numbers = st.integers(0, 80)


class Taken:
    """Addresses that are taken, counted as a database counts them."""

    def __init__(self, taken: set[int]) -> None:
        self.taken = taken
        self.asked = 0

    def __call__(self, first: int, last: int) -> int:
        self.asked += 1
        return sum(first <= number <= last for number in self.taken)


@given(st.lists(ranges, max_size=4), st.sets(numbers))
def test_the_address_given_is_the_lowest_of_the_pools_that_is_free(
    pools: list[tuple[int, int]], taken: set[int]
) -> None:
    free = {number for first, last in pools for number in range(first, last + 1)} - taken
    assert lowest_free(pools, Taken(taken)) == min(free, default=None)


@given(st.integers(0, 2000), st.integers(0, 2**128 - 2**70))
def test_a_block_of_ipv6_is_searched_by_what_is_taken_not_by_its_size(used: int, first: int) -> None:
    taken = Taken(set(range(first, first + used)))
    assert lowest_free([(first, first + 2**64 - 1)], taken) == first + used
    assert taken.asked <= 1 + used.bit_length() + 1


@given(st.sets(numbers, min_size=1))
def test_addresses_taken_one_after_another_are_all_different_and_fill_the_pool(pool: set[int]) -> None:
    pools = [(number, number) for number in pool]
    taken: set[int] = set()
    while (address := lowest_free(pools, Taken(taken))) is not None:
        assert address not in taken
        taken.add(address)
    assert taken == pool


@given(st.ip_addresses(), st.ip_addresses())
def test_sort_keys_order_addresses_as_numbers_do(
    one: ipaddress.IPv4Address | ipaddress.IPv6Address, two: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    assert text_of(number_of(str(one)), one.version) == str(one)
    if one.version == two.version:
        keys = [sort_key(int(address), address.version) for address in (one, two)]
        assert (keys[0] < keys[1]) == (int(one) < int(two))


complete = st.builds(
    PortAddress,
    subnet_id=st.sampled_from(SUBNETS),
    ip_address=st.integers(1, 6).map(lambda number: f"10.0.0.{number}"),
)
wishes = st.one_of(
    complete,
    st.builds(PortAddress, subnet_id=st.sampled_from(SUBNETS)),
    st.builds(PortAddress, ip_address=st.integers(1, 6).map(lambda number: f"10.0.0.{number}")),
)


def fits(wish: PortAddress, has: PortAddress) -> bool:
    return wish.subnet_id in (None, has.subnet_id) and wish.ip_address in (None, has.ip_address)


@given(st.lists(complete, unique=True, max_size=5), st.lists(wishes, max_size=5))
def test_a_port_keeps_every_address_that_is_still_wished(
    current: list[PortAddress], wanted: list[PortAddress]
) -> None:
    change = change_addresses(current, wanted)
    assert sorted(map(str, change.keep + change.remove)) == sorted(map(str, current))
    assert len(change.keep) + len(change.add) == len(wanted)
    assert all(wish in wanted for wish in change.add)
    for wish in change.add:
        assert not any(fits(wish, has) for has in change.remove), "an address goes that a wish asks for"


@given(st.lists(complete, unique=True, max_size=5))
def test_wishing_for_what_is_there_changes_nothing(current: list[PortAddress]) -> None:
    change = change_addresses(current, current)
    assert (change.add, change.remove) == ((), ())


def test_a_wish_for_nothing_in_particular_keeps_nothing() -> None:
    has = PortAddress(subnet_id=SUBNETS[0], ip_address="10.0.0.1")
    change = change_addresses([has], [PortAddress()])
    assert (change.add, change.remove) == ((PortAddress(),), (has,))


@pytest.mark.parametrize("_", range(5))
def test_a_new_mac_address_is_one_interface_s_own(_: int) -> None:
    mac = new_mac()
    assert mac.startswith(MAC_PREFIX)
    assert len(mac) == 17
    assert int(mac[:2], 16) & 0b11 == 0b10, "locally administered, not a group"


BLOCKS = ("10.0.0.0/24", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.7/32", "fd00::/64", "fd00::/126", "fd00::/127")


@st.composite
def asked(draw: st.DrawFn) -> tuple[Subnet, str]:
    """Return a subnet with any pools, and the address of any host on it."""
    block = ipaddress.ip_network(draw(st.sampled_from(BLOCKS)))
    low, high = (
        int(block.network_address),
        min(int(block.broadcast_address), int(block.network_address) + 255),
    )
    text = st.integers(low, high).map(lambda number: text_of(number, block.version))
    hosts = text.filter(lambda address: is_host(block, address))
    ends = [sorted(pair, key=number_of) for pair in draw(st.lists(st.tuples(hosts, hosts), max_size=3))]
    values = {
        "id": SUBNETS[0],
        "network_id": SUBNETS[1],
        "project_id": "ann",
        "cidr": str(block),
        "ip_version": block.version,
        "gateway_ip": draw(st.none() | hosts),
        "allocation_pools": tuple(AllocationPool(start=first, end=last) for first, last in ends),
    }
    return Subnet.model_validate(with_defaults(values)), draw(hosts)


@given(asked())
def test_an_address_by_its_name_is_the_gateway_s_or_out_of_the_pools_only_for_who_has_the_right(
    case: tuple[Subnet, str],
) -> None:
    subnet, address = case
    number = number_of(address)
    in_pool = any(number_of(each.start) <= number <= number_of(each.end) for each in subnet.allocation_pools)
    expected = {
        Right.POOLS: None if in_pool else Refusal.OUT_OF_POOLS,
        Right.HOSTS: None,
        Right.GATEWAY: None,
    }
    if address == subnet.gateway_ip:
        expected |= {Right.POOLS: Refusal.OF_GATEWAY, Right.HOSTS: Refusal.OF_GATEWAY}
    assert {right: refusal(subnet, address, right) for right in Right} == expected


@given(asked())
def test_who_may_have_less_is_never_given_what_who_may_have_more_is_refused(case: tuple[Subnet, str]) -> None:
    for less, more in ((Right.POOLS, Right.HOSTS), (Right.HOSTS, Right.GATEWAY)):
        assert refusal(*case, more) is None or refusal(*case, less) is not None
