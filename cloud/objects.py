"""What there is in the demonstration's cloud: `services` with their users in Keystone, `networks` in Neutron.

Whatever is there already stays as it is.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack import exceptions

SERVICES = {
    "neutron": ("network", "http://127.0.0.1:9696"),
    "barbican": ("key-manager", "http://127.0.0.1:9311"),
    "octavia": ("load-balancer", "http://127.0.0.1:9876/load-balancer"),
}
USERS = ("neutron", "barbican", "evener")
L2_AGENTS = {"Linux bridge agent", "Open vSwitch agent"}
AGENTS_S = 240.0


def services(cloud: Any) -> None:
    """Make the project `service` with the users of services, and the catalog."""
    identity = cloud.identity
    project = identity.find_project("service") or identity.create_project(name="service", domain_id="default")
    roles = [
        identity.find_role("admin"),
        identity.find_role("service") or identity.create_role(name="service"),
    ]
    for name in USERS:
        user = identity.find_user(name) or identity.create_user(
            name=name, password=name, default_project_id=project.id, domain_id="default"
        )
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)
    for name, (kind, url) in SERVICES.items():
        service = identity.find_service(name) or identity.create_service(name=name, type=kind)
        there = {each.interface for each in identity.endpoints(service_id=service.id)}
        for interface in {"public", "internal"} - there:
            identity.create_endpoint(
                service_id=service.id, interface=interface, url=url, region_id="RegionOne"
            )


def networks(cloud: Any) -> None:
    """Make the networks of the demonstration, and print what of it Neutron's agents have on this machine."""
    network = cloud.network

    def agents() -> bool:
        types = {each.agent_type for each in network.agents()}
        return "L3 agent" in types and not types.isdisjoint(L2_AGENTS)

    _until(agents)
    outer = network.find_network("GATEWAY_NET") or network.create_network(
        name="GATEWAY_NET",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="external",
    )
    network.find_subnet("GATEWAY_SUBNET") or network.create_subnet(
        name="GATEWAY_SUBNET",
        network_id=outer.id,
        ip_version=4,
        cidr="198.51.100.0/24",
        gateway_ip="198.51.100.1",
        is_dhcp_enabled=False,
        allocation_pools=[{"start": "198.51.100.100", "end": "198.51.100.200"}],
    )
    inner = network.find_network("PROJECT_NET") or network.create_network(name="PROJECT_NET")
    subnet = network.find_subnet("PROJECT_SUBNET") or network.create_subnet(
        name="PROJECT_SUBNET",
        network_id=inner.id,
        ip_version=4,
        cidr="192.168.200.0/24",
        is_dhcp_enabled=False,
    )
    router = network.find_router("ROUTER1") or network.create_router(
        name="ROUTER1", external_gateway_info={"network_id": outer.id}
    )
    with suppress(exceptions.BadRequestException):  # it is there
        network.add_interface_to_router(router, subnet_id=subnet.id)
    sys.stdout.write(f"network {outer.id}\nnetwork {inner.id}\nrouter {router.id}\n")


def room(cloud: Any) -> None:
    """Let the project `service` have ports and groups for each load balancer; `openstack quota set` needs a Nova."""
    project = cloud.identity.find_project("service")
    cloud.network.update_quota(project.id, security_groups=-1, security_group_rules=-1, ports=-1)


def floating(cloud: Any) -> None:
    """Print the first floating IP."""
    sys.stdout.write(f"{next(cloud.network.ips()).floating_ip_address}\n")


def _until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + AGENTS_S
    while True:
        with suppress(ClientException, exceptions.SDKException):
            if there():
                return
        if time.monotonic() > deadline:
            sys.exit("Neutron's agents do not report")
        time.sleep(0.5)


if __name__ == "__main__":
    commands = {"services": services, "networks": networks, "room": room, "floating": floating}
    commands[sys.argv[1]](openstack.connect())
