"""Tags of what the Networking API has."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TAGGED = ("networks", "subnets", "ports", "routers", "floatingips", "security_groups")


def upgrade() -> None:
    for table in TAGGED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            none = sa.text("'[]'")
            batch_op.add_column(
                sa.Column("tags", sa.JSON(none_as_null=True), nullable=False, server_default=none)
            )


def downgrade() -> None:
    for table in TAGGED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("tags")
