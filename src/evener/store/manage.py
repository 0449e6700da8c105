"""Brings a database to a revision of the tables, and writes new revisions. The program is `evener_cloud.manage`.

Each root has a tree of revisions of its own, for its own tables, with a table of its own that says where it is.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import MigrationScript
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError
from oslo_config import cfg
from sqlalchemy import Connection

from evener import config
from evener.store import schema
from evener.store.database import Database

PROGRAM = "evener-db-manage"
NOWHERE: Mapping[str, str] = MappingProxyType({})
MIGRATIONS = Path(__file__).parent / "migrations"  # how all trees are run
USAGE = """usage: evener-db-manage [--config-file FILE] COMMAND

  upgrade [REVISION]     bring the database to REVISION (head: the last of each tree)
  upgrade --expand       add what the new programs need, while the old ones go on
  upgrade --contract     then, once all programs are the new ones, remove what only the old ones needed
  downgrade REVISION     bring it back to REVISION (base: no tables), or say what rows would lose on the way
  downgrade REVISION --yes  bring it back whatever they lose
  current                print the revisions the database is at
  history                list all revisions
  check                  fail when tables and migrations differ
  backup FILE            write the database, the keys and the agent's journal into FILE, while all runs
  restore FILE           put back what a backup holds, while nothing runs
  move URL               copy everything into another, empty database, while nothing runs
  import …               bring load balancers of Neutron-LBaaS or Octavia over (import --help)
  revision MESSAGE       write a migration from what differs (for developers)"""


@dataclass(frozen=True, slots=True)
class Tree:
    """The revisions in a directory, the table that says which one a database is at, and the tables they are of."""

    versions: Path
    version_table: str
    tables: frozenset[str]


LOAD_BALANCING = Tree(MIGRATIONS / "versions", "alembic_version", schema.OWN)


# What a migration says of itself as `phase`; one that says nothing expands. It leaves all that older programs read and
# write as it was: nothing is dropped, renamed, or needed of new rows.
EXPAND, CONTRACT = "expand", "contract"
PHASES = {f"--{phase}": phase for phase in (EXPAND, CONTRACT)}
YES = "--yes"


class ExpandFirst(CommandError):
    """What programs of this version need is not there yet."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"revision {revision} comes before: run upgrade --expand, and start the new programs"
        )


class UnknownRevision(CommandError):
    """A database is at a revision that this version does not have."""

    def __init__(self, revision: str, ours: str) -> None:
        super().__init__(
            f"it has the tables of another Evener (revision {revision}). Where that is a newer one, install it, or have"
            f" it go back: evener-db-manage downgrade {ours}. Where it is one from before the first release, start with"
            " an empty database: its tables are not read any more"
        )


def _alembic(connection: Connection | None, tree: Tree) -> Config:
    alembic = Config(stdout=sys.stdout)
    alembic.set_main_option("script_location", _quoted(MIGRATIONS))
    alembic.set_main_option("version_locations", _quoted(tree.versions))
    alembic.set_main_option("path_separator", "newline")
    alembic.attributes.update(connection=connection, tree=tree)
    return alembic


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%%")


def _revisions(alembic: Config) -> frozenset[str]:
    return frozenset(each.revision for each in ScriptDirectory.from_config(alembic).walk_revisions())


def _head(alembic: Config) -> str:
    return ScriptDirectory.from_config(alembic).get_current_head() or ""


def _checked(connection: Connection, trees: Iterable[Tree]) -> list[Config]:
    """Return how each tree is run, once the database is at none or at one of its revisions.

    Raises:
        UnknownRevision: when it is at another one.
    """
    found = []
    for tree in trees:
        alembic = _alembic(connection, tree)
        for revision in set(_at(connection, tree.version_table)) - _revisions(alembic):
            raise UnknownRevision(revision, _head(alembic))
        found.append(alembic)
    return found


def phase_of(script: Script) -> str:
    """Return whether a revision expands or contracts."""
    return str(getattr(script.module, "phase", EXPAND))


def _pending(alembic: Config) -> list[Script]:
    """Return the revisions that the database lacks, in their order."""
    at = _at(alembic.attributes["connection"], alembic.attributes["tree"].version_table)
    scripts = ScriptDirectory.from_config(alembic)
    return [*scripts.iterate_revisions("heads", at or "base")][::-1]


def _upgrade(alembic: Config, revision: str) -> None:
    """Bring a tree to a revision, or as far as one of `PHASES` goes.

    An expansion that comes after a contraction is a later version's: it waits until this version's is whole.

    Raises:
        ExpandFirst: when it is to contract before it is expanded.
    """
    if revision not in PHASES:
        command.upgrade(alembic, revision)
        return
    phase, pending = PHASES[revision], _pending(alembic)
    if phase == EXPAND:
        pending = [*takewhile(lambda script: phase_of(script) == EXPAND, pending)]
    elif pending and phase_of(pending[0]) == EXPAND:
        raise ExpandFirst(pending[0].revision)
    if pending:
        command.upgrade(alembic, pending[-1].revision)


def upgrade(database: Database, trees: Sequence[Tree] = (LOAD_BALANCING,)) -> None:
    """Bring the tables of `database` to the last revisions; two programs doing it at once end with the same tables.

    Raises:
        UnknownRevision: when another Evener has been there.
    """
    with database.migrate() as tx:
        reach(tx.connection, trees)


def reach(connection: Connection, trees: Sequence[Tree], standing: Mapping[str, str] = NOWHERE) -> None:
    """Bring tables up to what `standing` says of each tree, by its version table; else to the last revision.

    Raises:
        UnknownRevision: when another Evener has been there.
    """
    for alembic in _checked(connection, trees):
        command.upgrade(alembic, standing.get(alembic.attributes["tree"].version_table, "head"))


def downgrade(connection: Connection, trees: Sequence[Tree], revision: str) -> None:
    """Bring tables back to `revision`, whatever rows lose; see `evener.store.losses`."""
    for alembic in reversed(_having(_checked(connection, trees), revision)):  # the later refer to the earlier
        command.downgrade(alembic, revision)


def standing(connection: Connection, trees: Sequence[Tree]) -> dict[str, str]:
    """Return the revision that each tree is at, by its version table; those without tables are left out."""
    at = {tree.version_table: _at(connection, tree.version_table) for tree in trees}
    return {table: revisions[0] for table, revisions in at.items() if revisions}


def last(trees: Sequence[Tree]) -> dict[str, str]:
    """Return the last revision of each tree, by its version table."""
    return {tree.version_table: _head(_alembic(None, tree)) for tree in trees}


def unknown(revisions: Iterable[str], trees: Sequence[Tree]) -> list[str]:
    """Return those of `revisions` that this version does not have."""
    known = frozenset().union(*(_revisions(_alembic(None, tree)) for tree in trees))
    return sorted(set(revisions) - known)


def behind(database: Database, trees: Sequence[Tree] = (LOAD_BALANCING,)) -> bool:
    """Return whether `database` lacks revisions that this version needs: all but contractions.

    Raises:
        UnknownRevision: when another Evener has been there.
    """
    with database.read() as tx:
        missing = (script for alembic in _checked(tx.connection, trees) for script in _pending(alembic))
        return any(phase_of(script) == EXPAND for script in missing)


def _at(connection: Connection, version_table: str) -> tuple[str, ...]:
    return MigrationContext.configure(connection, opts={"version_table": version_table}).get_current_heads()


def main(
    trees: Sequence[Tree] = (LOAD_BALANCING,),
    alone: Callable[[cfg.ConfigOpts], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Run the program, `alone` where nobody else may; exits 1 with the usage for a command that does not exist."""
    if {"-h", "--help"}.intersection(sys.argv[1:]):
        sys.stdout.write(f"{USAGE}\n")
        return
    options = [each for each in sys.argv[1:] if each.startswith("--") and each not in {*PHASES, YES}]
    words = [each for each in sys.argv[1:] if each not in options]
    if "--config-file" in options:
        position = sys.argv.index("--config-file")
        options = sys.argv[position : position + 2]
        words = [w for w in sys.argv[1:] if w not in options]
    if not words and "--version" not in options:
        sys.exit(USAGE)
    conf = config.load(options, PROGRAM)
    config.state_path(conf).mkdir(mode=0o755, parents=True, exist_ok=True)
    database = Database(config.database_url(conf))
    try:
        with alone(conf), database.migrate() as tx:
            _run(tx.connection, trees, words)
    except CommandError as error:
        sys.exit(f"{PROGRAM}: {error}")
    finally:
        database.close()


# What is done with every tree, whatever it is at.
OF_ALL: Mapping[str, Callable[[Config], object]] = {
    "current": command.current,
    "history": command.history,
    "check": command.check,
}


def _run(connection: Connection, trees: Sequence[Tree], words: list[str]) -> None:
    all_trees = _checked(connection, trees)
    match words:
        case ["upgrade", *rest]:
            revision = rest[0] if rest else "head"
            for alembic in _having(all_trees, revision):
                _upgrade(alembic, revision)
        case ["downgrade", revision] | ["downgrade", revision, "--yes"] | ["downgrade", "--yes", revision]:
            _say_losses(connection, trees, revision, agreed=YES in words)
            downgrade(connection, trees, revision)
        case ["revision", message]:
            for alembic in all_trees:
                command.revision(alembic, message, autogenerate=True, process_revision_directives=_if_any)
        case [word] if word in OF_ALL:
            for alembic in all_trees:
                OF_ALL[word](alembic)
        case _:
            sys.exit(USAGE)


def _say_losses(connection: Connection, trees: Sequence[Tree], revision: str, *, agreed: bool) -> None:
    """Say what the way back loses, and end here where that is not agreed to."""
    from evener.store.losses import losses  # which needs this module

    lost = losses(connection, trees, revision)
    if lost:
        sys.stdout.write(f"The tables of {revision} have no room for:\n")
        sys.stdout.writelines(f"  {each}\n" for each in lost)
        if not agreed:
            sys.exit(
                f"{PROGRAM}: nothing is changed. {YES} goes back without these; {PROGRAM} backup FILE keeps them"
            )


def _if_any(_context: object, _revision: object, written: list[MigrationScript]) -> None:
    """Write no migration where nothing differs."""
    if written[0].upgrade_ops is not None and written[0].upgrade_ops.is_empty():
        written.clear()


def _having(all_trees: Sequence[Config], revision: str) -> list[Config]:
    """Return the trees that a revision is of: all, where none has one of that name."""
    return [each for each in all_trees if revision in _revisions(each)] or list(all_trees)
