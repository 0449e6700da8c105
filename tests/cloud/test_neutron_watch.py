"""What others do to the ports of load balancers, and to what these are on, is found when it is looked for."""

import openstack
import pytest
from oslo_config import cfg

from cloud.conftest import Tenant
from cloud.neutron_site import balancer
from evener.services import neutron

pytestmark = pytest.mark.cloud


def test_load_balancers_with_a_port_that_was_changed_are_named_once(
    conf: cfg.ConfigOpts, tenant: Tenant, host: str, admin: openstack.connection.Connection
) -> None:
    network, user = neutron.make(conf), tenant.connection.network
    assert network.changed_ports() == frozenset()
    with balancer(network, tenant) as (first, one), balancer(network, tenant) as (second, other):
        ours = {first, second}
        assert not ours & network.changed_ports()  # a new one is its maker's affair
        assert not ours & network.changed_ports()
        elsewhere = [{"subnet_id": tenant.subnet_id, "ip_address": "10.77.0.222"}]
        user.put(f"/ports/{one.port_id}", json={"port": {"fixed_ips": elsewhere}})
        assert ours & network.changed_ports() == {first}
        assert not ours & network.changed_ports()
        before = user.get_subnet(tenant.subnet_id).host_routes
        user.update_subnet(tenant.subnet_id, host_routes=[])
        try:
            assert ours & network.changed_ports() == ours
            described = network.vip_port(one.port_id, host)
            assert described is not None
            assert described.wiring.fixed_ips[0].routes == ()
        finally:
            user.update_subnet(tenant.subnet_id, host_routes=before)
        network.changed_ports()
        user.delete_port(other.port_id)
        assert ours & network.changed_ports() == {second}
        assert not ours & network.changed_ports()
