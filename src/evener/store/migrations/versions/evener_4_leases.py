"""Who of several controllers does the housekeeping."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "evener_4"
down_revision = "evener_3"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", string(64), primary_key=True),
        sa.Column("holder", string(36), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def downgrade() -> None:
    op.drop_table("leases")
