"""All tables of both roots on one `metadata`: those of the small cloud refer to load balancing's."""

from evener.store.schema import metadata
from evener_cloud.identity import tables as identity_tables
from evener_cloud.network import tables as network_tables
from evener_cloud.secrets import tables as secret_tables

__all__ = ["identity_tables", "metadata", "network_tables", "secret_tables"]
