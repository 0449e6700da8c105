"""Networks, subnets, ports and their addresses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
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
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
    )
    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_networks_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_networks_project_id"), ["project_id"], unique=False)
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
        sa.Column("security_groups", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("allowed_address_pairs", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_ports_network_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ports")),
        sa.UniqueConstraint("network_id", "mac_address", name="uq_ports_network_id_mac_address"),
    )
    with op.batch_alter_table("ports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ports_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ports_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_ports_network_id"), ["network_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ports_project_id"), ["project_id"], unique=False)
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
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_subnets_network_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnets")),
    )
    with op.batch_alter_table("subnets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subnets_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_subnets_network_id"), ["network_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subnets_project_id"), ["project_id"], unique=False)
    op.create_table(
        "ip_allocations",
        sa.Column("subnet_id", string(36), nullable=False),
        sa.Column("ip_address", string(64), nullable=False),
        sa.Column("sort_key", string(32), nullable=False),
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_ip_allocations_port_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["subnet_id"], ["subnets.id"], name=op.f("fk_ip_allocations_subnet_id")),
        sa.PrimaryKeyConstraint("subnet_id", "ip_address", name=op.f("pk_ip_allocations")),
        sa.UniqueConstraint("subnet_id", "sort_key", name="uq_ip_allocations_subnet_id_sort_key"),
    )
    with op.batch_alter_table("ip_allocations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ip_allocations_port_id"), ["port_id"], unique=False)


def downgrade() -> None:
    op.drop_table("ip_allocations")
    op.drop_table("subnets")
    op.drop_table("ports")
    op.drop_table("networks")
