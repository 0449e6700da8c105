"""Fixtures that every integration test may use."""

import pytest
from api_cloud import any_cloud, cloud
from databases import database, database_url, mariadb_url, postgresql_url
from network_service import Service
from octavia_site import openstack, references, site

from evener.store.database import Database
from haproxy_rig import haproxy, on_each_haproxy, rig

__all__ = [
    "any_cloud",
    "cloud",
    "database",
    "database_url",
    "haproxy",
    "mariadb_url",
    "openstack",
    "postgresql_url",
    "references",
    "rig",
    "site",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests their parameters of this room."""
    on_each_haproxy(metafunc)


@pytest.fixture
def service(database: Database) -> Service:
    """Return the builtin network service, on each kind of database in turn."""
    return Service(database)
