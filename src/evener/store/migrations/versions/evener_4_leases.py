"""Who of several controllers does the housekeeping, the how manieth agent it is that serves, and what happened."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string, timestamp

revision = "evener_4"
down_revision = "evener_3"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    with op.batch_alter_table("bindings") as batch:
        batch.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.create_table(
        "leases",
        sa.Column("name", string(64), primary_key=True),
        sa.Column("holder", string(36), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "events",
        sa.Column("id", string(36), nullable=False),
        sa.Column("created_at", timestamp(), nullable=False),
        sa.Column("type", string(32), nullable=False),
        sa.Column("resource_type", string(255), nullable=False),
        sa.Column("resource_id", string(36), nullable=False),
        sa.Column("resource_name", string(255), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", string(2000), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("host", string(255), nullable=True),
        sa.Column("user_id", string(255), nullable=True),
        sa.Column("user_project_id", string(255), nullable=True),
        sa.Column("request_id", string(255), nullable=True),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index(
        "ix_events_loadbalancer_id_created_at_id", "events", ["loadbalancer_id", "created_at", "id"]
    )
    op.create_index("ix_events_created_at", "events", ["created_at"])


def downgrade() -> None:
    op.drop_table("events")
    op.drop_table("leases")
    with op.batch_alter_table("bindings") as batch:
        batch.drop_column("number")
