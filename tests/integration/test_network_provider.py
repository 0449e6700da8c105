"""The provider attributes of networks: who gives and sees them, what they may be, and what agents are told."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_cloud import HOST, Cloud

FLAT = {"provider:network_type": "flat", "provider:physical_network": "outside"}
NAMES = {"provider:network_type", "provider:physical_network", "provider:segmentation_id"}


def shown(network: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in network.items() if name.startswith("provider:")}


def test_administrators_see_what_a_network_is_underneath_and_nobody_else_does(cloud: Cloud) -> None:
    plain = cloud.ann.create("network")
    flat = cloud.admin.create("network", **FLAT, shared=True)
    assert shown(flat) == {**FLAT, "provider:segmentation_id": None}
    assert shown(cloud.admin.show("network", plain["id"])) == {
        **dict.fromkeys(NAMES),
        "provider:network_type": "local",
    }
    assert cloud.admin.ids("/networks", "provider:physical_network=outside") == [flat["id"]]
    for seen in (plain, cloud.ann.show("network", flat["id"]), *cloud.ann.entries("/networks")):
        assert shown(seen) == {}
    renamed = cloud.ann.update("network", plain["id"], name="new")
    assert shown(renamed) == {}
    for query in ("provider:physical_network=outside", "sort_key=provider:physical_network&sort_dir=asc"):
        answer = cloud.ann.send("GET", "/networks", query_string=query)
        assert answer.status_code == 400
        assert "physical_network" in answer.json["NeutronError"]["message"]


@pytest.mark.parametrize("given", [FLAT, {"provider:physical_network": "outside"}])
def test_only_administrators_give_them(cloud: Cloud, given: dict[str, Any]) -> None:
    answer = cloud.ann.send("POST", "/networks", {"network": given})
    assert answer.status_code == 403
    assert "create_network:provider:" in answer.json["NeutronError"]["message"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_they_stay_as_they_were_given(cloud: Cloud, name: str) -> None:
    network = cloud.admin.create("network")
    answer = cloud.admin.send("PUT", f"/networks/{network['id']}", {"network": {name: None}})
    assert answer.status_code == 400
    assert answer.json["NeutronError"]["message"] == f"Cannot update read-only attribute {name}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network_type": "vlan"}, "provider:network_type. Reason: 'vlan' is not one of local, flat"),
        ({"network_type": "vxlan", "segmentation_id": 7}, "'vxlan' is not one of local, flat"),
        ({"network_type": None}, "provider:network_type"),
        ({"network_type": "flat"}, "physical_network required for flat provider network"),
        (
            {"network_type": "flat", "physical_network": "moon"},
            "physical_network 'moon' unknown for flat provider network; known: 'outside', 'wire'",
        ),
        (
            {"physical_network": "outside"},
            "prohibited for local provider network; give provider:network_type",
        ),
        (
            {"network_type": "flat", "physical_network": "outside", "segmentation_id": 7},
            "segmentation_id prohibited for flat provider network",
        ),
        ({"segmentation_id": 7}, "segmentation_id prohibited for local provider network"),
        ({"segmentation_id": 2**40}, "provider:segmentation_id"),
        ({"network_type": "flat", "physical_network": ""}, "provider:physical_network"),
        ({"network_type": "flat", "physical_network": "x" * 65}, "provider:physical_network"),
        ({"network_type": "flat", "physical_network": "\x00"}, "provider:physical_network"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_allowed(
    cloud: Cloud, given: dict[str, Any], message: str
) -> None:
    body = {"network": {f"provider:{name}": value for name, value in given.items()}}
    answer = cloud.admin.send("POST", "/networks", body)
    assert answer.status_code == 400
    assert message in answer.json["NeutronError"]["message"]


def test_a_flat_physical_network_has_room_for_one_network(any_cloud: Cloud) -> None:
    def make(_: int) -> Any:
        return any_cloud.admin.send("POST", "/networks", {"network": FLAT})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(make, range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    made = next(answer.json["network"] for answer in answers if answer.status_code == 201)
    for answer in answers:
        if answer.status_code == 409:
            error = answer.json["NeutronError"]
            assert error["type"] == "FlatNetworkInUse"
            assert "Physical network outside is in use." in error["message"]
    any_cloud.admin.create("network", **{**FLAT, "provider:physical_network": "wire"})
    any_cloud.admin.delete("network", made["id"])
    any_cloud.admin.create("network", **FLAT)


def test_agents_are_told_the_physical_network_of_networks_and_of_all_ports_there(cloud: Cloud) -> None:
    subnet = cloud.subnet(cloud.admin, **FLAT)
    other = cloud.subnet()
    told = {spec.id: spec.physical_network for spec in cloud.controller.networks(HOST) or ()}
    assert told == {subnet["network_id"]: "outside", other["network_id"]: None}
    balancer = cloud.admin.create("loadbalancer", vip_subnet_id=subnet["id"])
    graph = cloud.controller.graph(HOST, balancer["id"])
    assert graph is not None
    assert graph.vip_port.physical_network == "outside"
    router = cloud.admin.ok("POST", "/routers", {"router": {}})["router"]["id"]
    path = f"/routers/{router}/add_router_interface"
    assert cloud.admin.send("PUT", path, {"subnet_id": subnet["id"]}).status_code == 200
    (spec,) = cloud.controller.routers(HOST) or ()
    assert [port.physical_network for port in spec.ports] == ["outside"]
