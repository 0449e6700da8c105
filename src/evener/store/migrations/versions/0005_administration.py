"""Quotas, flavors and service profiles, and what administrators see and change of agents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Rows that exist get these; later ones bring their own. SQLite wants constants, and agents cannot be rebuilt there
# without the bindings that refer to them.
AGENT_COLUMNS = (
    ("agent_type", 255, "Loadbalancerv2 agent"),
    ("binary", 255, "neutron-lbaasv2-agent"),
    ("topic", 255, "n-lbaasv2_agent"),
)
EPOCH = "1970-01-01 00:00:00"


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("resource", string(64), nullable=False),
        sa.Column("hard_limit", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource", name=op.f("pk_quotas")),
    )
    op.create_table(
        "flavors",
        sa.Column("id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(1024), nullable=False),
        sa.Column("service_type", string(255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flavors")),
    )
    op.create_index(op.f("ix_flavors_name"), "flavors", ["name"])
    op.create_table(
        "service_profiles",
        sa.Column("id", string(36), nullable=False),
        sa.Column("description", string(1024), nullable=False),
        sa.Column("driver", string(1024), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("metainfo", string(4096), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_profiles")),
    )
    op.create_table(
        "flavor_profiles",
        sa.Column("flavor_id", string(36), nullable=False),
        sa.Column("service_profile_id", string(36), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"], ["flavors.id"], name=op.f("fk_flavor_profiles_flavor_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["service_profile_id"],
            ["service_profiles.id"],
            name=op.f("fk_flavor_profiles_service_profile_id"),
        ),
        sa.PrimaryKeyConstraint("flavor_id", "service_profile_id", name=op.f("pk_flavor_profiles")),
    )
    op.create_index(op.f("ix_flavor_profiles_service_profile_id"), "flavor_profiles", ["service_profile_id"])
    for name, length, value in AGENT_COLUMNS:
        op.add_column("agents", sa.Column(name, string(length), nullable=False, server_default=value))
    op.add_column("agents", sa.Column("availability_zone", string(255), nullable=True))
    op.add_column("agents", sa.Column("description", string(255), nullable=True))
    op.add_column(
        "agents", sa.Column("admin_state_up", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    for name in ("started_at", "updated_at"):
        op.add_column("agents", sa.Column(name, moment(), nullable=False, server_default=EPOCH))
    op.execute("UPDATE agents SET started_at = created_at, updated_at = created_at")


def downgrade() -> None:
    for name in ("updated_at", "started_at", "admin_state_up", "description", "availability_zone"):
        op.drop_column("agents", name)
    for name, _, _ in reversed(AGENT_COLUMNS):
        op.drop_column("agents", name)
    for table in ("flavor_profiles", "service_profiles", "flavors", "quotas"):
        op.drop_table(table)
