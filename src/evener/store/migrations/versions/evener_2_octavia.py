"""What Octavia's API sets and shows of the same objects: more attributes, tags, availability zones, places."""

import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string, timestamp

revision = "evener_2"
down_revision = "evener_1"
branch_labels = None
depends_on = None

# Of what statuses are derived, where all load balancers are looked at.
LOOKED_AT = {
    "bindings": (
        ["loadbalancer_id", "applied_generation"],
        ["failed_generation", "loadbalancer_id"],
    ),
    "member_health": (["status", "loadbalancer_id"],),
    "listeners": (["connection_limit", "id"],),
}
STANDING = [
    *("project_id", "id"),
    *("generation", "created_generation", "deleted_generation", "admin_state_up"),
]
TAGGED = ("loadbalancers", "pools", "healthmonitors", "listeners", "members", "l7policies", "l7rules")


def _json(name: str, *, empty: bool = False) -> sa.Column[object]:
    """A column of JSON, which is an empty list in rows that are there, or may be null."""
    default = sa.text("'[]'") if empty else None
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=not empty, server_default=default)


def _text(name: str, length: int, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, string(length), nullable=default is None, server_default=default)


def _number(name: str, default: int | None = None) -> sa.Column[object]:
    usual = None if default is None else sa.text(str(default))
    return sa.Column(name, sa.Integer(), nullable=default is None, server_default=usual)


def _truth(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, timestamp(), nullable=False, server_default=sa.text("'1970-01-01'"))


def _added() -> dict[str, list[sa.Column[object]]]:
    """Return the columns that come, each with what it is in rows that are there."""
    tls = (_text("tls_ciphers", 2048), _json("tls_versions"), _json("alpn_protocols"))
    more = {
        "bindings": [
            _text("id", 36, ""),
            _text("role", 32, "STANDALONE"),
            _moment("created_at"),
            _moment("updated_at"),
        ],
        "loadbalancers": [
            _text("availability_zone", 255),
            _json("vip_sg_ids", empty=True),
            _json("flavor_data"),
            _number("failovers", 0),
        ],
        "listeners": [
            _json("insert_headers"),
            *(_number("timeout_client_data", 50_000), _number("timeout_member_data", 50_000)),
            *(_number("timeout_member_connect", 5_000), _number("timeout_tcp_inspect", 0)),
            _text("client_authentication", 32, "NONE"),
            *(_text("client_ca_tls_container_ref", 512), _text("client_crl_container_ref", 512)),
            _json("allowed_cidrs"),
            *(_text("tls_ciphers", 2048), _json("tls_versions"), _json("alpn_protocols")),
            *(_number("hsts_max_age"), _truth("hsts_include_subdomains"), _truth("hsts_preload")),
        ],
        "pools": [
            _truth("tls_enabled"),
            *(
                _text(name, 512)
                for name in ("tls_container_ref", "ca_tls_container_ref", "crl_container_ref")
            ),
            *tls,
        ],
        "members": [_truth("backup"), _text("monitor_address", 64), _number("monitor_port")],
        "healthmonitors": [_text("http_version", 3), _text("domain_name", 255)],
        "l7policies": [_text("redirect_prefix", 255), _number("redirect_http_code")],
        "service_profiles": [_text("name", 255, ""), _text("provider_name", 255, "")],
    }
    return {
        table: [*([_json("tags", empty=True)] if table in TAGGED else []), *more.get(table, [])]
        for table in dict.fromkeys((*TAGGED, *more))
    }


def upgrade() -> None:
    for table, added in _added().items():
        with op.batch_alter_table(table) as batch:
            for column in added:
                batch.add_column(column)
    with op.batch_alter_table("members") as batch:
        batch.alter_column("subnet_id", existing_type=string(36), nullable=True)
    _name_bindings()
    op.create_index("ix_service_profiles_name", "service_profiles", ["name"])
    for table in TAGGED:
        _create_tags(table)
        op.create_index(f"ix_{table}_created_at_id", table, ["created_at", "id"])
        op.create_index(f"ix_{table}_project_id_created_at_id", table, ["project_id", "created_at", "id"])
    for name, table, columns in _looked_at():
        op.create_index(name, table, columns)
    op.create_table(
        "availability_zone_profiles",
        sa.Column("id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("provider_name", string(255), nullable=False),
        sa.Column("availability_zone_data", string(4096), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_availability_zone_profiles"),
    )
    op.create_index("ix_availability_zone_profiles_name", "availability_zone_profiles", ["name"])
    op.create_table(
        "availability_zones",
        sa.Column("id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("availability_zone_profile_id", string(36), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["availability_zone_profile_id"],
            ["availability_zone_profiles.id"],
            name="fk_availability_zones_availability_zone_profile_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_availability_zones"),
        sa.UniqueConstraint("name", name="uq_availability_zones_name"),
    )
    op.create_index("ix_availability_zones_name", "availability_zones", ["name"])


def _looked_at() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the names, tables and columns of indexes."""
    yield "ix_loadbalancers_standing", "loadbalancers", STANDING
    for table, indexes in LOOKED_AT.items():
        for columns in indexes:
            yield f"ix_{table}_{'_'.join(columns)}", table, columns


def _name_bindings() -> None:
    """Give each place where a load balancer is served an id."""
    bindings = sa.table("bindings", *map(sa.column, ("id", "loadbalancer_id", "agent_id")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(bindings)).all():
        own = (bindings.c.loadbalancer_id == row.loadbalancer_id, bindings.c.agent_id == row.agent_id)
        connection.execute(bindings.update().where(*own).values(id=str(uuid.uuid4())))
    with op.batch_alter_table("bindings") as batch:
        batch.create_unique_constraint("uq_bindings_id", ["id"])


def _create_tags(table: str) -> None:
    name = f"{table}_tags"
    op.create_table(
        name,
        sa.Column("tag", string(255), nullable=False),
        sa.Column("owner_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], [f"{table}.id"], name=f"fk_{name}_owner_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tag", "owner_id", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_owner_id", name, ["owner_id"])


def downgrade() -> None:
    for table in ("availability_zones", "availability_zone_profiles", *(f"{each}_tags" for each in TAGGED)):
        op.drop_table(table)
    op.drop_index("ix_service_profiles_name", "service_profiles")
    for name, table, _ in _looked_at():
        op.drop_index(name, table)
    for table in TAGGED:
        op.drop_index(f"ix_{table}_created_at_id", table)
        op.drop_index(f"ix_{table}_project_id_created_at_id", table)
    with op.batch_alter_table("bindings") as batch:
        batch.drop_constraint("uq_bindings_id", type_="unique")
    _put_members_on_subnets()
    with op.batch_alter_table("members") as batch:
        batch.alter_column("subnet_id", existing_type=string(36), nullable=False)
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)


def _put_members_on_subnets() -> None:
    """Put members without a subnet, which was not possible, on their load balancer's."""
    members = sa.table("members", *map(sa.column, ("subnet_id", "loadbalancer_id")))
    balancers = sa.table("loadbalancers", *map(sa.column, ("id", "vip_subnet_id")))
    of_its = sa.select(balancers.c.vip_subnet_id).where(balancers.c.id == members.c.loadbalancer_id)
    op.get_bind().execute(
        members.update().where(members.c.subnet_id.is_(None)).values(subnet_id=of_its.scalar_subquery())
    )
