"""Load balancers with all below them, agents, and what agents report."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", string(36), nullable=False),
        sa.Column("host", string(255), nullable=False),
        sa.Column("configurations", sa.JSON(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("heartbeat_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("host", name=op.f("uq_agents_host")),
    )
    op.create_table(
        "loadbalancers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("vip_subnet_id", string(36), nullable=False),
        sa.Column("vip_address", string(64), nullable=True),
        sa.Column("vip_port_id", string(36), nullable=True),
        sa.Column("vip_network_id", string(36), nullable=True),
        sa.Column("provider", string(255), nullable=False),
        sa.Column("flavor_id", string(255), nullable=True),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loadbalancers")),
    )
    with op.batch_alter_table("loadbalancers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loadbalancers_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_loadbalancers_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_loadbalancers_vip_port_id"), ["vip_port_id"], unique=False)
    op.create_table(
        "bindings",
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.Column("applied_generation", sa.Integer(), nullable=False),
        sa.Column("failed_generation", sa.Integer(), nullable=True),
        sa.Column("failure", string(2000), nullable=True),
        sa.Column("reported_at", moment(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_bindings_agent_id")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["loadbalancers.id"],
            name=op.f("fk_bindings_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("loadbalancer_id", "agent_id", name=op.f("pk_bindings")),
    )
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bindings_agent_id"), ["agent_id"], unique=False)
    op.create_table(
        "counters",
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("active_connections", sa.BigInteger(), nullable=False),
        sa.Column("total_connections", sa.BigInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("request_errors", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["loadbalancers.id"],
            name=op.f("fk_counters_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_counters")),
    )
    with op.batch_alter_table("counters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_counters_loadbalancer_id"), ["loadbalancer_id"], unique=False)
    op.create_table(
        "pools",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=True),
        sa.Column("protocol", string(32), nullable=False),
        sa.Column("lb_algorithm", string(32), nullable=False),
        sa.Column("session_persistence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_pools_loadbalancer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pools")),
    )
    with op.batch_alter_table("pools", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pools_loadbalancer_id"), ["loadbalancer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_pools_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_pools_project_id"), ["project_id"], unique=False)
    op.create_table(
        "healthmonitors",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("pool_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("type", string(32), nullable=False),
        sa.Column("delay", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("max_retries_down", sa.Integer(), nullable=True),
        sa.Column("http_method", string(32), nullable=False),
        sa.Column("url_path", string(255), nullable=False),
        sa.Column("expected_codes", string(64), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_healthmonitors_loadbalancer_id")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name=op.f("fk_healthmonitors_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_healthmonitors")),
    )
    with op.batch_alter_table("healthmonitors", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_healthmonitors_loadbalancer_id"), ["loadbalancer_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_healthmonitors_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_healthmonitors_pool_id"), ["pool_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_healthmonitors_project_id"), ["project_id"], unique=False)
    op.create_table(
        "listeners",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=True),
        sa.Column("default_pool_id", string(36), nullable=True),
        sa.Column("protocol", string(32), nullable=False),
        sa.Column("protocol_port", sa.Integer(), nullable=False),
        sa.Column("connection_limit", sa.Integer(), nullable=False),
        sa.Column("default_tls_container_ref", string(512), nullable=True),
        sa.Column("sni_container_refs", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["default_pool_id"], ["pools.id"], name=op.f("fk_listeners_default_pool_id")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_listeners_loadbalancer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listeners")),
    )
    with op.batch_alter_table("listeners", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listeners_default_pool_id"), ["default_pool_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listeners_loadbalancer_id"), ["loadbalancer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listeners_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_listeners_project_id"), ["project_id"], unique=False)
    op.create_table(
        "members",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("pool_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("subnet_id", string(36), nullable=False),
        sa.Column("address", string(64), nullable=False),
        sa.Column("protocol_port", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_members_loadbalancer_id")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name=op.f("fk_members_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_members_loadbalancer_id"), ["loadbalancer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_members_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_members_pool_id"), ["pool_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_members_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_members_subnet_id"), ["subnet_id"], unique=False)
    op.create_table(
        "member_health",
        sa.Column("member_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("status", string(16), nullable=False),
        sa.Column("changed_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["loadbalancers.id"],
            name=op.f("fk_member_health_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_member_health_member_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_health")),
    )
    with op.batch_alter_table("member_health", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_health_loadbalancer_id"), ["loadbalancer_id"], unique=False
        )


def downgrade() -> None:
    op.drop_table("member_health")
    op.drop_table("members")
    op.drop_table("listeners")
    op.drop_table("healthmonitors")
    op.drop_table("pools")
    op.drop_table("counters")
    op.drop_table("bindings")
    op.drop_table("loadbalancers")
    op.drop_table("agents")
