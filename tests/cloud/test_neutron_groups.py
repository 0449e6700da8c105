"""What Neutron lets in to the ports of load balancers: what their listeners wait for, or what their user has chosen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import openstack
import pytest
from oslo_config import cfg

from cloud.conftest import Tenant, load, named
from cloud.neutron_site import Counted, balancer
from evener.control.graphs import PING
from evener.resources.errors import NotFound
from evener.resources.wiring import PacketRule
from evener.services import neutron
from evener.services.network import PortClosed
from evener.services.neutron import NeutronNetwork
from evener.services.sessions import Service, open_session

pytestmark = pytest.mark.cloud
WEB = PacketRule(ip_version=4, protocol="tcp", first_port=80, last_port=80)
OFFICE = PacketRule(
    ip_version=4, protocol="tcp", first_port=443, last_port=443, remotes=("192.0.2.0/24", "198.51.100.7/32")
)


@pytest.fixture
def api(conf: cfg.ConfigOpts) -> Counted:
    return Counted(Service(conf, open_session(conf), "network", "neutron", "Neutron"))


@pytest.fixture
def network(api: Counted) -> NeutronNetwork:
    return NeutronNetwork(api, str(uuid4()), keeps_groups=True)


@pytest.fixture
def group(tenant: Tenant) -> Iterator[str]:
    """Yield a security group of the user's."""
    made = tenant.connection.network.create_security_group(name=named("group"))
    yield made.id
    tenant.connection.network.delete_security_group(made)


def rules_of(admin: openstack.connection.Connection, group_id: str) -> list[Any]:
    """Return the rules of a group for what comes in."""
    return list(admin.network.security_group_rules(direction="ingress", security_group_id=group_id))


def let_in(admin: openstack.connection.Connection, port_id: str) -> set[tuple[object, ...]]:
    """Return what the groups of a port let in."""
    groups = admin.network.get_port(port_id).security_group_ids
    rules = admin.network.security_group_rules(direction="ingress")
    return {
        (rule.ether_type, rule.protocol, rule.port_range_min, rule.port_range_max, rule.remote_ip_prefix)
        for rule in rules
        if rule.security_group_id in groups
    }


def test_exactly_what_listeners_wait_for_is_let_in_and_an_unchanged_set_asks_nothing(
    network: NeutronNetwork, api: Counted, tenant: Tenant, host: str, admin: openstack.connection.Connection
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):

        def serve(*rules: PacketRule) -> list[str]:
            assert network.vip_port(vip.port_id, host) is not None
            api.asked.clear()
            network.let_in(balancer_id, vip.port_id, rules)
            return list(api.asked)

        assert serve() == []
        assert let_in(admin, vip.port_id) == set()
        [ours] = admin.network.get_port(vip.port_id).security_group_ids  # since it was bound
        assert serve(WEB)
        assert let_in(admin, vip.port_id) == {("IPv4", "tcp", 80, 80, None)}
        assert serve(WEB) == []
        assert serve(WEB, *PING.values())
        assert let_in(admin, vip.port_id) == {
            ("IPv4", "tcp", 80, 80, None),
            ("IPv4", "icmp", 8, None, None),
            ("IPv6", "ipv6-icmp", 128, None, None),
        }
        assert serve(WEB, *PING.values()) == []
        kept = {each.id for each in rules_of(admin, ours) if each.protocol == "ipv6-icmp"}
        serve(*PING.values())
        assert {each.id for each in rules_of(admin, ours) if each.protocol == "ipv6-icmp"} == kept
        serve(WEB, OFFICE)
        assert let_in(admin, vip.port_id) == {
            ("IPv4", "tcp", 80, 80, None),
            ("IPv4", "tcp", 443, 443, "192.0.2.0/24"),
            ("IPv4", "tcp", 443, 443, "198.51.100.7/32"),
        }
        serve(OFFICE.model_copy(update={"remotes": ()}))
        assert let_in(admin, vip.port_id) == set()
        serve(WEB)
        assert let_in(admin, vip.port_id) == {("IPv4", "tcp", 80, 80, None)}
        assert admin.network.get_port(vip.port_id).security_group_ids == [ours]
        assert admin.network.get_security_group(ours).name == f"lb-{balancer_id}"
        egress = {
            rule.ether_type
            for rule in admin.network.security_group_rules(security_group_id=ours, direction="egress")
        }
        assert egress == {"IPv4", "IPv6"}  # members are reached
    assert not list(admin.network.security_groups(name=f"lb-{balancer_id}"))


def test_what_another_controller_or_an_operator_has_done_is_seen(
    network: NeutronNetwork,
    conf: cfg.ConfigOpts,
    tenant: Tenant,
    host: str,
    admin: openstack.connection.Connection,
) -> None:
    another = neutron.make(conf)
    with balancer(network, tenant) as (balancer_id, vip):
        network.let_in(balancer_id, vip.port_id, [WEB])
        another.let_in(balancer_id, vip.port_id, [OFFICE])
        network.let_in(balancer_id, vip.port_id, [WEB])
        assert let_in(admin, vip.port_id) == {("IPv4", "tcp", 80, 80, None)}
        admin.network.put(f"/ports/{vip.port_id}/tags", json={"tags": ["theirs"]})
        network.let_in(balancer_id, vip.port_id, [OFFICE])
        assert len(let_in(admin, vip.port_id)) == 2
        assert "theirs" in admin.network.get_port(vip.port_id).tags
        assert len(list(admin.network.security_groups(name=f"lb-{balancer_id}"))) == 1


def test_groups_that_a_user_has_chosen_are_left_alone_until_none_is(
    network: NeutronNetwork, tenant: Tenant, group: str, admin: openstack.connection.Connection
) -> None:
    def groups() -> list[str]:
        return list(admin.network.get_port(vip.port_id).security_group_ids)

    with balancer(network, tenant) as (balancer_id, vip):
        network.let_in(balancer_id, vip.port_id, [WEB])
        [ours] = groups()
        assert network.set_vip_groups(tenant.caller, vip.port_id, [group]) == (ours,)
        network.let_in(balancer_id, vip.port_id, [WEB])
        assert groups() == [group]
        assert network.set_vip_groups(tenant.caller, vip.port_id, [ours]) == (group,)  # taken back
        assert groups() == [ours]
        network.set_vip_groups(tenant.caller, vip.port_id, [group])
        nobodys = str(uuid4())
        with pytest.raises(NotFound, match=nobodys):
            network.set_vip_groups(tenant.caller, vip.port_id, [group, nobodys])
        assert groups() == [group]
        network.set_vip_groups(tenant.caller, vip.port_id, [])
        network.let_in(balancer_id, vip.port_id, [WEB])
        assert groups() == [ours]


def test_groups_of_other_projects_are_not_for_the_caller(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    theirs = admin.network.create_security_group(name=named("theirs"))
    try:
        with balancer(network, tenant) as (_, vip):
            forged = f"evener-in-{theirs.id}-0123456789ab"  # as if it were the one that Evener keeps
            tenant.connection.network.put(f"/ports/{vip.port_id}/tags/{forged}")
            with pytest.raises(NotFound, match=theirs.id):
                network.set_vip_groups(tenant.caller, vip.port_id, [theirs.id])
    finally:
        admin.network.delete_security_group(theirs)


def test_a_users_own_port_stays_in_its_groups_and_lets_in_what_listeners_wait_for(
    network: NeutronNetwork, tenant: Tenant, group: str, admin: openstack.connection.Connection
) -> None:
    port = tenant.connection.network.create_port(network_id=tenant.network_id)
    balancer_id = str(uuid4())
    try:
        network.adopt_vip_port(tenant.caller, balancer_id, port.id, tenant.subnet_id, None)
        network.let_in(balancer_id, port.id, [WEB])
        assert ("IPv4", "tcp", 80, 80, None) in let_in(admin, port.id)
        assert set(port.security_group_ids) < set(admin.network.get_port(port.id).security_group_ids)
        network.set_vip_groups(tenant.caller, port.id, [group])
        network.let_in(balancer_id, port.id, [WEB])
        assert admin.network.get_port(port.id).security_group_ids == [group]
        network.set_vip_groups(tenant.caller, port.id, port.security_group_ids)
        network.set_vip_groups(tenant.caller, port.id, [])
        network.let_in(balancer_id, port.id, [WEB])
        assert ("IPv4", "tcp", 80, 80, None) in let_in(admin, port.id)
        network.release_vip_port(balancer_id)
        left = admin.network.get_port(port.id)
        assert (left.security_group_ids, left.tags) == ([], [])
        assert not list(admin.network.security_groups(name=f"lb-{balancer_id}"))
    finally:
        tenant.connection.network.delete_port(port)


def test_a_group_that_was_left_over_is_swept_with_its_load_balancer(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        network.let_in(balancer_id, vip.port_id, [WEB])
        admin.network.delete_port(vip.port_id)
        assert network.reserved() == {balancer_id}
        network.release_vip_port(balancer_id)
        assert network.reserved() == set()


def test_as_the_handbook_has_it_a_port_is_in_the_projects_default_group(
    tmp_path: Path, settings: str, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    users = neutron.make(load(tmp_path, f"{settings}[neutron]\nsecurity_groups = user\n"))
    with balancer(users, tenant) as (balancer_id, vip):
        users.let_in(balancer_id, vip.port_id, [WEB])
        [only] = admin.network.get_port(vip.port_id).security_group_ids
        assert admin.network.get_security_group(only).name == "default"


def test_ports_without_port_security_have_no_groups(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        tenant.connection.network.put(
            f"/ports/{vip.port_id}", json={"port": {"port_security_enabled": False}}
        )
        network.let_in(balancer_id, vip.port_id, [WEB])
        assert admin.network.get_port(vip.port_id).security_group_ids == []


def test_the_operator_is_told_whose_quota_is_too_small(
    network: NeutronNetwork, tenant: Tenant, admin: openstack.connection.Connection
) -> None:
    project = admin.current_project_id
    used = len(list(admin.network.security_groups(project_id=project)))
    admin.network.put(f"/quotas/{project}", json={"quota": {"security_group": used}})
    try:
        told = pytest.raises(PortClosed, match=f"{project}.*quota set --secgroups -1")
        with balancer(network, tenant) as (balancer_id, vip), told:
            network.let_in(balancer_id, vip.port_id, [WEB])
    finally:
        admin.network.put(f"/quotas/{project}", json={"quota": {"security_group": -1}})
