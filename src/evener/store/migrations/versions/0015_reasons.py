"""Why a member is out, in the words of the agent that says so."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LONGEST = 255


def upgrade() -> None:
    text = sa.String(LONGEST).with_variant(
        mysql.VARCHAR(LONGEST, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )
    with op.batch_alter_table("member_health", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", text, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("member_health", schema=None) as batch_op:
        batch_op.drop_column("reason")
