"""Load balancers on a bridge that the host has already: they serve there, and the bridge is as it was afterwards."""

import json
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from existing_bridge import BRIDGE, Existing, Machine, flat, make_bridge
from standalone import Balancer, Cloud, Standalone, ip, traces

from waiting import eventually

pytestmark = pytest.mark.root

MOVING = ("fdb_n_learned", "hello_timer", "gc_timer", "topology_change_timer", "tcn_timer", "topology_change")
REPAIRED_WITHIN_S = 5.0


def as_it_is() -> dict[str, Any]:
    """Return all that ip(8) says of the bridge and of what is plugged into it, without clocks."""

    def shown(*command: str) -> Any:
        return json.loads(
            subprocess.run(["ip", "-j", "-d", *command], capture_output=True, check=True).stdout
        )

    (bridge,) = shown("address", "show", "dev", BRIDGE)
    data = bridge["linkinfo"]["info_data"]
    settings = {key: value for key, value in data.items() if key not in MOVING}
    ports = sorted(port["ifname"] for port in shown("link", "show", "master", BRIDGE))
    return {**bridge, "linkinfo": settings, "ports": ports}


@pytest.fixture(scope="module")
def settings() -> Iterator[str]:
    """Make the host's own bridge, and an interface that the host itself is reached by."""
    make_bridge()
    ip(
        "link add eth1 type veth peer name peer1",
        "address add 10.45.0.1/24 dev eth1",
    )
    yield """[linux_bridge]
bridge_mappings = virt:virbr0
physical_interface_mappings = wire:eth1
"""
    ip(f"link delete {BRIDGE}", "link delete eth1")


@pytest.fixture(scope="module")
def cloud(standalone: Standalone) -> Iterator[Cloud]:
    made = Existing(standalone, "10.44.0.0/24", host=Machine)
    yield made
    made.remove()


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    before = as_it_is()
    made = cloud.balancer("on-theirs")
    eventually(lambda: set(cloud.client.spread(made.vip, 8)) == {"web1", "web2"})
    yield made
    cloud.delete(made)
    assert traces(made.lb["id"], made.lb["vip_port_id"]) == []
    assert as_it_is() == before


def test_it_serves_there_and_the_bridge_has_one_port_more(cloud: Cloud, balancer: Balancer) -> None:
    assert ip_address(balancer.vip) in ip_network("10.44.0.0/24")
    assert balancer.tap in as_it_is()["ports"]
    assert not [trace for trace in traces() if trace.startswith("brq")]


def test_a_port_that_someone_takes_out_of_the_bridge_is_put_back(cloud: Cloud, balancer: Balancer) -> None:
    whole = as_it_is()
    ip(f"link set {balancer.tap} nomaster")
    eventually(lambda: as_it_is() == whole and cloud.client.answers(balancer.vip), REPAIRED_WITHIN_S)


def test_stopping_and_starting_leaves_the_bridge_as_it_is(cloud: Cloud, balancer: Balancer) -> None:
    whole = as_it_is()
    cloud.standalone.restart()
    cloud.api.wait_active(balancer.lb)
    assert as_it_is() == whole


def test_without_its_bridge_at_the_start_nothing_is_online_until_it_is_there(cloud: Cloud) -> None:
    balancer = cloud.balancer("on-theirs-again")
    cloud.standalone.stop()
    ip(f"link delete {BRIDGE}")
    try:
        cloud.standalone.start()
        eventually(lambda: cloud.api.show(balancer.lb)["provisioning_status"] == "ERROR", 60)
        why = f"{BRIDGE}, but there is no such interface"
        told = lambda: cloud.api.statuses(balancer.lb)["provisioning_error"] or ""  # noqa: E731
        eventually(lambda: why in told(), 60, told)
        eventually(lambda: {*cloud.api.operating(balancer.lb).values()} == {"OFFLINE"})
    finally:
        make_bridge()
    cloud.api.wait_active(balancer.lb, 120)
    for host in cloud.hosts:
        host.rejoin()
    eventually(lambda: {*cloud.api.operating(balancer.lb).values()} == {"ONLINE"})
    assert cloud.client.spread(balancer.vip, 2)
    cloud.delete(balancer)


def test_an_interface_that_the_host_is_reached_by_is_left_alone_and_the_user_told(cloud: Cloud) -> None:
    network = cloud.api.create("network", name="wire", **flat("wire"))
    subnet = cloud.api.create("subnet", network_id=network["id"], cidr="10.45.0.0/24", ip_version=4)
    refused = cloud.balancer("refused", subnet=subnet, webs=[], wait=False)

    def told() -> bool:
        shown = cloud.api.show(refused.lb)
        return shown["provisioning_status"] == "ERROR" and "eth1" in str(cloud.api.statuses(refused.lb))

    eventually(told, why=lambda: cloud.api.statuses(refused.lb))
    served = cloud.balancer("served")  # other networks' load balancers do not wait for it
    cloud.delete(served)
    assert (
        "10.45.0.1/24"
        in subprocess.run(
            ["ip", "address", "show", "dev", "eth1"], capture_output=True, text=True, check=True
        ).stdout
    )
    ip("address flush dev eth1")
    cloud.api.wait_active(refused.lb, within_s=40)  # it is tried again, with growing pauses
    cloud.delete(refused)
    cloud.api.delete(network)
    eventually(lambda: not [trace for trace in traces() if trace.startswith("brq")])


def test_purging_takes_what_is_ours_from_the_bridge(cloud: Cloud) -> None:
    """The fixtures compare, once the server was purged with a load balancer on it."""
    purged = cloud.balancer("purged")
    assert purged.tap in as_it_is()["ports"]
