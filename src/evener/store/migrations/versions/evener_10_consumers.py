"""Whose registration with the secret service is not certain."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "evener_10"
down_revision = "evener_9"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "consumer_notes",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("ref", string(512), nullable=False),
        sa.Column("resource_type", string(32), nullable=False),
        sa.Column("resource_id", string(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consumer_notes"),
    )


def downgrade() -> None:
    op.drop_table("consumer_notes")
