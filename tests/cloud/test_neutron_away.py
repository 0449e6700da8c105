"""A Neutron that is away is said to be so at once; when it is back, all goes on, and nothing was done twice."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from cuttable import Proxy, Way, cuttable

from cloud.conftest import Tenant, load
from cloud.neutron_site import balancer
from evener.resources.errors import Unavailable
from evener.resources.wiring import PacketRule
from evener.services import neutron
from evener.services.neutron import NeutronNetwork
from waiting import eventually

pytestmark = pytest.mark.cloud
WEB = PacketRule(ip_version=4, protocol="tcp", first_port=80, last_port=80)


@pytest.fixture
def way(tenant: Tenant) -> Iterator[Proxy]:
    where = urlsplit(tenant.connection.network.get_endpoint())
    with cuttable(str(where.hostname), where.port or 80) as proxy:
        yield proxy


@pytest.fixture
def network(way: Proxy, tmp_path: Path, settings: str) -> NeutronNetwork:
    conf = load(
        tmp_path,
        f"{settings}timeout = 20\n[neutron]\nendpoint_override = http://127.0.0.1:{way.port}\n",
    )
    return neutron.make(conf, str(uuid4()))


def calls(network: NeutronNetwork, tenant: Tenant, port_id: str) -> dict[str, Callable[[], object]]:
    """Return all that asks Neutron, by its name."""
    caller, balancer_id = tenant.caller, str(uuid4())
    project, subnet = tenant.project_id, tenant.subnet_id
    return {
        "reserve": lambda: network.reserve_vip_port(caller, balancer_id, project, [subnet], None),
        "adopt": lambda: network.adopt_vip_port(caller, balancer_id, port_id, subnet, None),
        "groups": lambda: network.set_vip_groups(caller, port_id, []),
        "release": lambda: network.release_vip_port(balancer_id),
        "reserved": network.reserved,
        "reach": lambda: network.reach_from_vip_port(port_id, None, "fd00:77::9"),
        "addresses": lambda: network.addresses_of_vip_port(port_id),
        "port": lambda: network.vip_port(port_id, "host"),
        "let in": lambda: network.let_in(balancer_id, port_id, [WEB]),
        "changed": network.changed_ports,
        "subnet": lambda: network.subnet(caller, subnet),
        "subnets": lambda: network.subnets(caller, tenant.network_id),
    }


def again(call: Callable[[], Any]) -> Any:
    """Return what a call returns once Neutron is known to answer again."""
    found: list[Any] = []

    def is_answered() -> bool:
        with suppress(Unavailable):
            found.append(call())
        return bool(found)

    eventually(is_answered, 20)
    return found[0]


def test_everything_is_unavailable_while_neutron_is_away_and_goes_on_when_it_is_back(
    network: NeutronNetwork, tenant: Tenant, way: Proxy
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        way.stop()
        for call in calls(network, tenant, vip.port_id).values():
            with pytest.raises(Unavailable, match="Neutron does not answer"):
                call()
        way.start()
        assert again(network.reserved) == {balancer_id}


def test_a_connection_that_was_cut_while_nothing_was_asked_is_made_anew(
    network: NeutronNetwork, tenant: Tenant, way: Proxy
) -> None:
    network.subnet(tenant.caller, tenant.subnet_id)
    way.stop()
    way.start()
    with balancer(network, tenant) as (balancer_id, _):
        assert network.reserved() == {balancer_id}


def test_a_port_whose_answer_was_lost_is_made_once_and_released_by_its_load_balancer(
    network: NeutronNetwork, tenant: Tenant, way: Proxy
) -> None:
    balancer_id = str(uuid4())

    def create_and_lose(*arguments: Any) -> Any:
        way.way = Way.LOSING
        return create(*arguments)

    api = network._neutron
    create, api.create = api.create, create_and_lose  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        network.reserve_vip_port(tenant.caller, balancer_id, tenant.project_id, [tenant.subnet_id], None)
    way.way = Way.OPEN
    eventually(lambda: len(tenant.get("/ports", device_id=balancer_id)["ports"]) == 1, 20)
    again(lambda: network.release_vip_port(balancer_id))
    assert tenant.get("/ports", device_id=balancer_id)["ports"] == []


def test_who_does_not_answer_in_time_is_away(
    tmp_path: Path, settings: str, way: Proxy, tenant: Tenant
) -> None:
    where = f"[neutron]\nendpoint_override = http://127.0.0.1:{way.port}\n"
    way.way = Way.HANGING
    hasty = neutron.make(load(tmp_path, f"{settings}timeout = 5\n{where}"))
    with pytest.raises(Unavailable, match="Neutron does not answer"):
        hasty.subnet(tenant.caller, tenant.subnet_id)
