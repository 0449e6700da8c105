"""How many requests were read, where they are; agents of the version before do not say."""

import sqlalchemy as sa
from alembic import op

revision = "evener_6"
down_revision = "evener_5"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    with op.batch_alter_table("counters") as batch:
        batch.add_column(sa.Column("requests", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("counters") as batch:
        batch.drop_column("requests")
