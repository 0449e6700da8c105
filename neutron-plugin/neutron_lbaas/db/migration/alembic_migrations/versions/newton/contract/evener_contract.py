"""What is done while Neutron is stopped: nothing; `neutron-db-manage` expects the branch.

Revision ID: evener_contract
"""

revision = "evener_contract"
down_revision = "start_evener"
branch_labels = ("contract",)


def upgrade() -> None:
    """Do nothing: Evener's tables are its own, and elsewhere."""
