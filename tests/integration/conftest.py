"""Fixtures that every integration test may use."""

import pytest
from api_cloud import any_cloud, cloud
from databases import database, database_url, mariadb_url, postgresql_url
from network_service import Service
from octavia_site import openstack, references, site

from evener.store.database import Database
from haproxy_rig import rig

__all__ = [
    "any_cloud",
    "cloud",
    "database",
    "database_url",
    "mariadb_url",
    "openstack",
    "postgresql_url",
    "references",
    "rig",
    "site",
]


@pytest.fixture
def service(database: Database) -> Service:
    """Return the builtin network service, on each kind of database in turn."""
    return Service(database)
