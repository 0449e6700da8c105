# ruff: noqa: S608 - all names are those of this file
"""Facts belong to the agent that reports them, a database has an identity, and what is deleted is remembered."""

import uuid

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COUNTED = ("active_connections", "total_connections", "bytes_in", "bytes_out", "request_errors")


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def balancer(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["loadbalancers.id"],
            name=op.f(f"fk_{table}_loadbalancer_id"),
            ondelete="CASCADE",
        ),
    ]


def counters(*key: str) -> None:
    op.create_table(
        "counters",
        *(sa.Column(name, string(36), nullable=False) for name in key),
        *balancer("counters"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTED),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_counters")),
    )
    op.create_index(op.f("ix_counters_loadbalancer_id"), "counters", ["loadbalancer_id"])


def member_health(*more: sa.schema.SchemaItem, key: tuple[str, ...]) -> None:
    op.create_table(
        "member_health",
        sa.Column("member_id", string(36), nullable=False),
        *more,
        *balancer("member_health"),
        sa.Column("status", string(16), nullable=False),
        sa.Column("changed_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_member_health_member_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_member_health")),
    )
    op.create_index(op.f("ix_member_health_loadbalancer_id"), "member_health", ["loadbalancer_id"])


def put_aside(table: str) -> None:
    op.execute(f"CREATE TABLE old_{table} AS SELECT * FROM {table}")
    op.drop_table(table)


def upgrade() -> None:
    identity = op.create_table(
        "database_identity",
        sa.Column("id", string(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_identity")),
    )
    op.bulk_insert(identity, [{"id": str(uuid.uuid4())}])
    op.create_table(
        "departures",
        sa.Column("id", string(36), nullable=False),
        sa.Column("departed_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departures")),
    )
    op.create_index(op.f("ix_departures_departed_at"), "departures", ["departed_at"])
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", string(80), nullable=True))
        batch_op.add_column(sa.Column("start", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("run", string(36), nullable=True))
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reported_run", string(36), nullable=True))
        batch_op.add_column(sa.Column("reported_number", sa.BigInteger(), nullable=True))
    # Until now a load balancer had one agent: what is known comes from that one.
    put_aside("counters")
    counters("owner_id", "agent_id")
    names = ", ".join(COUNTED)
    old = ", ".join(f"old_counters.{name}" for name in COUNTED)
    op.execute(
        f"INSERT INTO counters (owner_id, agent_id, loadbalancer_id, {names})"
        f" SELECT owner_id, COALESCE(bindings.agent_id, ''), old_counters.loadbalancer_id, {old} FROM old_counters"
        " LEFT JOIN bindings ON bindings.loadbalancer_id = old_counters.loadbalancer_id"
        " AND old_counters.owner_id <> old_counters.loadbalancer_id"
    )
    op.drop_table("old_counters")
    put_aside("member_health")
    member_health(
        sa.Column("agent_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_member_health_agent_id"), ondelete="CASCADE"
        ),
        key=("member_id", "agent_id"),
    )
    op.create_index(op.f("ix_member_health_agent_id"), "member_health", ["agent_id"])
    op.execute(
        "INSERT INTO member_health (member_id, agent_id, loadbalancer_id, status, changed_at)"
        " SELECT member_id, agent_id, old_member_health.loadbalancer_id, status, changed_at FROM old_member_health"
        " JOIN bindings ON bindings.loadbalancer_id = old_member_health.loadbalancer_id"
    )
    op.drop_table("old_member_health")


def downgrade() -> None:
    put_aside("member_health")
    member_health(key=("member_id",))
    op.execute(
        "INSERT INTO member_health (member_id, loadbalancer_id, status, changed_at)"
        " SELECT member_id, MIN(loadbalancer_id), MIN(status), MIN(changed_at) FROM old_member_health"
        " GROUP BY member_id"
    )
    op.drop_table("old_member_health")
    put_aside("counters")
    counters("owner_id")
    names = ", ".join(COUNTED)
    op.execute(
        f"INSERT INTO counters (owner_id, loadbalancer_id, {names})"
        f" SELECT owner_id, MIN(loadbalancer_id), {', '.join(f'SUM({name})' for name in COUNTED)}"
        " FROM old_counters GROUP BY owner_id"
    )
    op.drop_table("old_counters")
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        batch_op.drop_column("reported_number")
        batch_op.drop_column("reported_run")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_column("run")
        batch_op.drop_column("start")
        batch_op.drop_column("place")
    op.drop_table("departures")
    op.drop_table("database_identity")
