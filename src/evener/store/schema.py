"""The tables. Those of resources are derived from the resources' descriptions, the rest is written out.

Only what SQLite, PostgreSQL and MariaDB all take is used. A test compares these tables with what the
migrations make.
"""

import types
import typing
import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic.fields import FieldInfo
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
)
from sqlalchemy.dialects import mysql

from evener.resources.agent import Agent
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.availability_zone_profile import AvailabilityZoneProfile
from evener.resources.describe import Attr, Resource, columns
from evener.resources.event import Event
from evener.resources.flavor import Flavor
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.service_profile import ServiceProfile
from evener.resources.types import ProvisioningStatus, Text
from evener.store.nulls import none_lowest

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INDEXED = frozenset({"name", "vip_port_id", "network_id", "subnet_id", "device_id"})


def string(length: int) -> Any:
    """Return the type of a string column that compares by code points, in MariaDB too."""
    return String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def timestamp() -> Any:
    """Return the type of a moment: UTC, with microseconds, in MariaDB too."""
    return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _column_type(field: FieldInfo) -> Any:
    kinds = [field.annotation]
    if typing.get_origin(field.annotation) in (types.UnionType, typing.Union):
        kinds = [k for k in typing.get_args(field.annotation) if k is not types.NoneType]
    kind = kinds[0]
    lengths = [m.max_length for m in field.metadata if isinstance(m, Text)]
    lengths += [m.max_length for m in getattr(kind, "__metadata__", ()) if isinstance(m, Text)]
    kind = getattr(kind, "__origin__", kind)
    if not isinstance(kind, type):
        return JSON(none_as_null=True)
    if issubclass(kind, StrEnum):
        return string(32)
    if kind is str:
        return string(lengths[0])
    if kind is datetime:
        return timestamp()
    return {bool: Boolean, int: Integer}.get(kind, JSON(none_as_null=True))


def _column(name: str, field: FieldInfo, mark: Attr) -> Column[Any]:
    keys = [ForeignKey(f"{mark.references}.id")] if mark.references else []
    return Column(
        name,
        _column_type(field),
        *keys,
        primary_key=name == "id",
        nullable=mark.nullable and name != "id",
    )


def _indexes(cls: type[Resource]) -> list[Index]:
    """Return the indexes by which one page of a project's objects, or those that a filter leaves, are read in order.

    Each goes on with the project and the id: SQLite takes one index only, and would rather read all objects of a
    project in order than sort the few that have a name.
    """
    names = columns(cls)
    if "project_id" not in names:
        return [Index(None, name) for name in names if name in INDEXED]
    wanted = [name for name, (_, mark) in names.items() if mark.references or name in INDEXED]
    return [Index(None, "project_id", "id"), *(Index(None, name, "project_id", "id") for name in wanted)]


def table_of(cls: type[Resource], *more: Column[Any]) -> Table:
    """Return the table of `cls`: a column per described attribute, two moments, and `more`."""
    described = [_column(name, field, mark) for name, (field, mark) in columns(cls).items()]
    moments = [
        Column(name, timestamp(), nullable=False)
        for name in ("created_at", "updated_at")
        if name not in columns(cls)
    ]
    return Table(cls.table(), metadata, *described, *moments, *more, *_indexes(cls))


def _generations() -> list[Column[Any]]:
    """What statuses are derived from: the load balancer's generations in which a row came, changed, went."""
    return [
        Column("created_generation", Integer, nullable=False),
        Column("changed_generation", Integer, nullable=False),
        Column("deleted_generation", Integer, nullable=True),
    ]


def _oldest_first(owned: Table) -> None:
    """Add the indexes by which a page of a list is read in the order of Octavia's lists, whoever asks."""
    Index(None, owned.c.project_id, owned.c.created_at, owned.c.id)
    Index(None, owned.c.created_at, owned.c.id)


def _tags_of(cls: type[Resource]) -> Table:
    """Return the table by which objects of `cls` are found by their tags."""
    owner = ForeignKey(f"{cls.table()}.id", ondelete="CASCADE")
    return Table(
        f"{cls.table()}_tags",
        metadata,
        Column("tag", string(255), primary_key=True),
        Column("owner_id", string(36), owner, primary_key=True, index=True),
    )


loadbalancers = table_of(
    LoadBalancer,
    *_generations(),
    # What `bindings` say of all its agents: the oldest generation that one is at, and the newest that failed on one.
    Column("reached_generation", Integer, nullable=True, server_default="0"),  # see `control.reached`
    Column("failing_generation", Integer, nullable=True),
    Column("standing", string(32), nullable=True, server_default=ProvisioningStatus.PENDING_CREATE.value),
)
pools = table_of(Pool, *_generations())
listeners = table_of(Listener, *_generations())
members = table_of(Member, *_generations())
healthmonitors = table_of(HealthMonitor, *_generations())
l7policies = table_of(L7Policy, *_generations())
l7rules = table_of(L7Rule, *_generations())
TAGS: Mapping[type[Resource], Table] = {
    cls: _tags_of(cls) for cls in (LoadBalancer, Pool, Listener, Member, HealthMonitor, L7Policy, L7Rule)
}
for _kind in TAGS:
    _oldest_first(metadata.tables[_kind.table()])
Index(None, listeners.c.connection_limit, listeners.c.id)
# What load balancers are sorted by, besides: in whatever order, a page is read and no more.
SORTED_BY = (
    *("name", "description", "admin_state_up", "provider", "flavor_id", "availability_zone", "topology"),
    *("vip_address", "vip_network_id", "vip_port_id", "vip_subnet_id", "updated_at"),
)
for _name in SORTED_BY:
    for _scope in ((loadbalancers.c.project_id,), ()):
        _by = loadbalancers.c[_name]
        _first = none_lowest(_by) if _by.nullable else _by
        Index(None, *_scope, _first, loadbalancers.c.created_at, loadbalancers.c.id)
for _scope in ((loadbalancers.c.project_id,), ()):
    Index(None, *_scope, loadbalancers.c.standing, loadbalancers.c.created_at, loadbalancers.c.id)
# What statuses are derived from, the oldest first: a list that is sorted by one looks at all, and reads a page.
_GENERATIONS = (f"{each}_generation" for each in ("created", "deleted", "reached", "failing"))
_STANDING = ("project_id", "created_at", "id", "generation", *_GENERATIONS, "admin_state_up")
Index("ix_loadbalancers_standing", *(loadbalancers.c[name] for name in _STANDING))

# `place`: the machine and state directory that the agent runs on; `start`: how often it has been started there; `run`:
# the run that is heard. Reports of another run are not taken.
agents = table_of(
    Agent,
    Column("place", string(80), nullable=True),
    Column("start", Integer, nullable=True),
    Column("run", string(36), nullable=True),
)
agents.append_constraint(UniqueConstraint("host", name="uq_agents_host"))

flavors = table_of(Flavor)
service_profiles = table_of(ServiceProfile)

availability_zone_profiles = table_of(AvailabilityZoneProfile)
availability_zones = table_of(AvailabilityZone)
availability_zones.append_constraint(UniqueConstraint("name", name="uq_availability_zones_name"))

# Which service profiles a flavor has, oldest first.
flavor_profiles = Table(
    "flavor_profiles",
    metadata,
    Column("flavor_id", string(36), ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    Column("service_profile_id", string(36), ForeignKey("service_profiles.id"), primary_key=True, index=True),
    Column("created_at", timestamp(), nullable=False),
)

# How many of a kind a project has, and may have where an administrator has said so. A row comes with the first
# count; `store.quota_counts` keeps it.
quotas = Table(
    "quotas",
    metadata,
    Column("project_id", string(255), primary_key=True),
    Column("resource", string(64), primary_key=True),
    Column("hard_limit", Integer, nullable=True),
    Column("used", Integer, nullable=False),
)

# Which agent serves which load balancer, and how far it is..
bindings = Table(
    "bindings",
    metadata,
    Column("id", string(36), nullable=False, unique=True),
    Column(
        "loadbalancer_id", string(36), ForeignKey("loadbalancers.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("role", string(32), nullable=False),
    Column("created_at", timestamp(), nullable=False),
    Column("updated_at", timestamp(), nullable=False),
    Column("agent_id", string(36), ForeignKey("agents.id"), primary_key=True, index=True),
    # The how manieth agent it is in that role: what one says that had it before comes late.
    Column("number", Integer, nullable=False, default=1),
    Column("applied_generation", Integer, nullable=False),
    Column("failed_generation", Integer, nullable=True),
    Column("failure", string(2000), nullable=True),
    Column("failed_objects", JSON(none_as_null=True), nullable=True),
    Column("has_vip", Boolean, nullable=True),  # of two that serve; what was said last
    # The last report that was taken, of those that an agent's run numbers.
    Column("reported_run", string(36), nullable=True),
    Column("reported_number", BigInteger, nullable=True),
)
Index(None, bindings.c.loadbalancer_id, bindings.c.applied_generation)
Index(None, bindings.c.failed_generation, bindings.c.loadbalancer_id)

# Of a load balancer that two agents serve, the port that each of them has of its own, by its role there.
host_ports = Table(
    "host_ports",
    metadata,
    Column(
        "loadbalancer_id", string(36), ForeignKey("loadbalancers.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("role", string(32), primary_key=True),
    Column("port_id", string(36), nullable=False),
    Column("address", string(64), nullable=False),
)

# How each agent sees each member.
member_health = Table(
    "member_health",
    metadata,
    Column("member_id", string(36), ForeignKey("members.id", ondelete="CASCADE"), primary_key=True),
    Column("agent_id", string(36), ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column(
        "loadbalancer_id",
        string(36),
        ForeignKey("loadbalancers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("status", string(16), nullable=False),
    Column("changed_at", timestamp(), nullable=False),
    Column("reason", string(255)),
    Index(None, "status", "loadbalancer_id"),
)

# A row for each listener and agent; with NOBODY as the agent what those counted that let go of it, and in the load
# balancer's own name the listeners that are gone.
NOBODY = ""
counters = Table(
    "counters",
    metadata,
    Column("owner_id", string(36), primary_key=True),
    Column("agent_id", string(36), primary_key=True),
    Column(
        "loadbalancer_id",
        string(36),
        ForeignKey("loadbalancers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("active_connections", BigInteger, nullable=False),
    Column("total_connections", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("request_errors", BigInteger, nullable=False),
    Column("requests", BigInteger),
)

# Which database this is, wherever it is moved: one row, from the moment that the table is made.
database_identity = Table("database_identity", metadata, Column("id", string(36), primary_key=True))


@event.listens_for(database_identity, "after_create")
def _name_database(_table: Table, connection: Connection, **_more: Any) -> None:
    connection.execute(database_identity.insert().values(id=str(uuid.uuid4())))


# What agents served and was deleted: what is not here either was never known to this database.
departures = Table(
    "departures",
    metadata,
    Column("id", string(36), primary_key=True),
    Column("departed_at", timestamp(), nullable=False, index=True),
)

# Who of several processes does what only one may do: `beat` is counted up by the holder, "" is nobody.
leases = Table(
    "leases",
    metadata,
    Column("name", string(64), primary_key=True),
    Column("holder", string(36), nullable=False),
    Column("beat", BigInteger, nullable=False),
)

# Uses of certificates of which the secret service may not know, or may know too long; see `control.consumers`.
consumer_notes = Table(
    "consumer_notes",
    metadata,
    Column("id", string(36), primary_key=True),
    Column("project_id", string(255), nullable=False),
    Column("ref", string(512), nullable=False),
    Column("resource_type", string(32), nullable=False),
    Column("resource_id", string(36), nullable=False),
)

# What happened to load balancers, also to those that are gone. Each change adds a row: no index that is not needed.
events = Table(
    Event.table(),
    metadata,
    *(_column(name, field, mark) for name, (field, mark) in columns(Event).items()),
    Column("created_at", timestamp(), nullable=False),
    Index(None, "loadbalancer_id", "created_at", "id"),
    Index(None, "created_at"),
)

# Those of load balancing; whoever adds more to `metadata` has migrations of its own for them.
OWN = frozenset(metadata.tables)
