"""Load balancers with all below them, agents, and what agents report."""

import uuid

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string, timestamp

revision = "evener_1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", string(36), nullable=False),
        sa.Column("agent_type", string(255), nullable=False),
        sa.Column("binary", string(255), nullable=False),
        sa.Column("topic", string(255), nullable=False),
        sa.Column("host", string(255), nullable=False),
        sa.Column("availability_zone", string(255), nullable=True),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("description", string(255), nullable=True),
        sa.Column("configurations", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("started_at", timestamp(), nullable=False),
        sa.Column("heartbeat_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("place", string(80), nullable=True),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("run", string(36), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("host", name="uq_agents_host"),
    )
    op.create_table(
        "database_identity",
        sa.Column("id", string(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_database_identity"),
    )
    op.create_table(
        "departures",
        sa.Column("id", string(36), nullable=False),
        sa.Column("departed_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_departures"),
    )
    op.create_index("ix_departures_departed_at", "departures", ["departed_at"])
    op.create_table(
        "flavors",
        sa.Column("id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(1024), nullable=False),
        sa.Column("service_type", string(255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flavors"),
    )
    op.create_index("ix_flavors_name", "flavors", ["name"])
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
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_loadbalancers"),
    )
    op.create_index("ix_loadbalancers_name_project_id_id", "loadbalancers", ["name", "project_id", "id"])
    op.create_index("ix_loadbalancers_project_id_id", "loadbalancers", ["project_id", "id"])
    op.create_index(
        "ix_loadbalancers_vip_port_id_project_id_id", "loadbalancers", ["vip_port_id", "project_id", "id"]
    )
    op.create_table(
        "quotas",
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("resource", string(64), nullable=False),
        sa.Column("hard_limit", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource", name="pk_quotas"),
    )
    op.create_table(
        "service_profiles",
        sa.Column("id", string(36), nullable=False),
        sa.Column("description", string(1024), nullable=False),
        sa.Column("driver", string(1024), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("metainfo", string(4096), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service_profiles"),
    )
    op.create_table(
        "bindings",
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.Column("applied_generation", sa.Integer(), nullable=False),
        sa.Column("failed_generation", sa.Integer(), nullable=True),
        sa.Column("failure", string(2000), nullable=True),
        sa.Column("failed_objects", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reported_run", string(36), nullable=True),
        sa.Column("reported_number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_bindings_agent_id"),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name="fk_bindings_loadbalancer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("loadbalancer_id", "agent_id", name="pk_bindings"),
    )
    op.create_index("ix_bindings_agent_id", "bindings", ["agent_id"])
    op.create_table(
        "counters",
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("active_connections", sa.BigInteger(), nullable=False),
        sa.Column("total_connections", sa.BigInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("request_errors", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name="fk_counters_loadbalancer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "agent_id", name="pk_counters"),
    )
    op.create_index("ix_counters_loadbalancer_id", "counters", ["loadbalancer_id"])
    op.create_table(
        "flavor_profiles",
        sa.Column("flavor_id", string(36), nullable=False),
        sa.Column("service_profile_id", string(36), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"], ["flavors.id"], name="fk_flavor_profiles_flavor_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["service_profile_id"], ["service_profiles.id"], name="fk_flavor_profiles_service_profile_id"
        ),
        sa.PrimaryKeyConstraint("flavor_id", "service_profile_id", name="pk_flavor_profiles"),
    )
    op.create_index("ix_flavor_profiles_service_profile_id", "flavor_profiles", ["service_profile_id"])
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
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["loadbalancer_id"], ["loadbalancers.id"], name="fk_pools_loadbalancer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_pools"),
    )
    op.create_index(
        "ix_pools_loadbalancer_id_project_id_id", "pools", ["loadbalancer_id", "project_id", "id"]
    )
    op.create_index("ix_pools_name_project_id_id", "pools", ["name", "project_id", "id"])
    op.create_index("ix_pools_project_id_id", "pools", ["project_id", "id"])
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
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name="fk_healthmonitors_loadbalancer_id"
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name="fk_healthmonitors_pool_id"),
        sa.PrimaryKeyConstraint("id", name="pk_healthmonitors"),
    )
    op.create_index(
        "ix_healthmonitors_loadbalancer_id_project_id_id",
        "healthmonitors",
        ["loadbalancer_id", "project_id", "id"],
    )
    op.create_index("ix_healthmonitors_name_project_id_id", "healthmonitors", ["name", "project_id", "id"])
    op.create_index(
        "ix_healthmonitors_pool_id_project_id_id", "healthmonitors", ["pool_id", "project_id", "id"]
    )
    op.create_index("ix_healthmonitors_project_id_id", "healthmonitors", ["project_id", "id"])
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
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["default_pool_id"], ["pools.id"], name="fk_listeners_default_pool_id"),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name="fk_listeners_loadbalancer_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_listeners"),
    )
    op.create_index(
        "ix_listeners_default_pool_id_project_id_id", "listeners", ["default_pool_id", "project_id", "id"]
    )
    op.create_index(
        "ix_listeners_loadbalancer_id_project_id_id", "listeners", ["loadbalancer_id", "project_id", "id"]
    )
    op.create_index("ix_listeners_name_project_id_id", "listeners", ["name", "project_id", "id"])
    op.create_index("ix_listeners_project_id_id", "listeners", ["project_id", "id"])
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
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["loadbalancer_id"], ["loadbalancers.id"], name="fk_members_loadbalancer_id"),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name="fk_members_pool_id"),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
    )
    op.create_index(
        "ix_members_loadbalancer_id_project_id_id", "members", ["loadbalancer_id", "project_id", "id"]
    )
    op.create_index("ix_members_name_project_id_id", "members", ["name", "project_id", "id"])
    op.create_index("ix_members_pool_id_project_id_id", "members", ["pool_id", "project_id", "id"])
    op.create_index("ix_members_project_id_id", "members", ["project_id", "id"])
    op.create_index("ix_members_subnet_id_project_id_id", "members", ["subnet_id", "project_id", "id"])
    op.create_table(
        "l7policies",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("listener_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("action", string(32), nullable=False),
        sa.Column("redirect_pool_id", string(36), nullable=True),
        sa.Column("redirect_url", string(255), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["listener_id"], ["listeners.id"], name="fk_l7policies_listener_id"),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name="fk_l7policies_loadbalancer_id"
        ),
        sa.ForeignKeyConstraint(["redirect_pool_id"], ["pools.id"], name="fk_l7policies_redirect_pool_id"),
        sa.PrimaryKeyConstraint("id", name="pk_l7policies"),
    )
    op.create_index(
        "ix_l7policies_listener_id_project_id_id", "l7policies", ["listener_id", "project_id", "id"]
    )
    op.create_index(
        "ix_l7policies_loadbalancer_id_project_id_id", "l7policies", ["loadbalancer_id", "project_id", "id"]
    )
    op.create_index("ix_l7policies_name_project_id_id", "l7policies", ["name", "project_id", "id"])
    op.create_index("ix_l7policies_project_id_id", "l7policies", ["project_id", "id"])
    op.create_index(
        "ix_l7policies_redirect_pool_id_project_id_id", "l7policies", ["redirect_pool_id", "project_id", "id"]
    )
    op.create_table(
        "member_health",
        sa.Column("member_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("status", string(16), nullable=False),
        sa.Column("changed_at", timestamp(), nullable=False),
        sa.Column("reason", string(255), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name="fk_member_health_agent_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["loadbalancers.id"],
            name="fk_member_health_loadbalancer_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name="fk_member_health_member_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", "agent_id", name="pk_member_health"),
    )
    op.create_index("ix_member_health_agent_id", "member_health", ["agent_id"])
    op.create_index("ix_member_health_loadbalancer_id", "member_health", ["loadbalancer_id"])
    op.create_table(
        "l7rules",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("l7policy_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("type", string(32), nullable=False),
        sa.Column("compare_type", string(32), nullable=False),
        sa.Column("invert", sa.Boolean(), nullable=False),
        sa.Column("key", string(255), nullable=True),
        sa.Column("value", string(255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["l7policy_id"], ["l7policies.id"], name="fk_l7rules_l7policy_id"),
        sa.ForeignKeyConstraint(["loadbalancer_id"], ["loadbalancers.id"], name="fk_l7rules_loadbalancer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_l7rules"),
    )
    op.create_index("ix_l7rules_l7policy_id_project_id_id", "l7rules", ["l7policy_id", "project_id", "id"])
    op.create_index(
        "ix_l7rules_loadbalancer_id_project_id_id", "l7rules", ["loadbalancer_id", "project_id", "id"]
    )
    op.create_index("ix_l7rules_project_id_id", "l7rules", ["project_id", "id"])
    identity = sa.table("database_identity", sa.column("id"))
    op.bulk_insert(identity, [{"id": str(uuid.uuid4())}])


def downgrade() -> None:
    for table in (
        "l7rules",
        "member_health",
        "l7policies",
        "members",
        "listeners",
        "healthmonitors",
        "pools",
        "flavor_profiles",
        "counters",
        "bindings",
        "service_profiles",
        "quotas",
        "loadbalancers",
        "flavors",
        "departures",
        "database_identity",
        "agents",
    ):
        op.drop_table(table)
