"""A real cloud, named by OS_AUTH_URL and the like, whose administrator we are.

Each test has what is its own in there, by names of its own, and removes it.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import openstack
import pytest
from keystoneauth1.exceptions import ConnectFailure
from oslo_config import cfg
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from evener import config
from evener.resources.caller import Caller
from evener.services import neutron, sessions
from waiting import eventually

REPORTED_S = 120.0  # after whatever a test before has done to Neutron
OURS = ("service", "admin")  # the projects that the credentials of tests' programs are of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a cloud where there is none."""
    if "OS_AUTH_URL" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("cloud"):
            item.add_marker(pytest.mark.skip(reason="No cloud: OS_AUTH_URL is not set"))


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """Return a file's settings of the service's credentials, by the names of Neutron-LBaaS."""
    return (
        "[service_auth]\n"
        f"auth_url = {os.environ['OS_AUTH_URL']}\n"
        f"admin_user = {os.environ['OS_USERNAME']}\n"
        f"admin_password = {os.environ['OS_PASSWORD']}\n"
        f"admin_tenant_name = {os.environ['OS_PROJECT_NAME']}\n"
    )


def load(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    """Return these settings as a program reads them."""
    file = tmp_path / "evener.conf"
    file.write_text(text)
    return config.load(
        ["--config-file", str(file)],
        "evener-test",
        others=sessions.groups(keystone=(), neutron=neutron.OPTS, barbican=()),
    )


@pytest.fixture
def conf(tmp_path: Path, settings: str) -> cfg.ConfigOpts:
    return load(tmp_path, settings)


@pytest.fixture
def network(conf: cfg.ConfigOpts) -> neutron.NeutronNetwork:
    """Return the network service of an Evener of its own."""
    return neutron.make(conf, str(uuid4()))


@pytest.fixture(scope="session")
def admin() -> Iterator[openstack.connection.Connection]:
    """Yield a connection of the cloud's administrator."""
    with openstack.connect(load_yaml_config=False, connect_retries=3) as connection:
        _log_in(connection)
        for name in OURS:  # where the security groups are that Evener keeps
            room = {"security_groups": -1, "security_group_rules": -1, "ports": -1}
            connection.network.update_quota(connection.identity.find_project(name).id, **room)
        yield connection


@retry(retry=retry_if_exception_type(ConnectFailure), stop=stop_after_attempt(5), reraise=True)
def _log_in(connection: openstack.connection.Connection) -> None:
    """Get a token: the SDK's own tries are for what comes after that, and Keystone ends connections now and then."""
    connection.session.get_token()


def named(what: str) -> str:
    """Return a name that nobody else has."""
    return f"evener-test-{what}-{uuid4().hex[:8]}"


@dataclass(frozen=True)
class Tenant:
    """A project of the cloud with one user, who is a member, a network and a subnet of each IP version."""

    connection: openstack.connection.Connection
    caller: Caller
    network_id: str
    subnet_id: str
    subnet6_id: str

    @property
    def project_id(self) -> str:
        return self.caller.project_id

    def get(self, path: str, **query: Any) -> Any:
        """Return what Neutron answers the user."""
        answer = self.connection.network.get(path, params=query)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="session")
def tenant(admin: openstack.connection.Connection) -> Iterator[Tenant]:
    """Yield a tenant that is removed with all that it has."""
    name = named("project")
    project = admin.identity.create_project(name=name, domain_id="default")
    user = admin.identity.create_user(name=name, password=name, default_project_id=project.id)
    try:
        admin.identity.assign_project_role_to_user(project, user, admin.identity.find_role("member"))
        connection = openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            connect_retries=3,
            auth={
                "auth_url": os.environ["OS_AUTH_URL"],
                "username": name,
                "password": name,
                "project_id": project.id,
                "user_domain_id": "default",
            },
        )
        _log_in(connection)
        network = connection.network
        net = network.create_network(name=name)
        subnet = network.create_subnet(
            network_id=net.id,
            ip_version=4,
            cidr="10.77.0.0/24",
            enable_dhcp=False,
            host_routes=[{"destination": "10.99.0.0/24", "nexthop": "10.77.0.9"}],
        )
        subnet6 = network.create_subnet(
            network_id=net.id, ip_version=6, cidr="fd00:77::/64", enable_dhcp=False
        )
        caller = Caller(user.id, project.id, frozenset({"member"}), token=connection.auth_token)
        yield Tenant(connection, caller, net.id, subnet.id, subnet6.id)
    finally:
        _remove(admin, project.id)
        admin.identity.delete_user(user)
        admin.identity.delete_project(project)


def _remove(admin: openstack.connection.Connection, project_id: str) -> None:
    network = admin.network
    for router in network.routers(project_id=project_id):
        for port in network.ports(device_id=router.id, device_owner="network:router_interface"):
            network.remove_interface_from_router(router, port_id=port.id)
    for each in network.ips(project_id=project_id):
        network.delete_ip(each)
    for each in network.routers(project_id=project_id):
        network.delete_router(each)
    for each in network.ports(project_id=project_id):
        network.delete_port(each)
    for each in network.networks(project_id=project_id):
        network.delete_network(each)
    for each in network.security_groups(project_id=project_id):
        with suppress(openstack.exceptions.ConflictException):
            network.delete_security_group(each)


@pytest.fixture(scope="session")
def host(admin: openstack.connection.Connection) -> str:
    """Return a host where Neutron's agent wires ports."""
    kinds = ("Linux bridge agent", "Open vSwitch agent", "OVN Controller agent")

    def alive() -> str | None:
        found = (each for each in admin.network.agents() if each.agent_type in kinds and each.is_alive)
        return next((str(each.host) for each in found), None)

    return str(eventually(alive, REPORTED_S))
