"""Room in a load balancer's row for what its agents have applied, and where orders by its statuses look."""

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "evener_7"
down_revision = "evener_6"
branch_labels = None
depends_on = None
phase = "expand"

NAME = "ix_loadbalancers_standing"
STANDING = [
    *("project_id", "created_at", "id", "generation", "created_generation", "deleted_generation"),
    *("reached_generation", "failing_generation", "admin_state_up"),
]
BEFORE = [
    *("project_id", "id", "generation", "created_generation", "deleted_generation", "admin_state_up"),
    "created_at",
]
ADDED = {"reached_generation": sa.Integer(), "failing_generation": sa.Integer(), "standing": string(32)}
WALKED = (["project_id", "standing", "created_at", "id"], ["standing", "created_at", "id"])


def upgrade() -> None:
    op.drop_index(NAME, "loadbalancers")
    for name, kind in ADDED.items():
        op.add_column("loadbalancers", sa.Column(name, kind, nullable=True))
    for columns in WALKED:
        op.create_index(f"ix_loadbalancers_{'_'.join(columns)}", "loadbalancers", columns)
    # The last: SQLite reads by that one where nothing is in order.
    op.create_index(NAME, "loadbalancers", STANDING)


def downgrade() -> None:
    for columns in WALKED:
        op.drop_index(f"ix_loadbalancers_{'_'.join(columns)}", "loadbalancers")
    op.drop_index(NAME, "loadbalancers")
    with op.batch_alter_table("loadbalancers") as batch:
        for name in ADDED:
            batch.drop_column(name)
    op.create_index(NAME, "loadbalancers", BEFORE)
