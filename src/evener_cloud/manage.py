"""`evener-db-manage`, for the tables of both roots; see `evener.store.manage`, `evener.importing` for `import`.

It must not bring tables back under a standalone that runs.
"""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from oslo_config import cfg

from evener import daemon
from evener.store import manage
from evener.store.database import Database
from evener.store.schema import OWN
from evener_cloud import config as cloud
from evener_cloud.all_tables import metadata

VERSIONS = Path(__file__).parent / "migrations" / "versions"
CLOUD = manage.Tree(VERSIONS, "alembic_version_cloud", frozenset(metadata.tables) - OWN)
TREES = (manage.LOAD_BALANCING, CLOUD)
OF_BACKUPS = ("backup", "restore", "move")  # see `evener_cloud.backup`


def upgrade(database: Database) -> None:
    """Bring all tables of `database` to the last revisions; see `evener.store.manage.upgrade`."""
    manage.upgrade(database, TREES)


def main() -> None:
    """Run the program."""
    command, arguments = _command(sys.argv[1:]), [*sys.argv[1:]]
    if command == "import":
        from evener.importing import command as importing
        from evener_cloud.importing import standalone

        arguments.remove(command)
        sys.exit(importing.main(arguments, standalone))
    elif command in OF_BACKUPS:
        from evener_cloud.backup import command as backup

        arguments.remove(command)
        backup.main(command, arguments)
    else:
        manage.main(TREES, stopped if command == "downgrade" else nullcontext)


def _command(arguments: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor the value of one."""
    left = iter(arguments)
    for each in left:
        if each == "--config-file":
            next(left, None)
        elif not each.startswith("-"):
            return each
    return None


def stopped(conf: cfg.ConfigOpts) -> AbstractContextManager[object]:
    """Have no standalone run meanwhile on this state, where one ever has.

    Raises:
        SystemExit: where one runs.
    """
    lock = cloud.standalone_lock(conf)
    if not lock.exists():
        return nullcontext()
    return daemon.only_one(lock, f"{manage.PROGRAM}: evener-standalone runs on {lock.parent}: stop it first")
