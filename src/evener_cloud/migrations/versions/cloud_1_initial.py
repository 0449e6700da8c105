"""The small cloud: identities, networks, secrets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from evener.store.schema import string, timestamp

revision = "cloud_1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_domains",
        sa.Column("id", string(64), nullable=False),
        sa.Column("name", string(64), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_domains"),
        sa.UniqueConstraint("name", name="uq_identity_domains_name"),
    )
    op.create_table(
        "identity_revocations",
        sa.Column("audit_id", string(32), nullable=False),
        sa.Column("expires_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_identity_revocations"),
    )
    op.create_index("ix_identity_revocations_expires_at", "identity_revocations", ["expires_at"])
    op.create_table(
        "identity_roles",
        sa.Column("id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_roles"),
        sa.UniqueConstraint("name", name="uq_identity_roles_name"),
    )
    op.create_table(
        "networks",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", string(32), nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("router_external", sa.Boolean(), nullable=False),
        sa.Column("network_type", string(32), nullable=False),
        sa.Column("physical_network", string(64), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_networks"),
        sa.UniqueConstraint("physical_network", name="uq_networks_physical_network"),
    )
    op.create_index("ix_networks_name_project_id_id", "networks", ["name", "project_id", "id"])
    op.create_index("ix_networks_project_id_id", "networks", ["project_id", "id"])
    op.create_table(
        "routers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", string(32), nullable=False),
        sa.Column("enable_snat", sa.Boolean(), nullable=False),
        sa.Column("routes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_routers"),
    )
    op.create_index("ix_routers_name_project_id_id", "routers", ["name", "project_id", "id"])
    op.create_index("ix_routers_project_id_id", "routers", ["project_id", "id"])
    op.create_table(
        "secret_containers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("creator_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=True),
        sa.Column("type", string(32), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret_containers"),
    )
    op.create_index("ix_secret_containers_project_id", "secret_containers", ["project_id"])
    op.create_table(
        "secrets",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("creator_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=True),
        sa.Column("secret_type", string(32), nullable=False),
        sa.Column("algorithm", string(255), nullable=True),
        sa.Column("bit_length", sa.Integer(), nullable=True),
        sa.Column("mode", string(255), nullable=True),
        sa.Column("expiration", timestamp(), nullable=True),
        sa.Column("content_type", string(64), nullable=True),
        sa.Column(
            "sealed",
            sa.LargeBinary()
            .with_variant(mysql.MEDIUMBLOB(), "mariadb")
            .with_variant(mysql.MEDIUMBLOB(), "mysql"),
            nullable=True,
        ),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
    )
    op.create_index("ix_secrets_project_id", "secrets", ["project_id"])
    op.create_table(
        "security_groups",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_groups"),
    )
    op.create_index("ix_security_groups_name_project_id_id", "security_groups", ["name", "project_id", "id"])
    op.create_index("ix_security_groups_project_id_id", "security_groups", ["project_id", "id"])
    op.create_table(
        "identity_projects",
        sa.Column("id", string(64), nullable=False),
        sa.Column("domain_id", string(64), nullable=False),
        sa.Column("name", string(64), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["identity_domains.id"], name="fk_identity_projects_domain_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_identity_projects"),
        sa.UniqueConstraint("domain_id", "name", name="uq_identity_projects_domain_id_name"),
    )
    op.create_index("ix_identity_projects_domain_id", "identity_projects", ["domain_id"])
    op.create_table(
        "ports",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("network_id", string(36), nullable=False),
        sa.Column("mac_address", string(17), nullable=False),
        sa.Column("device_id", string(255), nullable=False),
        sa.Column("device_owner", string(255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", string(32), nullable=False),
        sa.Column("allowed_address_pairs", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_ports_network_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ports"),
        sa.UniqueConstraint("network_id", "mac_address", name="uq_ports_network_id_mac_address"),
    )
    op.create_index("ix_ports_device_id_project_id_id", "ports", ["device_id", "project_id", "id"])
    op.create_index("ix_ports_name_project_id_id", "ports", ["name", "project_id", "id"])
    op.create_index("ix_ports_network_id_project_id_id", "ports", ["network_id", "project_id", "id"])
    op.create_index("ix_ports_project_id_id", "ports", ["project_id", "id"])
    op.create_table(
        "router_bindings",
        sa.Column("router_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name="fk_router_bindings_agent_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["router_id"], ["routers.id"], name="fk_router_bindings_router_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("router_id", name="pk_router_bindings"),
    )
    op.create_index("ix_router_bindings_agent_id", "router_bindings", ["agent_id"])
    op.create_table(
        "secret_consumers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("service", string(255), nullable=False),
        sa.Column("resource_type", string(255), nullable=False),
        sa.Column("resource_id", string(36), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["secrets.id"], name="fk_secret_consumers_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_secret_consumers"),
        sa.UniqueConstraint(
            "owner_id", "service", "resource_type", "resource_id", name="uq_secret_consumers_owner_id"
        ),
    )
    op.create_table(
        "secret_container_consumers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("url", string(255), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["secret_containers.id"], name="fk_secret_container_consumers_owner_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_secret_container_consumers"),
        sa.UniqueConstraint("owner_id", "name", "url", name="uq_secret_container_consumers_owner_id"),
    )
    op.create_table(
        "secret_parts",
        sa.Column("container_id", string(36), nullable=False),
        sa.Column("secret_id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["secret_containers.id"],
            name="fk_secret_parts_container_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["secret_id"], ["secrets.id"], name="fk_secret_parts_secret_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("container_id", "secret_id", name="pk_secret_parts"),
        sa.UniqueConstraint("container_id", "name", name="uq_secret_parts_container_id_name"),
    )
    op.create_index("ix_secret_parts_secret_id", "secret_parts", ["secret_id"])
    op.create_table(
        "security_group_rules",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("security_group_id", string(36), nullable=False),
        sa.Column("direction", string(32), nullable=False),
        sa.Column("ethertype", string(32), nullable=False),
        sa.Column("protocol", string(10), nullable=True),
        sa.Column("port_range_min", sa.Integer(), nullable=True),
        sa.Column("port_range_max", sa.Integer(), nullable=True),
        sa.Column("remote_ip_prefix", string(64), nullable=True),
        sa.Column("remote_group_id", string(36), nullable=True),
        sa.Column("description", string(255), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["remote_group_id"], ["security_groups.id"], name="fk_security_group_rules_remote_group_id"
        ),
        sa.ForeignKeyConstraint(
            ["security_group_id"], ["security_groups.id"], name="fk_security_group_rules_security_group_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_security_group_rules"),
    )
    op.create_index("ix_security_group_rules_project_id_id", "security_group_rules", ["project_id", "id"])
    op.create_index(
        "ix_security_group_rules_remote_group_id_project_id_id",
        "security_group_rules",
        ["remote_group_id", "project_id", "id"],
    )
    op.create_index(
        "ix_security_group_rules_security_group_id_project_id_id",
        "security_group_rules",
        ["security_group_id", "project_id", "id"],
    )
    op.create_table(
        "subnets",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("network_id", string(36), nullable=False),
        sa.Column("cidr", string(64), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("gateway_ip", string(64), nullable=True),
        sa.Column("allocation_pools", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("dns_nameservers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("host_routes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("enable_dhcp", sa.Boolean(), nullable=False),
        sa.Column("ipv6_ra_mode", string(32), nullable=True),
        sa.Column("ipv6_address_mode", string(32), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_subnets_network_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subnets"),
    )
    op.create_index("ix_subnets_name_project_id_id", "subnets", ["name", "project_id", "id"])
    op.create_index("ix_subnets_network_id_project_id_id", "subnets", ["network_id", "project_id", "id"])
    op.create_index("ix_subnets_project_id_id", "subnets", ["project_id", "id"])
    op.create_table(
        "floatingips",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("floating_network_id", string(36), nullable=False),
        sa.Column("floating_ip_address", string(64), nullable=True),
        sa.Column("floating_port_id", string(36), nullable=True),
        sa.Column("port_id", string(36), nullable=True),
        sa.Column("fixed_ip_address", string(64), nullable=True),
        sa.Column("router_id", string(36), nullable=True),
        sa.Column("status", string(32), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["floating_network_id"], ["networks.id"], name="fk_floatingips_floating_network_id"
        ),
        sa.ForeignKeyConstraint(["floating_port_id"], ["ports.id"], name="fk_floatingips_floating_port_id"),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name="fk_floatingips_port_id"),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name="fk_floatingips_router_id"),
        sa.PrimaryKeyConstraint("id", name="pk_floatingips"),
        sa.UniqueConstraint(
            "port_id",
            "fixed_ip_address",
            "floating_network_id",
            name="uq_floatingips_port_id_fixed_ip_address",
        ),
    )
    op.create_index(
        "ix_floatingips_floating_network_id_project_id_id",
        "floatingips",
        ["floating_network_id", "project_id", "id"],
    )
    op.create_index(
        "ix_floatingips_floating_port_id_project_id_id",
        "floatingips",
        ["floating_port_id", "project_id", "id"],
    )
    op.create_index("ix_floatingips_port_id_project_id_id", "floatingips", ["port_id", "project_id", "id"])
    op.create_index("ix_floatingips_project_id_id", "floatingips", ["project_id", "id"])
    op.create_index(
        "ix_floatingips_router_id_project_id_id", "floatingips", ["router_id", "project_id", "id"]
    )
    op.create_table(
        "identity_users",
        sa.Column("id", string(64), nullable=False),
        sa.Column("domain_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("email", string(255), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("default_project_id", string(64), nullable=True),
        sa.Column("password_hash", string(255), nullable=True),
        sa.Column("token_generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["default_project_id"],
            ["identity_projects.id"],
            name="fk_identity_users_default_project_id",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["identity_domains.id"], name="fk_identity_users_domain_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_identity_users"),
        sa.UniqueConstraint("domain_id", "name", name="uq_identity_users_domain_id_name"),
    )
    op.create_index("ix_identity_users_default_project_id", "identity_users", ["default_project_id"])
    op.create_index("ix_identity_users_domain_id", "identity_users", ["domain_id"])
    op.create_table(
        "ip_allocations",
        sa.Column("subnet_id", string(36), nullable=False),
        sa.Column("ip_address", string(64), nullable=False),
        sa.Column("sort_key", string(32), nullable=False),
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name="fk_ip_allocations_port_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["subnet_id"], ["subnets.id"], name="fk_ip_allocations_subnet_id"),
        sa.PrimaryKeyConstraint("subnet_id", "ip_address", name="pk_ip_allocations"),
        sa.UniqueConstraint("subnet_id", "sort_key", name="uq_ip_allocations_subnet_id_sort_key"),
    )
    op.create_index("ix_ip_allocations_port_id", "ip_allocations", ["port_id"])
    op.create_table(
        "port_security_groups",
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("security_group_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name="fk_port_security_groups_port_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["security_group_id"], ["security_groups.id"], name="fk_port_security_groups_security_group_id"
        ),
        sa.PrimaryKeyConstraint("port_id", "security_group_id", name="pk_port_security_groups"),
    )
    op.create_index(
        "ix_port_security_groups_security_group_id", "port_security_groups", ["security_group_id"]
    )
    op.create_table(
        "identity_assignments",
        sa.Column("id", string(64), nullable=False),
        sa.Column("user_id", string(64), nullable=False),
        sa.Column("role_id", string(64), nullable=False),
        sa.Column("project_id", string(64), nullable=True),
        sa.Column("domain_id", string(64), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name="fk_identity_assignments_domain_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["identity_projects.id"],
            name="fk_identity_assignments_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["identity_roles.id"], name="fk_identity_assignments_role_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["identity_users.id"], name="fk_identity_assignments_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_identity_assignments"),
        sa.UniqueConstraint("user_id", "role_id", "domain_id", name="uq_identity_assignments_domain"),
        sa.UniqueConstraint("user_id", "role_id", "project_id", name="uq_identity_assignments_project"),
    )
    op.create_index("ix_identity_assignments_domain_id", "identity_assignments", ["domain_id"])
    op.create_index("ix_identity_assignments_project_id", "identity_assignments", ["project_id"])
    op.create_index("ix_identity_assignments_role_id", "identity_assignments", ["role_id"])
    op.create_index("ix_identity_assignments_user_id", "identity_assignments", ["user_id"])


def downgrade() -> None:
    for table in (
        "identity_assignments",
        "port_security_groups",
        "ip_allocations",
        "identity_users",
        "floatingips",
        "subnets",
        "security_group_rules",
        "secret_parts",
        "secret_container_consumers",
        "secret_consumers",
        "router_bindings",
        "ports",
        "identity_projects",
        "security_groups",
        "secrets",
        "secret_containers",
        "routers",
        "networks",
        "identity_roles",
        "identity_revocations",
        "identity_domains",
    ):
        op.drop_table(table)
