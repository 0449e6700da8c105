"""What a network is underneath: its type, and the physical network that it alone is on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def upgrade() -> None:
    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("network_type", string(32), nullable=False, server_default="local"))
        batch_op.add_column(sa.Column("physical_network", string(64), nullable=True))
        batch_op.create_unique_constraint("uq_networks_physical_network", ["physical_network"])


def downgrade() -> None:
    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.drop_constraint("uq_networks_physical_network", type_="unique")
        batch_op.drop_column("physical_network")
        batch_op.drop_column("network_type")
