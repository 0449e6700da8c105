"""`evener-db-manage`: brings a database to a revision of the tables, and writes new revisions."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from evener import config
from evener.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
USAGE = """usage: evener-db-manage [--config-file FILE] COMMAND

  upgrade [REVISION]     bring the database to REVISION (head)
  downgrade REVISION     bring it back to REVISION
  current                print the revision the database is at
  history                list all revisions
  check                  fail when tables and migrations differ
  revision MESSAGE       write a migration from what differs (for developers)"""


def _alembic(connection: Connection) -> Config:
    alembic = Config(stdout=sys.stdout)
    alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    alembic.attributes["connection"] = connection
    return alembic


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables of `database` to `revision`; two programs doing it at once end with the same tables."""
    with database.migrate() as tx:
        command.upgrade(_alembic(tx.connection), revision)


def main() -> None:
    """Run the program; exits 2 for a command that does not exist."""
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    words = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if "--config-file" in options:
        position = sys.argv.index("--config-file")
        options = sys.argv[position : position + 2]
        words = [w for w in sys.argv[1:] if w not in options]
    if not words and "--version" not in options:
        sys.exit(USAGE)
    conf = config.load(options, "evener-db-manage")
    config.state_path(conf).mkdir(mode=0o755, parents=True, exist_ok=True)
    database = Database(config.database_url(conf))
    try:
        _run(database, words)
    except CommandError as error:
        sys.exit(f"evener-db-manage: {error}")
    finally:
        database.close()


def _run(database: Database, words: list[str]) -> None:
    with database.migrate() as tx:
        alembic = _alembic(tx.connection)
        match words:
            case ["upgrade", *rest]:
                command.upgrade(alembic, rest[0] if rest else "head")
            case ["downgrade", revision]:
                command.downgrade(alembic, revision)
            case ["current"]:
                command.current(alembic)
            case ["history"]:
                command.history(alembic)
            case ["check"]:
                command.check(alembic)
            case ["revision", message]:
                command.revision(alembic, message=message, autogenerate=True)
            case _:
                sys.exit(USAGE)
