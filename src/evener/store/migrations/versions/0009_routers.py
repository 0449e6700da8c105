"""Routers and floating IPs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


INDEXED = {
    "routers": ("name",),
    "floatingips": ("floating_network_id", "floating_port_id", "port_id", "router_id"),
}


def upgrade() -> None:
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
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routers")),
    )
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
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["floating_network_id"], ["networks.id"], name=op.f("fk_floatingips_floating_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["floating_port_id"], ["ports.id"], name=op.f("fk_floatingips_floating_port_id")
        ),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name=op.f("fk_floatingips_port_id")),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_floatingips_router_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_floatingips")),
        sa.UniqueConstraint(
            "port_id",
            "fixed_ip_address",
            "floating_network_id",
            name="uq_floatingips_port_id_fixed_ip_address",
        ),
    )
    for table, names in INDEXED.items():
        for columns in (("project_id", "id"), *((name, "project_id", "id") for name in names)):
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def downgrade() -> None:
    op.drop_table("floatingips")
    op.drop_table("routers")
