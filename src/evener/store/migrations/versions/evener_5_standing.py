"""What statuses are derived from, with the age of a load balancer: Octavia's lists end every order with that."""

from alembic import op

revision = "evener_5"
down_revision = "evener_4"
branch_labels = None
depends_on = None
phase = "expand"

NAME = "ix_loadbalancers_standing"
BEFORE = ["project_id", "id", "generation", "created_generation", "deleted_generation", "admin_state_up"]


def upgrade() -> None:
    _made_anew([*BEFORE, "created_at"])


def downgrade() -> None:
    _made_anew(BEFORE)


def _made_anew(columns: list[str]) -> None:
    op.drop_index(NAME, "loadbalancers")
    op.create_index(NAME, "loadbalancers", columns)
