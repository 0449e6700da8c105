"""What the host room decides without a kernel: frames, names, wanted addresses and routes, events, errors."""

import errno
import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.host import addresses, announce, linkevents, linuxbridge, netns
from evener.host.driver import load_driver
from evener.host.errors import DriverUnknown, HostError, LinkMissing, NotPermitted, explained, from_kernel
from evener.resources.wiring import FixedIP, Route, WiredPort

MAC = "fa:16:3e:01:02:03"
PORT_ID = "6b9f2a31-5c1e-4c58-9a80-3a3f3d4a1b2c"
NETWORK_ID = "0f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"


def port(*fixed_ips: FixedIP) -> WiredPort:
    return WiredPort(id=PORT_ID, network_id=NETWORK_ID, mac_address=MAC, fixed_ips=fixed_ips)


def test_names_are_those_of_neutrons_linux_bridge_agent_and_fit_the_kernel():
    assert linuxbridge.bridge_name(NETWORK_ID) == "brq0f3a77d2-77"
    assert linuxbridge.tap_name(PORT_ID) == "tap6b9f2a31-5c"
    assert linuxbridge.inner_name(port()) == "ns-6b9f2a31-5c"
    assert linuxbridge.LinuxBridgeDriver().interface(port()) == "ns-6b9f2a31-5c"
    assert linuxbridge.inner_name(port().model_copy(update={"prefix": "qg-"})) == "qg-6b9f2a31-5c"


def test_a_gratuitous_arp_is_a_broadcast_request_for_the_senders_own_address():
    frame = announce.gratuitous_arp(MAC, ipaddress.IPv4Address("192.168.200.5"))
    assert frame.hex() == (
        "ffffffffffff" "fa163e010203" "0806" "0001" "0800" "06" "04" "0001"
        "fa163e010203" "c0a8c805" "000000000000" "c0a8c805"
    )  # fmt: skip


@given(st.ip_addresses(v=6))
def test_a_neighbour_advertisement_has_a_checksum_that_receivers_accept(address):
    frame = announce.neighbour_advertisement(MAC, address)
    ip, message = frame[14:54], frame[54:]
    pseudo = ip[8:40] + struct.pack("!II", len(message), socket.IPPROTO_ICMPV6)
    assert announce.checksum(pseudo + message) == 0
    assert (frame[:6].hex(), frame[12:14].hex(), ip[7]) == ("333300000001", "86dd", 255)
    assert (message[0], message[4:8].hex(), message[8:24]) == (136, "20000000", address.packed)
    assert message[24:].hex() == "0201" + MAC.replace(":", "")


def test_the_gateway_is_the_way_to_everywhere():
    wanted = linuxbridge.wanted_routes(
        port(
            FixedIP(address="10.0.0.5", prefix_length=24, gateway="10.0.0.1"),
            FixedIP(address="fd00::5", prefix_length=64, gateway="fe80::1"),
        )
    )
    assert {(str(r.destination), str(r.gateway)) for r in wanted} == {
        ("0.0.0.0/0", "10.0.0.1"),
        ("::/0", "fe80::1"),
    }


def test_a_subnets_own_route_to_everywhere_goes_before_any_gateway():
    wanted = linuxbridge.wanted_routes(
        port(
            FixedIP(address="10.0.0.5", prefix_length=24, gateway="10.0.0.1"),
            FixedIP(
                address="10.1.0.5",
                prefix_length=24,
                gateway="10.1.0.1",
                routes=(Route(destination="0.0.0.0/0", nexthop="10.1.0.9"),),
            ),
        )
    )
    assert {str(r.gateway) for r in wanted} == {"10.1.0.9"}


@pytest.mark.parametrize(("prefix_length", "broadcast"), [(24, "10.0.0.255"), (31, None), (32, None)])
def test_only_a_subnet_with_room_for_it_has_a_broadcast_address(prefix_length, broadcast):
    request = addresses._addition(7, ipaddress.ip_interface(f"10.0.0.5/{prefix_length}"))
    assert request.get("broadcast") == broadcast


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "../x", "a\0b"])
def test_a_namespaces_name_cannot_lead_out_of_its_directory(name):
    with pytest.raises(HostError, match="cannot be the name"):
        netns.delete(name)


@pytest.mark.parametrize(
    ("number", "kind", "advice"),
    [
        (errno.EPERM, NotPermitted, "CAP_NET_ADMIN"),
        (errno.EROFS, NotPermitted, "/proc/sys"),
        (errno.ENODEV, LinkMissing, "next comparison"),
        (errno.ENOSPC, HostError, "max_user_watches"),
        (errno.EDOM, HostError, "Cannot create bridge brq1"),
    ],
)
def test_what_the_kernel_refuses_is_told_with_what_to_do(number, kind, advice):
    error = from_kernel("create bridge brq1", number)
    assert type(error) is kind
    assert advice in error.message
    assert error.errno == number


def test_an_error_that_is_explained_already_is_left_alone():
    with pytest.raises(LinkMissing, match="inner"), explained("outer"), explained("inner"):
        raise OSError(errno.ENODEV, "gone")


def test_an_unknown_interface_driver_is_answered_with_those_that_exist():
    with pytest.raises(DriverUnknown, match=r"'token-ring'.*linuxbridge"):
        load_driver("token-ring")


def test_the_linux_bridge_driver_is_found_by_its_name():
    assert isinstance(load_driver("linuxbridge"), linuxbridge.LinuxBridgeDriver)


def message(kind: int, family: int, name: bytes, flags: int = 1, state: int | None = None) -> bytes:
    attribute = struct.pack("=HH", 4 + len(name) + 1, 3) + name + b"\0"
    attribute += bytes(-len(attribute) % 4)
    if state is not None:  # of a bridge's port, among other things of it
        attribute += struct.pack("=HHHHBxxxHHBxxx", 20, 12 | 0x8000, 5, 1, state, 5, 2, 32)
    body = struct.pack("=BxHiII", family, 1, 5, flags, 0) + struct.pack("=HHI", 8, 4, 1500) + attribute
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_link_events_are_read_in_order_and_bridge_ports_that_leave_are_not_deletions():
    data = message(16, 0, b"tap1") + message(17, socket.AF_BRIDGE, b"tap1") + message(17, 0, b"brq-odd")
    assert linkevents.parse(data) == [("tap1", "changed"), ("tap1", "released"), ("brq-odd", "deleted")]


@pytest.mark.parametrize(("state", "told"), [(0, []), (1, []), (2, []), (3, ["connected"]), (4, [])])
def test_a_bridges_port_is_told_as_connected_once_packets_pass_it(state, told):
    data = message(16, socket.AF_BRIDGE, b"tap1", state=state)
    assert linkevents.parse(data) == [("tap1", each) for each in told]


def test_a_link_that_is_not_up_is_told_as_down():
    data = message(16, 0, b"brq1", flags=0) + message(16, socket.AF_BRIDGE, b"brq1", flags=0)
    assert linkevents.parse(data) == [("brq1", "down")]


@given(st.binary(max_size=200), st.integers(0, 90))
def test_no_bytes_from_the_kernel_break_the_reading_of_link_events(noise, cut):
    linkevents.parse(noise)
    events = linkevents.parse((message(16, 0, b"tap1") + message(17, 0, b"tap2"))[:cut] + noise[:0])
    assert len(events) <= 2
