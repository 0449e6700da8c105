"""An address of the host on a network is refused where the range would hide something that the host reaches."""

from ipaddress import IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener_cloud import config as cloud
from evener_cloud.network.node.hostaddress import Surroundings, name_servers, refusal

NETWORK = "8fe9a2d4-5a0c-4c1e-9b1f-0d7c1f2e3a4b"
RESOLV_CONF = "# a comment\nnameserver 10.9.0.53\nnameserver fd00::53 \nnameserver nonsense\nnameserver\n"
ranges = st.builds(
    lambda number, length: IPv4Network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(2, 30),
)


@given(mine=ranges, theirs=ranges)
def test_a_range_is_refused_where_it_overlaps_one_that_the_host_reaches_and_nowhere_else(mine, theirs):
    wanted = {"brq1": IPv4Interface((mine.network_address + 1, mine.prefixlen))}
    there = Surroundings((("route to somewhere", theirs, "eth0"),))
    assert (refusal(wanted, there) is not None) == mine.overlaps(theirs)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (Surroundings(), None),
        (Surroundings((("route to 0.0.0.0/0", IPv4Network("0.0.0.0/0"), "eth0"),)), None),
        (Surroundings((("route to 128.0.0.0/1", IPv4Network("128.0.0.0/1"), "tun0"),)), None),
        (Surroundings((("address 10.0.0.1/24", IPv4Network("10.0.0.0/24"), "brq1"),)), None),
        (
            Surroundings((("address 10.0.0.77/32", IPv4Network("10.0.0.77/32"), "eth0"),)),
            "10.0.0.1/24 overlaps the host's address 10.0.0.77/32 (interface eth0)",
        ),
        (
            Surroundings(name_servers=name_servers("nameserver 10.0.0.53")),
            "10.0.0.1/24 hides the host's name server 10.0.0.53 of /etc/resolv.conf",
        ),
    ],
)
def test_it_is_said_what_would_be_hidden(there, said):
    found = refusal({"brq1": IPv4Interface("10.0.0.1/24")}, there)
    assert (found or "").partition(";")[0] == (said or "")


def test_two_networks_may_not_have_one_range():
    wanted = {"brq1": IPv4Interface("10.0.0.1/24"), "brq2": IPv4Interface("10.0.0.129/25")}
    assert "overlap" in str(refusal(wanted, Surroundings()))


def test_name_servers_are_read_as_the_resolver_reads_them():
    assert [str(server) for server in name_servers(RESOLV_CONF)] == ["10.9.0.53"]


@pytest.mark.parametrize(
    "value",
    [
        f"{NETWORK}:10.0.0.1",
        f"{NETWORK}:10.0.0.0/24",
        f"{NETWORK}:10.0.0.255/24",
        f"{NETWORK}:10.0.0.1/31",
        f"{NETWORK}:10.0.0.1/0",
        f"{NETWORK}:fd00::1/64",
        f"{NETWORK}:nonsense",
        "PROJECT_NET:10.0.0.1/24",
    ],
)
def test_the_setting_is_refused_with_what_it_may_be(tmp_path, capsys, value):
    file = tmp_path / "evener.conf"
    file.write_text(f"[standalone]\nhost_addresses = {value}\n")
    with pytest.raises(SystemExit) as ended:
        cloud.load(["--config-file", str(file)], "evener-standalone")
    assert "[standalone] host_addresses" in str(ended.value)
    assert "NETWORK_ID:ADDRESS/LENGTH" in str(ended.value)


def test_an_address_needs_a_bridge_to_be_on(tmp_path):
    file = tmp_path / "evener.conf"
    text = (
        f"[DEFAULT]\ninterface_driver = openvswitch\n[standalone]\nhost_addresses = {NETWORK}:10.0.0.1/24\n"
    )
    file.write_text(text)
    with pytest.raises(SystemExit, match="only interface_driver linuxbridge"):
        cloud.load(["--config-file", str(file)], "evener-standalone")
