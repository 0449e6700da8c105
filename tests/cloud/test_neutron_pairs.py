"""The ports of the two hosts of a load balancer in a real Neutron: whose they are, and what they let through."""

from collections.abc import Callable
from uuid import uuid4

import openstack
import pytest

from cloud.conftest import Tenant
from cloud.neutron_site import balancer
from evener.resources.errors import Unavailable
from evener.resources.types import Role
from evener.resources.wiring import PacketRule
from evener.services.network import HostPort
from evener.services.neutron import NeutronNetwork

pytestmark = pytest.mark.cloud


@pytest.fixture
def port(admin: openstack.connection.Connection) -> Callable[[HostPort], openstack.network.v2.port.Port]:
    return lambda it: admin.network.get_port(it.port_id)


def web(port: int) -> PacketRule:
    return PacketRule(ip_version=4, protocol="tcp", first_port=port, last_port=port)


def test_hosts_have_ports_of_our_own_project_and_the_vip_is_bound_nowhere(
    network: NeutronNetwork, tenant: Tenant, host: str, port
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        assert network.vip_port(vip.port_id, host) is not None  # it was served by one
        pair = network.reserve_host_ports(balancer_id, vip.port_id)
        assert set(pair) == {Role.MASTER, Role.BACKUP}
        assert network.reserve_host_ports(balancer_id, vip.port_id) == pair
        assert network.with_host_ports() == {balancer_id}
        of_project = tenant.get("/ports", device_id=balancer_id, project_id=tenant.project_id)["ports"]
        assert [each["id"] for each in of_project] == [vip.port_id]

        described = network.vip_port(vip.port_id, None)
        assert described is not None
        seen = port(HostPort(vip.port_id, vip.address))
        assert (seen.binding_host_id, seen.is_admin_state_up) == ("", True)
        for it in pair.values():
            own = network.vip_port(it.port_id, host)
            assert own is not None
            assert [each.address for each in own.wiring.fixed_ips] == [it.address]
            assert own.wiring.wired_elsewhere
            plugged = port(it)
            assert plugged.binding_host_id == host
            assert [each["ip_address"] for each in plugged.allowed_address_pairs] == [vip.address]

        network.release_host_ports(balancer_id)
        assert network.with_host_ports() == set()
        assert network.vip_port(vip.port_id, host) is not None  # by one again
        assert port(HostPort(vip.port_id, vip.address)).binding_host_id == host


def test_hosts_let_in_what_the_vip_does_and_have_an_address_of_each_version_that_it_has(
    network: NeutronNetwork, tenant: Tenant, host: str, port
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        pair = network.reserve_host_ports(balancer_id, vip.port_id)
        [one, _] = pair.values()
        assert network.vip_port(vip.port_id, None) is not None
        network.let_in(balancer_id, vip.port_id, [web(80)])
        network.vip_port(one.port_id, host)
        of_vip = tenant.get(f"/ports/{vip.port_id}")["port"]["security_groups"]
        assert len(of_vip) == 1
        assert set(of_vip) < set(port(one).security_group_ids)
        before = port(one).revision_number
        network.vip_port(one.port_id, host)
        assert port(one).revision_number == before  # nothing is said that is so

        chosen = tenant.connection.network.create_security_group(name="chosen")
        try:
            network.set_vip_groups(tenant.caller, vip.port_id, [chosen.id])
            network.vip_port(one.port_id, host)
            assert chosen.id in port(one).security_group_ids
            assert not set(of_vip) & set(port(one).security_group_ids)
            network.set_vip_groups(tenant.caller, vip.port_id, [])
            network.vip_port(one.port_id, host)
        finally:
            tenant.connection.network.delete_security_group(chosen)

        (more,) = network.reach_from_vip_port(vip.port_id, None, "fd00:77::99")
        network.vip_port(one.port_id, host)
        assert {each["ip_address"] for each in port(one).allowed_address_pairs} == {vip.address, more}
        assert {each["subnet_id"] for each in port(one).fixed_ips} == {tenant.subnet_id, tenant.subnet6_id}
        assert network.reserve_host_ports(balancer_id, vip.port_id) == pair


def test_a_vip_that_is_not_filtered_has_hosts_that_are_not(
    network: NeutronNetwork, tenant: Tenant, host: str, port
) -> None:
    users = tenant.connection.network.create_port(
        network_id=tenant.network_id,
        fixed_ips=[{"subnet_id": tenant.subnet_id}],
        port_security_enabled=False,
        security_groups=[],
    )
    balancer_id = str(uuid4())
    try:
        vip = network.adopt_vip_port(tenant.caller, balancer_id, users.id, None, None)
        for each in network.reserve_host_ports(balancer_id, vip.port_id).values():
            assert network.vip_port(each.port_id, host) is not None
            assert not port(each).is_port_security_enabled
    finally:
        network.release_vip_port(balancer_id)
        tenant.connection.network.delete_port(users)
    assert network.with_host_ports() == set()


def test_no_room_in_our_own_project_is_told_to_the_operator_and_leaves_nothing(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    ours = admin.current_project_id
    with balancer(network, tenant) as (balancer_id, vip):
        used = len(list(admin.network.ports(project_id=ours)))
        admin.network.put(f"/quotas/{ours}", json={"quota": {"port": used + 1}})
        try:
            with pytest.raises(Unavailable, match=r"quota set --ports -1"):
                network.reserve_host_ports(balancer_id, vip.port_id)
        finally:
            admin.network.put(f"/quotas/{ours}", json={"quota": {"port": -1}})
        network.release_host_ports(balancer_id)
        assert network.with_host_ports() == set()
