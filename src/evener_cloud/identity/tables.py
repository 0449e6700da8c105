"""The tables of the builtin identity service. They say what is kept, and decide nothing.

Ids are 32 hexadecimal digits as Keystone's are, except the domain `default`. What belongs to a domain, a
project, a user or a role goes with it.
"""

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, UniqueConstraint

from evener.store.schema import metadata, string, timestamp

ID_LENGTH = 64
DESCRIPTION_LENGTH = 2000


def _id() -> Column[Any]:
    return Column("id", string(ID_LENGTH), primary_key=True)


def _owner(name: str, table: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column that names a row of `table`, with which its own row goes."""
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Column(name, string(ID_LENGTH), key, nullable=nullable, index=True)


identity_domains = Table(
    "identity_domains",
    metadata,
    _id(),
    Column("name", string(64), nullable=False, unique=True),
    Column("description", string(DESCRIPTION_LENGTH), nullable=False),
    Column("enabled", Boolean, nullable=False),
)

identity_projects = Table(
    "identity_projects",
    metadata,
    _id(),
    _owner("domain_id", "identity_domains"),
    Column("name", string(64), nullable=False),
    Column("description", string(DESCRIPTION_LENGTH), nullable=False),
    Column("enabled", Boolean, nullable=False),
    UniqueConstraint("domain_id", "name", name="uq_identity_projects_domain_id_name"),
)

# A token holds the generation its user had when it was issued, and is void once that differs.
identity_users = Table(
    "identity_users",
    metadata,
    _id(),
    _owner("domain_id", "identity_domains"),
    Column("name", string(255), nullable=False),
    Column("description", string(DESCRIPTION_LENGTH), nullable=False),
    Column("email", string(255), nullable=True),
    Column("enabled", Boolean, nullable=False),
    Column(
        "default_project_id",
        string(ID_LENGTH),
        ForeignKey("identity_projects.id", ondelete="SET NULL"),
        nullable=True,
        index=True,
    ),
    Column("password_hash", string(255), nullable=True),
    Column("token_generation", Integer, nullable=False),
    UniqueConstraint("domain_id", "name", name="uq_identity_users_domain_id_name"),
)

identity_roles = Table(
    "identity_roles",
    metadata,
    _id(),
    Column("name", string(255), nullable=False, unique=True),
    Column("description", string(DESCRIPTION_LENGTH), nullable=False),
)

# A role of a user on a project or on a domain: exactly one of both is set.
identity_assignments = Table(
    "identity_assignments",
    metadata,
    _id(),
    _owner("user_id", "identity_users"),
    _owner("role_id", "identity_roles"),
    _owner("project_id", "identity_projects", nullable=True),
    _owner("domain_id", "identity_domains", nullable=True),
    UniqueConstraint("user_id", "role_id", "project_id", name="uq_identity_assignments_project"),
    UniqueConstraint("user_id", "role_id", "domain_id", name="uq_identity_assignments_domain"),
)

# Tokens given back before they expired, by their audit id; of no use once they have.
identity_revocations = Table(
    "identity_revocations",
    metadata,
    Column("audit_id", string(32), primary_key=True),
    Column("expires_at", timestamp(), nullable=False, index=True),
)
