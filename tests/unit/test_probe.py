"""Whether an address is in use: what is asked, and what is taken for a yes."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.host.announce import checksum, gratuitous_arp, neighbour_advertisement
from evener.host.probe import claim, question

OURS, THEIRS = "02:00:00:00:00:01", "fa:16:3e:00:00:05"
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def announced(mac: str, address: IPv4Address | IPv6Address) -> bytes:
    make = gratuitous_arp if address.version == 4 else neighbour_advertisement
    return make(mac, address)  # type: ignore[arg-type]


@given(ADDRESSES)
def test_who_says_that_it_has_an_address_has_it(address: IPv4Address | IPv6Address) -> None:
    if address.version == 6 or int(address):
        assert claim(announced(THEIRS, address), OURS) == (address, THEIRS)


@given(ADDRESSES)
def test_who_asks_for_it_as_we_do_counts_as_well_and_we_do_not(address: IPv4Address | IPv6Address) -> None:
    assert claim(question(THEIRS, address), OURS) == (address, THEIRS)
    assert claim(question(OURS, address), OURS) is None


@given(st.binary(max_size=100))
def test_other_frames_say_nothing(rest: bytes) -> None:
    head = bytes(6) + bytes.fromhex(THEIRS.replace(":", ""))
    assert claim(rest[:13], OURS) is None
    assert claim(head + b"\x08\x00" + rest, OURS) is None
    claim(head + b"\x08\x06" + rest, OURS)  # whatever it is, it is read
    claim(head + b"\x86\xdd" + rest, OURS)


@pytest.mark.parametrize("text", ["10.0.0.5", "fd00::5"])
def test_a_question_comes_from_no_address_and_goes_to_who_may_have_it(text: str) -> None:
    address = ip_address(text)
    frame = question(OURS, address)
    if address.version == 4:  # RFC 5227 section 2.1.1: sender's address all zeros
        assert (frame[:6], frame[28:32], frame[38:42]) == (b"\xff" * 6, bytes(4), address.packed)
    else:  # RFC 4861 section 4.3: to the solicited-node multicast address, and no source link-layer address
        assert frame[:6] == bytes.fromhex("3333ff000005")
        assert (frame[22:38], frame[38:54]) == (bytes(16), IPv6Address("ff02::1:ff00:5").packed)
        assert (len(frame), frame[54]) == (78, 135)
        pseudo = frame[22:54] + (24).to_bytes(4) + (58).to_bytes(4)
        assert checksum(pseudo + frame[54:]) == 0
