"""`evener-db-manage`, for the tables of both roots; see `evener.store.manage`, and `evener.importing` for `import`."""

import sys
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
    words = [each for each in sys.argv[1:] if each != "--config-file"]
    if "import" in words[:2]:  # the command, alone or behind the file of settings
        from evener.importing import command
        from evener_cloud.importing import standalone

        arguments = sys.argv[1:]
        arguments.remove(command.COMMAND)
        sys.exit(command.main(arguments, standalone))
    manage.main(TREES)
