"""Ports of their users' that are VIPs of load balancers."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "cloud_2"
down_revision = "cloud_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "adopted_ports",
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("device_owner", string(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name="fk_adopted_ports_port_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("port_id", name="pk_adopted_ports"),
        sa.UniqueConstraint("loadbalancer_id", name="uq_adopted_ports_loadbalancer_id"),
    )


def downgrade() -> None:
    op.drop_table("adopted_ports")
