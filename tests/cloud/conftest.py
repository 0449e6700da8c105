"""A real cloud, named by OS_AUTH_URL and the like, whose administrator we are.

Each test has what is its own in there, by names of its own, and removes it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import openstack
import pytest
from oslo_config import cfg

from evener import config
from evener.services import sessions


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
    return config.load(["--config-file", str(file)], "evener-test", others=sessions.groups(neutron=()))


@pytest.fixture
def conf(tmp_path: Path, settings: str) -> cfg.ConfigOpts:
    return load(tmp_path, settings)


@pytest.fixture(scope="session")
def admin() -> Iterator[openstack.connection.Connection]:
    """Yield a connection of the cloud's administrator."""
    with openstack.connect(load_yaml_config=False) as connection:
        yield connection


def named(what: str) -> str:
    """Return a name that nobody else has."""
    return f"evener-test-{what}-{uuid4().hex[:8]}"
