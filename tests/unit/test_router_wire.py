"""Routers and floating IPs on the wire: what may be written, and what only administrators may."""

from typing import Any

import pytest

from evener import config
from evener.api.policy import Policy
from evener.resources import wire
from evener.resources.caller import Caller
from evener.resources.errors import Forbidden, InvalidInput
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.network.http.routers import which
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.router import Router

SOME_ID, OTHER_ID = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in (1, 2))
POLICY = Policy(config.load([], "evener-test"), NETWORKING.kinds, NETWORKING.rules)
MEMBER = Caller("ann", "ann", frozenset({"member"}))


@pytest.mark.parametrize("given", [None, {}])
def test_nothing_clears_a_gateway(given: Any) -> None:
    body = {"router": {"external_gateway_info": given}}
    assert wire.parse_update(Router, body) == {"external_gateway_info": None}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"external_gateway_info": {"enable_snat": True}}, "network_id"),
        ({"external_gateway_info": {"network_id": "x"}}, "network_id: 'x' is not a valid UUID"),
        ({"external_gateway_info": {"network_id": SOME_ID, "qos": 1}}, "qos"),
        ({"external_gateway_info": [SOME_ID]}, "external_gateway_info"),
        ({"ha": True}, "Invalid input for ha. Reason: 'true' is not supported"),
        ({"distributed": "true"}, "Invalid input for distributed."),
        ({"routes": [{"destination": "10.0.0.0/8"}]}, "nexthop"),
        ({"routes": [{"destination": "10.0.0.0/8", "nexthop": "10.0.0.1"}] * 2}, "given twice"),
        ({"routes": [{"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.1"} for n in range(31)]}, "30"),
        ({"status": "DOWN"}, "Cannot update read-only attribute status"),
        ({"enable_snat": False}, "Unrecognized attribute(s) 'enable_snat'"),
        ({"flavor_id": SOME_ID}, "Unrecognized attribute"),
    ],
)
def test_what_makes_no_sense_for_a_router_is_refused_by_name(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        wire.parse_update(Router, {"router": given})
    assert says in caught.value.message


def test_routes_come_after_the_router() -> None:
    with pytest.raises(InvalidInput, match="Attribute 'routes' not allowed in POST"):
        wire.parse_create(Router, {"router": {"routes": []}})
    assert wire.parse_create(Router, {"router": {"ha": False}})["ha"] is False


def test_a_floating_ip_says_its_network_once_and_its_port_at_any_time() -> None:
    with pytest.raises(InvalidInput, match="Required attribute 'floating_network_id'"):
        wire.parse_create(FloatingIP, {"floatingip": {}})
    for name in ("floating_network_id", "floating_ip_address", "subnet_id", "router_id"):
        with pytest.raises(InvalidInput, match=f"Cannot update read-only attribute {name}"):
            wire.parse_update(FloatingIP, {"floatingip": {name: SOME_ID}})
    both = {"port_id": SOME_ID, "fixed_ip_address": None}
    assert wire.parse_update(FloatingIP, {"floatingip": both}) == both
    assert not {"floating_port_id", "subnet_id"} & wire.visible_attributes(FloatingIP)


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({}, None),
        ({"enable_snat": True}, None),  # what holds anyway is nothing given
        ({"external_fixed_ips": []}, None),
        ({"enable_snat": False}, "enable_snat"),
        ({"external_fixed_ips": [{"subnet_id": SOME_ID}]}, "external_fixed_ips"),
    ],
)
def test_only_administrators_say_how_a_gateway_leads_outside(
    more: dict[str, Any], refused: str | None
) -> None:
    body = {"router": {"external_gateway_info": {"network_id": SOME_ID, **more}}}
    values = wire.parse_update(Router, body)
    POLICY.check_attributes(Caller("root", "x", frozenset({"admin"})), "update", Router, values)
    if refused is None:
        POLICY.check_attributes(MEMBER, "update", Router, values)
        return
    rule = f"rule:update_router:external_gateway_info:{refused} is disallowed by policy"
    with pytest.raises(Forbidden, match=rule):
        POLICY.check_attributes(MEMBER, "update", Router, values)


def test_an_interface_is_named_by_its_subnet_or_port() -> None:
    assert which({"subnet_id": SOME_ID}) == (SOME_ID, None)
    assert which({"port_id": SOME_ID.replace("-", "")}) == (None, SOME_ID)
    assert which({"port_id": SOME_ID, "subnet_id": OTHER_ID}) == (OTHER_ID, SOME_ID)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "Bad router request: Either subnet_id or port_id must be specified."),
        (None, "Bad router request: Either subnet_id or port_id must be specified."),
        ([SOME_ID], "Bad router request: Either subnet_id or port_id must be specified."),
        ({"network_id": SOME_ID}, "Unrecognized attribute(s) 'network_id'"),
        ({"subnet_id": None}, "Bad router request: subnet_id: 'None' is not a valid UUID."),
        ({"port_id": "\ud800"}, "Bad router request: port_id: '\\ud800' is not a valid UUID."),
        ({"port_id": {"x": 1}}, "Bad router request: port_id: '{'x': 1}' is not a valid UUID."),
    ],
)
def test_an_interface_that_is_named_otherwise_is_refused(body: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        which(body)
    assert caught.value.message == says
