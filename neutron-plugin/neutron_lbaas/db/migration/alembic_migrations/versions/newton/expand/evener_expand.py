"""What is done while Neutron runs: nothing; `neutron-db-manage` expects the branch.

Revision ID: evener_expand
"""

revision = "evener_expand"
down_revision = "start_evener"
branch_labels = ("expand",)


def upgrade() -> None:
    """Do nothing: Evener's tables are its own, and elsewhere."""
