"""Where both branches begin.

Revision ID: start_evener
"""

revision = "start_evener"
down_revision = None


def upgrade() -> None:
    """Do nothing: Evener's tables are its own, and elsewhere."""
