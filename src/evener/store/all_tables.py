"""All tables of all rooms on one `metadata`: what migrations are compared with."""

from evener.store import schema
from evener.store.schema import metadata
from evener_cloud.identity import tables as identity_tables
from evener_cloud.network import tables as network_tables
from evener_cloud.secrets import tables as secret_tables

__all__ = ["identity_tables", "metadata", "network_tables", "schema", "secret_tables"]
