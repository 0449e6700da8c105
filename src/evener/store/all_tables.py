"""All tables of all rooms on one `metadata`: what migrations are compared with."""

from evener.store import identity_tables, network_tables, schema, secret_tables
from evener.store.schema import metadata

__all__ = ["identity_tables", "metadata", "network_tables", "schema", "secret_tables"]
