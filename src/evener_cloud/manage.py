"""`evener-db-manage`, for the tables of both roots; see `evener.store.manage`."""

from pathlib import Path

from evener.store import manage
from evener.store.database import Database
from evener.store.schema import OWN
from evener_cloud.all_tables import metadata

VERSIONS = Path(__file__).parent / "migrations" / "versions"
CLOUD = manage.Tree(VERSIONS, "alembic_version_cloud", frozenset(metadata.tables) - OWN)
TREES = (manage.LOAD_BALANCING, CLOUD)


def upgrade(database: Database) -> None:
    """Bring all tables of `database` to the last revisions; see `evener.store.manage.upgrade`."""
    manage.upgrade(database, TREES)


def main() -> None:
    """Run the program."""
    manage.main(TREES)
