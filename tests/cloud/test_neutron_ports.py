"""The ports of load balancers in a real Neutron: made with the caller's rights, bound, found again and let go of."""

from collections.abc import Iterator
from uuid import uuid4

import openstack
import pytest
from oslo_config import cfg

from cloud.conftest import Tenant, named
from cloud.neutron_site import balancer
from evener.resources.caller import Caller
from evener.resources.errors import (
    Forbidden,
    InUse,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    Unauthorized,
)
from evener.services import neutron
from evener.services.network import PortUnbound, SubnetInfo
from evener.services.neutron import NeutronNetwork
from evener.services.neutron_api import Neutron
from evener.services.neutron_ports import LEAVING, OWNER
from evener.services.sessions import Service, open_session

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def other(admin: openstack.connection.Connection) -> Caller:
    """Return the administrator's project's user as one without any role there."""
    return Caller(admin.current_user_id, admin.current_project_id, frozenset({"member"}), token="of nobody")


def test_a_vip_port_is_the_projects_and_says_whose_it_is(network: NeutronNetwork, tenant: Tenant) -> None:
    with balancer(network, tenant, "10.77.0.50") as (balancer_id, vip):
        assert (vip.address, vip.subnet_id, vip.network_id) == (
            "10.77.0.50",
            tenant.subnet_id,
            tenant.network_id,
        )
        port = tenant.get(f"/ports/{vip.port_id}")["port"]
        assert port["project_id"] == tenant.project_id
        assert port["device_owner"] == "neutron:LOADBALANCERV2"
        assert port["device_id"] == balancer_id
        assert port["name"] == f"loadbalancer-{balancer_id}"
        assert not port["admin_state_up"]
        assert port["security_groups"] == []  # so nothing is let in yet


def test_an_administrator_makes_one_for_another_project(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    caller = Caller("", admin.current_project_id, frozenset({"admin"}), token=admin.auth_token)
    balancer_id = str(uuid4())
    try:
        vip = network.reserve_vip_port(caller, balancer_id, tenant.project_id, [tenant.subnet_id], None)
        assert tenant.get(f"/ports/{vip.port_id}")["port"]["project_id"] == tenant.project_id
    finally:
        network.release_vip_port(balancer_id)


def test_what_the_caller_may_not_have_is_refused_in_neutrons_words(
    network: NeutronNetwork, tenant: Tenant
) -> None:
    def reserve(subnet_id: str, address: str | None = None) -> None:
        balancer_id = str(uuid4())
        try:
            network.reserve_vip_port(tenant.caller, balancer_id, tenant.project_id, [subnet_id], address)
        finally:
            network.release_vip_port(balancer_id)

    nowhere = str(uuid4())
    with pytest.raises(NotFound, match=f"Subnet {nowhere} could not be found"):
        reserve(nowhere)
    with pytest.raises(InvalidInput, match=r"10\.78\.0\.1 is not a valid IP for the specified subnet"):
        reserve(tenant.subnet_id, "10.78.0.1")
    with balancer(network, tenant) as (_, vip), pytest.raises(InUse, match="already allocated") as refused:
        reserve(tenant.subnet_id, vip.address)
    assert type(refused.value).__name__ == "IpAddressAlreadyAllocated"  # for clients that look at the name


def test_another_projects_network_and_a_bad_token_are_refused(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection, other: Caller
) -> None:
    net = admin.network.create_network(name=named("of-others"))
    try:
        subnet = admin.network.create_subnet(network_id=net.id, ip_version=4, cidr="10.78.0.0/30")
        with pytest.raises(NotFound):
            network.subnet(tenant.caller, subnet.id)
        with pytest.raises(NotFound):
            network.reserve_vip_port(tenant.caller, str(uuid4()), tenant.project_id, [subnet.id], None)
        admin.network.create_rbac_policy(
            object_type="network",
            object_id=net.id,
            action="access_as_shared",
            target_project_id=tenant.project_id,
        )
        assert network.subnet(tenant.caller, subnet.id).cidr == "10.78.0.0/30"
        balancer_id = str(uuid4())
        with pytest.raises(Forbidden):  # who does not own a network does not choose addresses there
            network.reserve_vip_port(tenant.caller, balancer_id, tenant.project_id, [subnet.id], "10.78.0.2")
        vip = network.reserve_vip_port(tenant.caller, balancer_id, tenant.project_id, [subnet.id], None)
        assert vip.address == "10.78.0.2"
        network.release_vip_port(balancer_id)
    finally:
        admin.network.delete_network(net)
    with pytest.raises(Unauthorized):
        network.subnet(other, tenant.subnet_id)


def test_a_full_subnet_is_passed_over_and_the_last_one_says_so(
    network: NeutronNetwork, tenant: Tenant
) -> None:
    small = tenant.connection.network.create_subnet(
        network_id=tenant.network_id, ip_version=4, cidr="10.79.0.0/30", gateway_ip=None, enable_dhcp=False
    )
    made = [str(uuid4()) for _ in range(3)]
    try:
        for balancer_id in made[:2]:
            network.reserve_vip_port(tenant.caller, balancer_id, tenant.project_id, [small.id], None)
        with pytest.raises(Exception, match="No more IP addresses") as full:
            network.reserve_vip_port(tenant.caller, made[2], tenant.project_id, [small.id], None)
        assert type(full.value).__name__ == "IpAddressGenerationFailure"
        both = [small.id, tenant.subnet_id]
        vip = network.reserve_vip_port(tenant.caller, made[2], tenant.project_id, both, None)
        assert vip.subnet_id == tenant.subnet_id
    finally:
        for balancer_id in made:
            network.release_vip_port(balancer_id)
        tenant.connection.network.delete_subnet(small)


def test_a_projects_quota_of_ports_is_neutrons(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    admin.network.put(f"/quotas/{tenant.project_id}", json={"quota": {"port": 0}})
    try:
        with pytest.raises(QuotaExceeded, match="port"), balancer(network, tenant):
            pass
    finally:
        admin.network.delete(f"/quotas/{tenant.project_id}")


def test_what_is_released_is_gone_however_often_it_is_done(network: NeutronNetwork, tenant: Tenant) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        assert network.reserved() == {balancer_id}
        network.release_vip_port(balancer_id)
        assert network.reserved() == set()
        network.release_vip_port(balancer_id)
        assert tenant.get("/ports", id=vip.port_id)["ports"] == []


def test_ports_of_another_evener_or_another_lbaas_are_not_swept(
    network: NeutronNetwork, tenant: Tenant, conf: cfg.ConfigOpts
) -> None:
    theirs = str(uuid4())
    port = tenant.connection.network.create_port(
        network_id=tenant.network_id, device_owner=OWNER, device_id=theirs, name=f"loadbalancer-{theirs}"
    )
    with balancer(neutron.make(conf, str(uuid4())), tenant) as (of_another, _):
        assert not {theirs, of_another} & set(network.reserved())
    network.release_vip_port(theirs)  # as one that was taken over from them
    assert tenant.get("/ports", id=port.id)["ports"] == []


def test_a_port_that_was_let_go_of_by_half_is_found_again(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        admin.network.put(f"/ports/{vip.port_id}", json={"port": {"device_owner": LEAVING}})
        assert network.reserved() == {balancer_id}
        network.release_vip_port(balancer_id)
        assert tenant.get("/ports", id=vip.port_id)["ports"] == []


@pytest.fixture
def users_port(tenant: Tenant) -> Iterator[openstack.network.v2.port.Port]:
    """Yield a port that the user has made, with two addresses."""
    addresses = [{"subnet_id": each} for each in (tenant.subnet_id, tenant.subnet6_id)]
    port = tenant.connection.network.create_port(
        network_id=tenant.network_id, name="mine", fixed_ips=addresses
    )
    yield port
    tenant.connection.network.delete_port(port)


def test_a_users_port_is_taken_over_and_left(network: NeutronNetwork, tenant: Tenant, users_port) -> None:
    balancer_id = str(uuid4())
    with pytest.raises(InvalidInput, match="more than one address"):
        network.adopt_vip_port(tenant.caller, balancer_id, users_port.id, None, None)
    vip = network.adopt_vip_port(tenant.caller, balancer_id, users_port.id, tenant.subnet_id, None)
    assert vip.address in {each["ip_address"] for each in users_port.fixed_ips}
    assert network.reserved() == {balancer_id}
    with pytest.raises(InvalidInput, match="in use by device"):
        network.adopt_vip_port(tenant.caller, str(uuid4()), users_port.id, tenant.subnet_id, None)
    network.release_vip_port(balancer_id)
    network.release_vip_port(balancer_id)
    left = tenant.get(f"/ports/{users_port.id}")["port"]
    assert (left["device_id"], left["device_owner"], left["tags"]) == ("", "", [])
    assert left["name"] == "mine"
    assert left["security_groups"] == users_port.security_group_ids


def test_what_a_caller_does_not_own_is_not_taken_over(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    port = admin.network.create_port(network_id=tenant.network_id)  # seen by who owns the network
    try:
        with pytest.raises(NotFound):
            network.adopt_vip_port(tenant.caller, str(uuid4()), str(uuid4()), None, None)
        theirs = Caller(
            tenant.caller.user_id, tenant.project_id, frozenset({"member"}), token=tenant.caller.token
        )
        with pytest.raises((Forbidden, NotFound)):
            network.adopt_vip_port(theirs, str(uuid4()), port.id, tenant.subnet_id, None)
        assert admin.network.get_port(port.id).tags == []
    finally:
        admin.network.delete_port(port)


def test_a_port_is_bound_to_the_host_that_serves_it(
    network: NeutronNetwork, tenant: Tenant, host: str, admin: openstack.connection.Connection
) -> None:
    with balancer(network, tenant) as (_, vip):
        described = network.vip_port(vip.port_id, host)
        assert described is not None
        port = admin.network.get_port(vip.port_id)
        assert port.binding_host_id == host
        assert port.is_admin_state_up
        wiring = described.wiring
        assert wiring.wired_elsewhere
        assert wiring.mac_address == port.mac_address
        assert wiring.mtu == admin.network.get_network(tenant.network_id).mtu
        [fixed] = wiring.fixed_ips
        assert (fixed.address, fixed.prefix_length, fixed.gateway) == (vip.address, 24, "10.77.0.1")
        assert [(route.destination, route.nexthop) for route in fixed.routes] == [
            ("10.99.0.0/24", "10.77.0.9")
        ]
        assert described.security is None
        assert network.vip_port(vip.port_id, host) == described
        assert admin.network.get_port(vip.port_id).revision_number == port.revision_number


def test_a_host_without_an_agent_of_neutrons_is_said_to_be_that(
    network: NeutronNetwork, tenant: Tenant, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    with balancer(network, tenant) as (_, vip):
        with pytest.raises(PortUnbound, match="host nowhere: no agent of Neutron's that wires ports"):
            network.vip_port(vip.port_id, "nowhere")
        assert f"on host nowhere, but on: {host}" in caplog.text
        assert network.vip_port(vip.port_id, host) is not None


def test_a_load_balancer_goes_where_neutron_can_connect_its_port(
    network: NeutronNetwork, tenant: Tenant, host: str, admin: openstack.connection.Connection
) -> None:
    outside = next(admin.network.networks(is_router_external=True))
    port = admin.network.create_port(network_id=outside.id)
    try:
        with balancer(network, tenant) as (_, vip):
            assert vip.footing.hosts is not None
            assert host in vip.footing.hosts
            found = network.footings([vip.port_id, port.id, str(uuid4())])
        assert found[vip.port_id] == vip.footing
        agents = [each for each in admin.network.agents() if "mappings" in str(each.configuration)]
        reaching = {
            each.host for each in agents if outside.provider_physical_network in str(each.configuration)
        }
        assert found[port.id].hosts == reaching
        assert len(found) == 2
    finally:
        admin.network.delete_port(port)


def test_a_port_that_somebody_deleted_is_gone(network: NeutronNetwork, tenant: Tenant, host: str) -> None:
    with balancer(network, tenant) as (_, vip):
        tenant.connection.network.delete_port(vip.port_id)
        assert network.vip_port(vip.port_id, host) is None


def test_members_of_the_other_ip_version_are_reached_from_an_address_of_neutrons(
    network: NeutronNetwork, tenant: Tenant, host: str
) -> None:
    with balancer(network, tenant) as (_, vip):
        assert network.reach_from_vip_port(vip.port_id, None, "10.77.0.99") == (vip.address,)
        subnet6 = network.subnet(tenant.caller, tenant.subnet6_id)
        [first] = network.reach_from_vip_port(vip.port_id, subnet6, "fd00:77::99")
        assert first.startswith("fd00:77::")
        elsewhere = SubnetInfo(str(uuid4()), str(uuid4()), "fd00:78::/64", 6)
        assert network.reach_from_vip_port(vip.port_id, elsewhere, "fd00:78::99") == (first,)
        assert network.addresses_of_vip_port(vip.port_id) == {vip.address, first}
        described = network.vip_port(vip.port_id, host)
        assert described is not None
        assert [each.address for each in described.wiring.fixed_ips] == [vip.address, first]


def test_an_address_that_a_member_has_is_never_taken(network: NeutronNetwork, tenant: Tenant) -> None:
    tiny = tenant.connection.network.create_subnet(
        network_id=tenant.network_id, ip_version=6, cidr="fd00:80::/126", gateway_ip=None, enable_dhcp=False
    )
    subnet = network.subnet(tenant.caller, tiny.id)
    try:
        for member in ("fd00:80::1", "fd00:80::2", "fd00:80::3"):
            with balancer(network, tenant) as (_, vip):
                [found] = network.reach_from_vip_port(vip.port_id, subnet, member)
                assert found in {"fd00:80::1", "fd00:80::2", "fd00:80::3"} - {member}
    finally:
        tenant.connection.network.delete_subnet(tiny)


def test_floating_ips_are_addresses_too(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    outside = next(admin.network.networks(is_router_external=True))
    router = tenant.connection.network.create_router(external_gateway_info={"network_id": outside.id})
    tenant.connection.network.add_interface_to_router(router, subnet_id=tenant.subnet_id)
    try:
        with balancer(network, tenant) as (_, vip):
            floating = tenant.connection.network.create_ip(
                floating_network_id=outside.id, port_id=vip.port_id
            )
            found = network.addresses_of_vip_port(vip.port_id)
            tenant.connection.network.delete_ip(floating)
            assert found == {vip.address, floating.floating_ip_address}
    finally:
        tenant.connection.network.remove_interface_from_router(router, subnet_id=tenant.subnet_id)
        tenant.connection.network.delete_router(router)


def test_subnets_of_a_network_come_those_of_ipv4_first(network: NeutronNetwork, tenant: Tenant) -> None:
    found = network.subnets(tenant.caller, tenant.network_id)
    assert [(each.id, each.ip_version) for each in found] == [(tenant.subnet_id, 4), (tenant.subnet6_id, 6)]
    with pytest.raises(NotFound):
        network.subnets(tenant.caller, str(uuid4()))


def test_lists_that_neutron_cuts_into_pages_are_whole(conf: cfg.ConfigOpts, tenant: Tenant) -> None:
    api = Neutron(Service(conf, open_session(conf), "network", "neutron", "Neutron"))
    found = api.list("subnet", network_id=tenant.network_id, limit=1)
    assert {each["id"] for each in found} == {tenant.subnet_id, tenant.subnet6_id}


def test_what_neutron_realises_is_not_ours(network: NeutronNetwork, tenant: Tenant) -> None:
    assert network.realised_networks() is None
    assert network.realised_routers() is None
    assert network.known([tenant.network_id]) == ()


def test_flavors_of_neutron_s_core_are_known_as_such(
    network: NeutronNetwork, admin: openstack.connection.Connection
) -> None:
    made = admin.network.create_flavor(name=named("flavor"), service_type="L3_ROUTER_NAT")
    try:
        assert network.has_flavor(made.id)
        assert not network.has_flavor(str(uuid4()))
        assert not network.has_flavor("../ports?x=y&z")
    finally:
        admin.network.delete_flavor(made)
