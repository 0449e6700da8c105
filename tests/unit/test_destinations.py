"""Which addresses a member may have, decided from the address alone."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evener.resources.destinations import DEFAULT_RESERVED, check, ranges, why_not
from evener.resources.errors import InvalidInput

RESERVED = ranges(DEFAULT_RESERVED)
fours = st.ip_addresses(v=4)
sixes = st.ip_addresses(v=6)
LINK_LOCAL = ip_network("169.254.0.0/16")


def within(*blocks: str) -> st.SearchStrategy[str]:
    """Return addresses of these blocks."""
    return st.one_of(st.ip_addresses(network=block) for block in blocks).map(str)


@given(fours)
@example(IPv4Address("169.254.169.254"))
@example(IPv4Address("255.255.255.255"))
@example(IPv4Address("0.0.0.1"))
def test_of_ipv4_every_host_s_address_is_a_member_s_and_no_other(address: IPv4Address) -> None:
    first = int(address) >> 24
    refused = first in (0, 127) or 224 <= first <= 239 or address == IPv4Address("255.255.255.255")
    assert (why_not(address, RESERVED) is not None) == (refused or address in LINK_LOCAL)


@given(sixes)
def test_of_ipv6_every_global_and_every_local_address_is_a_member_s(address: IPv6Address) -> None:
    in_use = address in ip_network("2000::/3") or address in ip_network("fd00::/8")
    if in_use and address != IPv6Address("fd00:ec2::254"):
        assert why_not(address, RESERVED) is None


@given(
    within("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "169.254.0.0/16", "::/96", "::ffff:0:0/96", "fe80::/10")
    | within("ff00::/8", "::ffff:127.0.0.0/104", "64:ff9b::127.0.0.0/104", "64:ff9b::169.254.0.0/112")
    | st.sampled_from(["::1", "::", "255.255.255.255", "fd00:ec2::254", "::ffff:169.254.169.254"])
)
def test_what_leads_to_no_host_or_to_a_reserved_one_is_refused_with_the_attribute_and_the_reason(
    address: str,
) -> None:
    with pytest.raises(InvalidInput, match=rf"^Invalid input for address. Reason: '{address}' is .+\.$"):
        check(address, RESERVED)


@given(st.lists(fours | sixes, max_size=4), fours | sixes)
def test_what_the_operator_reserves_is_refused_and_what_he_does_not_is_not(
    reserved: list[IPv4Address | IPv6Address], address: IPv4Address | IPv6Address
) -> None:
    by_nature = why_not(address, ())
    found = why_not(address, ranges(map(str, reserved)))
    assert found == (by_nature or ("reserved by the operator" if address in reserved else None))


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "10.0.0.1/24", "169.254.169.254-255", "::/129"])
def test_what_is_no_block_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor a block"):
        ranges([text])


def test_blocks_and_addresses_may_be_reserved() -> None:
    found = ranges(["10.0.0.0/8", " fd00:ec2::254"])
    assert [str(block) for block in found] == ["10.0.0.0/8", "fd00:ec2::254/128"]
    assert ip_address("10.1.2.3") in found[0]
