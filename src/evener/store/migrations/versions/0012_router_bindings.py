"""Which agent a router is on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def upgrade() -> None:
    op.create_table(
        "router_bindings",
        sa.Column("router_id", string(36), nullable=False),
        sa.Column("agent_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["router_id"], ["routers.id"], name=op.f("fk_router_bindings_router_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_router_bindings_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("router_id", name=op.f("pk_router_bindings")),
    )
    op.create_index(op.f("ix_router_bindings_agent_id"), "router_bindings", ["agent_id"])


def downgrade() -> None:
    op.drop_table("router_bindings")
