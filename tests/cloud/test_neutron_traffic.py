"""What Neutron's agent lets through to a load balancer's port, tried with packets."""

import subprocess
from collections.abc import Iterator

import pytest

from cloud.conftest import Tenant
from cloud.neutron_site import Plug, answered, balancer, becomes, plugging, web_servers
from evener.resources.wiring import PacketRule
from evener.services.neutron import NeutronNetwork

pytestmark = [pytest.mark.cloud, pytest.mark.root]


@pytest.fixture
def plugged(network: NeutronNetwork, host: str) -> Iterator[Plug]:
    with plugging(network, host) as plug:
        yield plug


@pytest.fixture
def client_port(tenant: Tenant) -> Iterator[str]:
    ours = [{"subnet_id": tenant.subnet_id}]
    port = tenant.connection.network.create_port(network_id=tenant.network_id, fixed_ips=ours)
    yield port.id
    tenant.connection.network.delete_port(port)


def web(port: int) -> PacketRule:
    return PacketRule(ip_version=4, protocol="tcp", first_port=port, last_port=port)


def test_only_what_listeners_wait_for_comes_through(
    network: NeutronNetwork, tenant: Tenant, client_port: str, plugged: Plug
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        client, server = plugged(client_port), plugged(vip.port_id)

        def let_in(*ports: int) -> None:
            network.let_in(balancer_id, vip.port_id, list(map(web, ports)))

        def wired() -> bool:
            return bool(tenant.get(f"/ports/{vip.port_id}")["port"]["status"] == "ACTIVE")

        with web_servers(server, 80, 81):
            assert becomes(wired)
            assert not answered(client, vip.address, 80)
            let_in(80)
            assert becomes(lambda: answered(client, vip.address, 80))
            assert not answered(client, vip.address, 81)
            let_in(81)
            assert becomes(lambda: answered(client, vip.address, 81))
            assert becomes(lambda: not answered(client, vip.address, 80))


def test_hosts_talk_to_each_other_and_who_has_the_vip_answers_there(
    network: NeutronNetwork, tenant: Tenant, client_port: str, plugged: Plug
) -> None:
    with balancer(network, tenant) as (balancer_id, vip):
        pair = network.reserve_host_ports(balancer_id, vip.port_id)
        network.vip_port(vip.port_id, None)
        network.let_in(balancer_id, vip.port_id, [web(80)])
        client = plugged(client_port)
        hosts = [plugged(each.port_id) for each in pair.values()]
        own = [each.address for each in pair.values()]
        with web_servers(hosts[0], 80, 81), web_servers(hosts[1], 80, 81):
            assert becomes(lambda: answered(hosts[0], own[1], 81))
            assert becomes(lambda: answered(hosts[1], own[0], 81))
            assert not answered(client, own[0], 81)
            for name, it in zip(hosts, pair.values(), strict=True):
                interface = f"ns-{it.port_id[:11]}"
                words = ["ip", "-n", name, "address", "add", f"{vip.address}/24", "dev", interface]
                subprocess.run(words, check=True)
                arping = ["arping", "-q", "-U", "-c2", "-w3", "-I", interface, vip.address]
                subprocess.run(["ip", "netns", "exec", name, *arping], check=False)
                assert becomes(lambda: answered(client, vip.address, 80))
                assert not answered(client, vip.address, 81)
                subprocess.run([*words[:4], "del", *words[5:]], check=True)
                assert not answered(client, vip.address, 80)
