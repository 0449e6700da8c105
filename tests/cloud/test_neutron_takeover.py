"""Ports of Neutron-LBaaS and of Octavia in a real Neutron, that become an Evener's."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import openstack
import pytest

from cloud.conftest import Tenant
from evener.resources.caller import Caller
from evener.resources.errors import InvalidInput, NotFound
from evener.services.neutron import NeutronNetwork

pytestmark = pytest.mark.cloud
MakePort = Callable[..., Any]


@pytest.fixture
def port(admin: openstack.connection.Connection, tenant: Tenant) -> Iterator[MakePort]:
    """Return what makes a port of the tenant's at 10.77.0.60, as others do, and remove what is left of it."""
    made = []

    def make(**values: Any) -> Any:
        where = [{"subnet_id": tenant.subnet_id, "ip_address": "10.77.0.60"}]
        made.append(
            admin.network.create_port(
                project_id=tenant.project_id, network_id=tenant.network_id, fixed_ips=where, **values
            )
        )
        return made[-1]

    yield make
    for each in made:
        admin.network.delete_port(each.id, ignore_missing=True)


def take(network: NeutronNetwork, tenant: Tenant, balancer: str, port: Any) -> Any:
    """Take a port over, twice, and return what Neutron shows of it then."""
    vip = network.foreign_vip_port(balancer, port.id, None, "10.77.0.60")
    assert (vip.address, vip.subnet_id, vip.network_id) == (
        "10.77.0.60",
        tenant.subnet_id,
        tenant.network_id,
    )
    for _ in range(2):
        network.take_over_vip_port(balancer, port.id)
    return tenant.get(f"/ports/{port.id}")["port"]


def test_a_port_of_neutron_lbaas_is_ours_as_it_is_and_goes_with_its_load_balancer(
    network: NeutronNetwork, tenant: Tenant, port: MakePort
) -> None:
    balancer = str(uuid4())
    made = port(device_id=balancer, device_owner="neutron:LOADBALANCERV2")
    taken = take(network, tenant, balancer, made)
    assert (taken["device_id"], taken["device_owner"]) == (balancer, "neutron:LOADBALANCERV2")
    assert taken["mac_address"] == made.mac_address
    assert taken["security_groups"] == made.security_group_ids  # its user's business, there as here
    assert network.reserved() == {balancer}
    network.release_vip_port(balancer)
    assert tenant.get("/ports", id=made.id)["ports"] == []


def test_a_port_of_octavia_leaves_octavias_group_and_goes_with_its_load_balancer(
    network: NeutronNetwork, tenant: Tenant, port: MakePort, admin: openstack.connection.Connection
) -> None:
    balancer = str(uuid4())
    group = admin.network.create_security_group(name=f"lb-{balancer}")
    try:
        owner = {"device_id": f"lb-{balancer}", "device_owner": "Octavia"}
        made = port(**owner, admin_state_up=False, security_groups=[group.id])
        taken = take(network, tenant, balancer, made)
        assert (taken["device_id"], taken["device_owner"]) == (balancer, "neutron:LOADBALANCERV2")
        assert taken["security_groups"] == []
        network.release_vip_port(balancer)
        assert tenant.get("/ports", id=made.id)["ports"] == []
    finally:
        admin.network.delete_security_group(group, ignore_missing=True)


def test_a_port_that_a_user_gave_to_octavia_stays_that_users(
    network: NeutronNetwork, tenant: Tenant, port: MakePort
) -> None:
    balancer = str(uuid4())
    made = port(name="mine")
    taken = take(network, tenant, balancer, made)
    assert (taken["device_id"], network.reserved()) == (balancer, {balancer})
    network.release_vip_port(balancer)
    left = tenant.get(f"/ports/{made.id}")["port"]
    assert (left["device_id"], left["device_owner"], left["tags"]) == ("", "", [])
    assert left["security_groups"] == made.security_group_ids


def test_another_devices_port_and_one_that_is_gone_are_neither(
    network: NeutronNetwork, tenant: Tenant, port: MakePort
) -> None:
    made = port(device_id="a-server", device_owner="compute:nova")
    with pytest.raises(InvalidInput, match="in use by device a-server"):
        network.foreign_vip_port(str(uuid4()), made.id, None, "10.77.0.60")
    with pytest.raises(InvalidInput, match="in use by device a-server"):
        network.take_over_vip_port(str(uuid4()), made.id)
    with pytest.raises(NotFound):
        network.foreign_vip_port(str(uuid4()), str(uuid4()), None, None)


def test_subnets_are_seen_by_the_services_own_right(network: NeutronNetwork, tenant: Tenant) -> None:
    caller = Caller("evener-db-manage", tenant.project_id, frozenset({"admin"}))
    assert network.subnet(caller, tenant.subnet_id).network_id == tenant.network_id
