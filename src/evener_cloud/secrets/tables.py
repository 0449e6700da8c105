"""The tables of the builtin secret service. They say what is kept, and decide nothing.

Payloads are encrypted before they come here. What has consumers cannot go: the foreign keys see to that.
"""

from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, Table, UniqueConstraint
from sqlalchemy.dialects import mysql

from evener.store.schema import metadata, string, timestamp

NAME_LENGTH = 255


def _id() -> Column[Any]:
    return Column("id", string(36), primary_key=True)


def _owned() -> list[Column[Any]]:
    return [
        _id(),
        Column("project_id", string(255), nullable=False, index=True),
        Column("creator_id", string(64), nullable=False),
        Column("name", string(NAME_LENGTH), nullable=True),
    ]


def _moments() -> list[Column[Any]]:
    return [
        Column("created_at", timestamp(), nullable=False),
        Column("updated_at", timestamp(), nullable=False),
    ]


secrets = Table(
    "secrets",
    metadata,
    *_owned(),
    Column("secret_type", string(32), nullable=False),
    Column("algorithm", string(255), nullable=True),
    Column("bit_length", Integer, nullable=True),
    Column("mode", string(255), nullable=True),
    Column("expiration", timestamp(), nullable=True),
    # Both are there, or none: then the payload is still to come.
    Column("content_type", string(64), nullable=True),
    Column("sealed", LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"), nullable=True),
    *_moments(),
)

secret_containers = Table(
    "secret_containers",
    metadata,
    *_owned(),
    Column("type", string(32), nullable=False),
    *_moments(),
)

# Which secrets a container holds, and as what.
secret_parts = Table(
    "secret_parts",
    metadata,
    Column(
        "container_id", string(36), ForeignKey("secret_containers.id", ondelete="CASCADE"), primary_key=True
    ),
    Column(
        "secret_id",
        string(36),
        ForeignKey("secrets.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("name", string(NAME_LENGTH), nullable=False),
    UniqueConstraint("container_id", "name", name="uq_secret_parts_container_id_name"),
)

secret_container_consumers = Table(
    "secret_container_consumers",
    metadata,
    _id(),
    Column("owner_id", string(36), ForeignKey("secret_containers.id"), nullable=False),
    Column("name", string(NAME_LENGTH), nullable=False),
    Column("url", string(255), nullable=False),
    Column("created_at", timestamp(), nullable=False),
    UniqueConstraint("owner_id", "name", "url", name="uq_secret_container_consumers_owner_id"),
)

secret_consumers = Table(
    "secret_consumers",
    metadata,
    _id(),
    Column("owner_id", string(36), ForeignKey("secrets.id"), nullable=False),
    Column("service", string(255), nullable=False),
    Column("resource_type", string(255), nullable=False),
    Column("resource_id", string(36), nullable=False),
    Column("created_at", timestamp(), nullable=False),
    UniqueConstraint(
        "owner_id", "service", "resource_type", "resource_id", name="uq_secret_consumers_owner_id"
    ),
)
