"""How many agents serve a load balancer, which of two is called, and the ports that these have of their own."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "evener_3"
down_revision = "evener_2"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    with op.batch_alter_table("loadbalancers") as batch:
        batch.add_column(
            sa.Column("topology", string(32), nullable=False, server_default=sa.text("'SINGLE'"))
        )
    with op.batch_alter_table("bindings") as batch:
        batch.add_column(sa.Column("has_vip", sa.Boolean(), nullable=True))
    op.create_table(
        "host_ports",
        sa.Column(
            "loadbalancer_id",
            string(36),
            sa.ForeignKey("loadbalancers.id", ondelete="CASCADE", name="fk_host_ports_loadbalancer_id"),
            primary_key=True,
        ),
        sa.Column("role", string(32), primary_key=True),
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("address", string(64), nullable=False),
        sa.PrimaryKeyConstraint("loadbalancer_id", "role", name="pk_host_ports"),
    )


def downgrade() -> None:
    op.drop_table("host_ports")
    with op.batch_alter_table("bindings") as batch:
        batch.drop_column("has_vip")
    with op.batch_alter_table("loadbalancers") as batch:
        batch.drop_column("topology")
