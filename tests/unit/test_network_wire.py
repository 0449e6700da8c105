"""Networks, subnets and ports on the wire: derived from their descriptions, in Neutron's form."""

from typing import Any

import pytest

from evener.resources import wire
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.subnet import Subnet

SOME_ID = "00000000-0000-0000-0000-000000000001"
REQUIRED: dict[type[Resource], dict[str, Any]] = {
    Network: {},
    Subnet: {"network_id": SOME_ID, "cidr": "10.0.0.0/24", "ip_version": 4},
    Port: {"network_id": SOME_ID},
}


def test_an_attribute_with_a_name_of_its_own_on_the_wire_is_known_by_that_only() -> None:
    values = wire.parse_create(Network, {"network": {"router:external": "true"}})
    assert values["router_external"] is True
    assert wire.parse_update(Network, {"network": {"router:external": False}}) == {"router_external": False}
    network = Network(id=SOME_ID, project_id="p", router_external=True)
    shown = wire.to_wire(network)
    assert shown["router:external"] is True
    assert "router_external" not in shown
    assert "router:external" in wire.visible_attributes(Network)
    assert "router_external" not in wire.visible_attributes(Network)
    for parse in (wire.parse_create, wire.parse_update):
        with pytest.raises(InvalidInput, match="Unrecognized attribute\\(s\\) 'router_external'"):
            parse(Network, {"network": {"router_external": True}})
        with pytest.raises(InvalidInput, match="Invalid input for router:external"):
            parse(Network, {"network": {"router:external": "x"}})


@pytest.mark.parametrize(
    ("shown", "name"),
    [("router:external", "router_external"), ("tenant_id", "project_id"), ("name", "name"), ("x", "x")],
)
def test_filters_and_sort_keys_are_translated_to_attributes(shown: str, name: str) -> None:
    assert wire.attribute_name(Network, shown) == name


def test_what_the_service_computes_is_absent_unless_it_is_given() -> None:
    subnet = {"subnet": REQUIRED[Subnet]}
    assert not {"gateway_ip", "allocation_pools"} & wire.parse_create(Subnet, subnet).keys()
    given = {"subnet": {**REQUIRED[Subnet], "gateway_ip": None}}
    assert wire.parse_create(Subnet, given)["gateway_ip"] is None
    port = wire.parse_create(Port, {"port": REQUIRED[Port]})
    assert not {"mac_address", "fixed_ips"} & port.keys()
    assert wire.parse_create(Port, {"port": {**REQUIRED[Port], "fixed_ips": []}})["fixed_ips"] == ()


@pytest.mark.parametrize(
    ("cls", "given"),
    [
        (Network, {"mtu": 67}),
        (Network, {"mtu": 65536}),
        (Network, {"mtu": True}),
        (Network, {"shared": "x"}),
        (Network, {"status": "ACTIVE"}),
        (Network, {"subnets": []}),
        (Network, {"id": SOME_ID}),
        (Subnet, {"cidr": "10.0.0.0"}),
        (Subnet, {"cidr": "10.0.0.0/33"}),
        (Subnet, {"cidr": None}),
        (Subnet, {"ip_version": 5}),
        (Subnet, {"ip_version": True}),
        (Subnet, {"gateway_ip": "x"}),
        (Subnet, {"gateway_ip": ""}),
        (Subnet, {"allocation_pools": [{"start": "10.0.0.1"}]}),
        (Subnet, {"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.2", "x": 1}]}),
        (Subnet, {"dns_nameservers": ["10.0.0.1"] * 6}),
        (Subnet, {"dns_nameservers": ["x"]}),
        (Subnet, {"host_routes": [{"destination": "10.0.0.0/8", "nexthop": "10.0.0.1"}] * 21}),
        (Subnet, {"host_routes": [{"destination": "10.0.0.0/8"}]}),
        (Subnet, {"ipv6_ra_mode": "x"}),
        (Port, {"mac_address": "01:00:00:00:00:01"}),
        (Port, {"mac_address": "00:00:00:00:00:00"}),
        (Port, {"mac_address": "fa:16:3e:00:00"}),
        (Port, {"fixed_ips": [{"ip_address": "x"}]}),
        (Port, {"fixed_ips": [{"subnet_id": "x"}]}),
        (Port, {"fixed_ips": [{"x": "x"}]}),
        (Port, {"fixed_ips": [{}] * 6}),
        (Port, {"network_id": "x"}),
        (Port, {"device_id": "\x00"}),
        (Port, {"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:01"}]}),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(cls: type[Resource], given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(InvalidInput, match=name):
        wire.parse_create(cls, {cls.KIND: {**REQUIRED[cls], **given}})


@pytest.mark.parametrize("cls", REQUIRED)
def test_what_is_made_once_cannot_be_changed(cls: type[Resource]) -> None:
    for name in ("id", "project_id", "tenant_id", *REQUIRED[cls]):
        with pytest.raises(InvalidInput, match="Cannot update read-only attribute"):
            wire.parse_update(cls, {cls.KIND: {name: SOME_ID}})


def test_an_address_pair_is_an_address_or_a_block() -> None:
    pairs = [{"ip_address": "10.0.0.1"}, {"ip_address": "10.0.0.7/8", "mac_address": "FA:16:3E:00:00:01"}]
    values = wire.parse_create(Port, {"port": {**REQUIRED[Port], "allowed_address_pairs": pairs}})
    assert [pair.ip_address for pair in values["allowed_address_pairs"]] == ["10.0.0.1", "10.0.0.0/8"]
