"""What Neutron's agent lets through to a load balancer's port, tried with packets."""

import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest
from oslo_config import cfg

from cloud.conftest import Tenant
from cloud.neutron_site import Plug, answered, balancer, becomes, plugging
from evener.resources.wiring import PacketRule
from evener.services import neutron
from evener.services.neutron import NeutronNetwork

pytestmark = [pytest.mark.cloud, pytest.mark.root]


@pytest.fixture
def network(conf: cfg.ConfigOpts) -> NeutronNetwork:
    return neutron.make(conf, str(uuid4()))


@pytest.fixture
def plugged(network: NeutronNetwork, host: str) -> Iterator[Plug]:
    with plugging(network, host) as plug:
        yield plug


def test_only_what_listeners_wait_for_comes_through(
    network: NeutronNetwork, tenant: Tenant, plugged: Plug
) -> None:
    ours = [{"subnet_id": tenant.subnet_id}]
    client_port = tenant.connection.network.create_port(network_id=tenant.network_id, fixed_ips=ours)
    servers = []
    try:
        with balancer(network, tenant) as (balancer_id, vip):
            client, server = plugged(client_port.id), plugged(vip.port_id)
            for port in (80, 81):
                words = ["ip", "netns", "exec", server, "python3", "-m", "http.server", str(port)]
                servers.append(subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

            def let_in(*ports: int) -> None:
                rules = [
                    PacketRule(ip_version=4, protocol="tcp", first_port=each, last_port=each)
                    for each in ports
                ]
                network.let_in(balancer_id, vip.port_id, rules)

            def wired() -> bool:
                return bool(tenant.get(f"/ports/{vip.port_id}")["port"]["status"] == "ACTIVE")

            assert becomes(wired)
            assert not answered(client, vip.address, 80)
            let_in(80)
            assert becomes(lambda: answered(client, vip.address, 80))
            assert not answered(client, vip.address, 81)
            let_in(81)
            assert becomes(lambda: answered(client, vip.address, 81))
            assert becomes(lambda: not answered(client, vip.address, 80))
    finally:
        for each in servers:
            each.terminate()
            each.wait()
        tenant.connection.network.delete_port(client_port)
