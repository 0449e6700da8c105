"""What null means for lists: what clients send to clear one (`neutron … action=clear`)."""

import typing

import pytest

from evener.resources.describe import Attr, Resource, descriptors, wire_names
from evener.resources.wire import parse_create, parse_update
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet

LISTS = [
    (cls, name)
    for cls in NETWORKING.kinds
    for name, (field, mark) in descriptors(cls).items()
    if typing.get_origin(field.annotation) is tuple
    and isinstance(mark, Attr)
    and (mark.create or mark.update)
]
SUBNET = {"network_id": "00000000-0000-4000-8000-000000000001", "cidr": "10.0.0.0/24", "ip_version": 4}


def test_the_lists_that_users_set_are_those_of_the_networking_api_and_more() -> None:
    assert {(Subnet, "dns_nameservers"), (Port, "allowed_address_pairs"), (Router, "routes")} <= set(LISTS)


@pytest.mark.parametrize(("cls", "name"), LISTS, ids=lambda value: getattr(value, "KIND", value))
def test_null_is_no_error_and_means_empty_or_what_the_service_chooses(cls: type[Resource], name: str) -> None:
    field, mark = descriptors(cls)[name]
    assert isinstance(mark, Attr)
    if mark.update:
        values = parse_update(cls, {cls.KIND: {wire_names(cls)[name]: None}})
        assert values == {name: None if field.is_required() else ()}


def test_null_in_a_new_object_is_as_if_it_were_not_there() -> None:
    plain = parse_create(Subnet, {"subnet": SUBNET})
    nulls = dict.fromkeys(("dns_nameservers", "host_routes", "allocation_pools"))
    assert parse_create(Subnet, {"subnet": {**SUBNET, **nulls}}) == plain
    given = {"network_id": SUBNET["network_id"]}
    nulls = dict.fromkeys(("fixed_ips", "allowed_address_pairs"))
    assert parse_create(Port, {"port": {**given, **nulls}}) == parse_create(Port, {"port": given})
    gateway = {"network_id": SUBNET["network_id"], "external_fixed_ips": None}
    made = parse_create(Router, {"router": {"external_gateway_info": gateway}})
    assert made["external_gateway_info"].external_fixed_ips == ()
    assert parse_create(Network, {"network": {}})
