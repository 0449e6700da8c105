"""Who of several controllers does the housekeeping, and the how manieth agent it is that serves a load balancer."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

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


def downgrade() -> None:
    op.drop_table("leases")
    with op.batch_alter_table("bindings") as batch:
        batch.drop_column("number")
