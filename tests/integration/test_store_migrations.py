"""Migrations on each kind of database: the same tables as the descriptions make, there and back."""

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import (
    Column,
    MetaData,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)

from evener.store import losses
from evener.store import manage as store
from evener.store.database import Database
from evener.store.schema import OWN
from evener_cloud import manage
from evener_cloud.all_tables import metadata

VERSION_TABLES = {tree.version_table for tree in manage.TREES}
PROGRAM = Path(sys.executable).with_name("evener-db-manage")

# Tables of the first revision with what refers to them.
FROM_THE_FIRST = {
    "loadbalancers",
    "listeners",
    "pools",
    "members",
    "healthmonitors",
    "bindings",
    "member_health",
}

# A default in the database is for rows that are older than their column.
OF_NO_MATTER = ("comment", "default")


class Managed:
    """A database, and `evener-db-manage` for it."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.conf = home / "evener.conf"
        quoted = url.replace("$", "$$")
        self.conf.write_text(f"[DEFAULT]\nstate_path = {home}\n[database]\nconnection = {quoted}\n")

    def run(self, *words: str) -> None:
        """Run the program in this process, which takes it a second less to start."""
        arguments = ["evener-db-manage", "--config-file", str(self.conf), *words]
        with mock.patch.object(sys, "argv", arguments):
            manage.main()

    def tables(self) -> set[str]:
        """Return the names of the tables there are."""
        database = Database(self.url)
        try:
            return set(inspect(database.engine).get_table_names())
        finally:
            database.close()

    def shape(self) -> dict[str, object]:
        """Return all that can be told of the tables: columns, keys and indexes."""
        database = Database(self.url)
        inspector = inspect(database.engine)
        try:
            return {name: self._shape_of(inspector, name) for name in inspector.get_table_names()}
        finally:
            database.close()

    @staticmethod
    def _shape_of(inspector: object, name: str) -> object:
        def plain(found: object) -> list[str]:
            entries = found if isinstance(found, list) else [found]
            return sorted(
                str(sorted((key, str(value)) for key, value in entry.items() if key not in OF_NO_MATTER))
                for entry in entries
            )

        calls = (
            "get_columns",
            "get_pk_constraint",
            "get_foreign_keys",
            "get_indexes",
            "get_unique_constraints",
        )
        return {call: plain(getattr(inspector, call)(name)) for call in calls}


def fill(url: str) -> None:
    """Put a row into every table that has none."""
    engine = create_engine(url)
    found = MetaData()
    found.reflect(engine)
    with engine.begin() as connection:
        for table in found.sorted_tables:
            if table.name in VERSION_TABLES or connection.scalar(select(func.count()).select_from(table)):
                continue
            connection.execute(insert(table).values({each.name: _any(each) for each in table.columns}))
    engine.dispose()


def _any(column: Column[Any]) -> object:
    if column.foreign_keys and column.nullable:
        return None  # of its own table, where there is none yet
    values = {datetime: datetime(2026, 1, 2), int: 1, bool: True, bytes: b"x"}  # noqa: DTZ001 - as tables have it
    return values.get(column.type.python_type, "1")  # which is JSON, too


def count(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return rows


def revisions() -> list[str]:
    """Return the names of all revisions, in the order of `scripts`."""
    return [script.revision for script in scripts()]


def scripts() -> list[Script]:
    """Return the revisions from the first to the last, those of load balancing before those that refer to it."""
    found: list[Script] = []
    for tree in manage.TREES:
        alembic = Config()
        alembic.set_main_option("script_location", str(store.MIGRATIONS))
        alembic.set_main_option("version_locations", str(tree.versions))
        alembic.set_main_option("path_separator", "newline")
        found += reversed(list(ScriptDirectory.from_config(alembic).walk_revisions()))
    return found


losses._there_and_back = functools.cache(losses._there_and_back)  # the same for each kind of database


@pytest.fixture
def managed(database_url: str, tmp_path: Path) -> Managed:
    return Managed(database_url, tmp_path)


def test_migrations_lead_to_the_described_tables_and_back(managed: Managed) -> None:
    managed.run("upgrade", "head")
    assert managed.tables() == {*metadata.tables, *VERSION_TABLES}
    managed.run("check")
    migrated = managed.shape()
    managed.run("upgrade")  # again changes nothing
    managed.run("downgrade", "base", "--yes")
    assert managed.tables() == VERSION_TABLES
    database = Database(managed.url)
    metadata.create_all(database.engine)
    database.close()
    described = managed.shape()
    assert {name: described[name] for name in metadata.tables} == {
        name: migrated[name] for name in metadata.tables
    }


def test_every_migration_takes_a_database_with_rows_there_and_back(managed: Managed) -> None:
    for revision in revisions():
        managed.run("upgrade", revision)
        fill(managed.url)
    filled = count(managed.url)
    assert set(filled.values()) == {1}
    managed.run("check")
    after = contents(managed.url)
    for revision in reversed(revisions()[:-1]):
        managed.run("downgrade", revision, "--yes")
        before, after = after, contents(managed.url)
        for table, rows in after.items():
            names = [name for name in rows[0] if f"{table}.{name}" not in losses.KEPT]
            then, now = ([[row[name] for name in names] for row in each] for each in (before[table], rows))
            assert now == then, (revision, table)
    managed.run("upgrade")
    kept = {name for name, rows in count(managed.url).items() if rows}
    assert kept >= FROM_THE_FIRST  # and what refers to a table that was made anew


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the tables there are."""
    engine, found = create_engine(url), MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        rows = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in found.sorted_tables
            if table.name not in VERSION_TABLES
        }
    engine.dispose()
    return rows


def test_a_way_back_says_what_it_loses_and_goes_when_told_to(
    managed: Managed, capsys: pytest.CaptureFixture[str]
) -> None:
    managed.run("upgrade")
    managed.run("downgrade", "evener_3")  # which loses nothing
    managed.run("upgrade")
    fill(managed.url)
    engine = create_engine(managed.url)
    with engine.begin() as connection:  # as in rows that are older than these columns, or than a rule
        connection.execute(text("UPDATE bindings SET number = 1, role = 'STANDALONE'"))
        connection.execute(text("UPDATE members SET subnet_id = NULL, tags = '[]'"))
    engine.dispose()
    before = contents(managed.url)
    capsys.readouterr()
    for revision, lost in LOST.items():
        with pytest.raises(SystemExit, match="nothing is changed"):
            managed.run("downgrade", revision)
        said = capsys.readouterr().out
        assert {line for line in lost if f"  {line}: 1 row\n" not in said} == set()
        assert {line for line in KEPT if line in said} == set()
        assert contents(managed.url) == before
    managed.run("downgrade", "evener_1", "--yes")
    assert "  events: 1 row\n" in capsys.readouterr().out
    assert contents(managed.url)["members"][0]["subnet_id"] == before["loadbalancers"][0]["vip_subnet_id"]


LOST: dict[str, set[str]] = {
    "evener_3": {"events", "leases"},
    "cloud_1": {"adopted_ports"},
    "evener_1": {
        *("events", "host_ports", "loadbalancers.topology", "pools.tags", "members.backup"),
        *("bindings.created_at", "members.subnet_id, which get one"),
    },
}
KEPT = {"bindings.number", "bindings.role", "members.tags", "members.address"}


MADE_UNIQUE = {"evener_2"}  # before it was a rule
UNMARKED = {"evener_1", "cloud_1", "evener_2", "cloud_2"}
Columns = dict[str, tuple[dict[str, str], set[str], set[str]]]


def columns(url: str) -> Columns:
    """Return of each table its columns with their types, those that a new row has to name, and what is unique."""
    engine = create_engine(url)
    inspector = inspect(engine)
    found: Columns = {}
    for table in set(inspector.get_table_names()) - VERSION_TABLES:
        there = inspector.get_columns(table)
        needed = {each["name"] for each in there if not each["nullable"] and each.get("default") is None}
        unique = {str(sorted(each["column_names"])) for each in inspector.get_unique_constraints(table)}
        found[table] = {each["name"]: str(each["type"]) for each in there}, needed, unique
    engine.dispose()
    return found


def test_what_expands_leaves_all_that_older_programs_read_and_write(managed: Managed) -> None:
    before: Columns = {}
    for script in scripts():
        managed.run("upgrade", script.revision)
        after = columns(managed.url)
        expands = store.phase_of(script) == store.EXPAND
        for table, (there, needed, unique) in before.items() if expands else ():
            now, needed_now, unique_now = after[table]
            assert there.items() <= now.items(), script.revision
            assert needed_now <= needed, script.revision
            assert unique_now <= unique or script.revision in MADE_UNIQUE, script.revision
        before = after


def test_a_migration_says_of_which_phase_it_is() -> None:
    later = [each for each in scripts() if each.revision not in UNMARKED]
    assert all(each.module.phase in store.PHASES.values() for each in later)


MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on, phase = {name!r}, {after!r}, None, None, {phase!r}
def upgrade():
    {change}
"""
ADD = "op.add_column('pools', sa.Column({!r}, sa.Integer()))"


def test_tables_are_expanded_under_old_programs_and_contracted_once_all_are_new(managed: Managed) -> None:
    managed.run("upgrade", "head")
    fill(managed.url)
    versions = managed.conf.parent / "migrations"
    shutil.copytree(store.LOAD_BALANCING.versions, versions)
    trees = (replace(store.LOAD_BALANCING, versions=versions), *manage.TREES[1:])
    database = Database(managed.url)

    def write(name: str, after: str, phase: str, change: str) -> None:
        (versions / f"{name}.py").write_text(MIGRATION.format_map(locals()))

    def state() -> tuple[bool, set[str], int]:
        added = set(columns(managed.url)["pools"][0]) & {"new", "later"}
        return store.behind(database, trees), added, count(managed.url)["bindings"]

    with mock.patch.object(manage, "TREES", trees):
        last = next(each.revision for each in reversed(scripts()) if each.revision.startswith("evener"))
        write("new", last, store.EXPAND, ADD.format("new"))
        write("gone", "new", store.CONTRACT, "op.execute('DELETE FROM bindings')")
        assert state() == (True, set(), 1)
        with pytest.raises(SystemExit, match="revision new comes before: run upgrade --expand"):
            managed.run("upgrade", "--contract")
        for _ in range(2):
            managed.run("upgrade", "--expand")
            assert state() == (False, {"new"}, 1)
        write("later", "gone", store.EXPAND, ADD.format("later"))
        managed.run("upgrade", "--expand")  # the version before is not whole yet
        assert state() == (True, {"new"}, 1)
        managed.run("upgrade", "--contract")
        assert state() == (False, {"new", "later"}, 0)
    database.close()


ADDED = """
import sys
from dataclasses import replace
from pathlib import Path
from sqlalchemy import Boolean, Column, Integer
from evener.store import manage
from evener_cloud.all_tables import metadata
from evener.store.schema import string, timestamp

for number, kind in enumerate((Boolean, Integer, string(8), timestamp())):
    metadata.tables["pools"].append_column(Column(f"added_{number}", kind, nullable=False))
tree = replace(manage.LOAD_BALANCING, versions=Path(sys.argv.pop(1)))
for words in (["revision", "more"], ["upgrade"]):
    sys.argv[3:] = words
    manage.main((tree,))
"""


def test_a_new_migration_gives_older_rows_something_in_columns_that_may_not_be_null(managed: Managed) -> None:
    managed.run("upgrade", "head")
    fill(managed.url)
    written = managed.conf.parent / "migrations"
    shutil.copytree(store.LOAD_BALANCING.versions, written)
    command = [sys.executable, "-c", ADDED, str(written), "--config-file", str(managed.conf)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    engine = create_engine(managed.url)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT added_0, added_1, added_2, added_3 FROM pools")).one()
    engine.dispose()
    assert [str(each) for each in row][1:3] == ["0", ""]
    assert not row.added_0
    assert str(row.added_3).startswith("1970-01-01")


def test_the_check_fails_where_a_table_differs(managed: Managed) -> None:
    managed.run("upgrade", "head")
    database = Database(managed.url)
    with database.write() as tx:
        tx.execute(text("ALTER TABLE pools ADD COLUMN forgotten INTEGER"))
    database.close()
    with pytest.raises(SystemExit, match="forgotten"):
        managed.run("check")


def test_the_program_is_run_by_its_name(tmp_path: Path) -> None:
    managed = Managed(f"sqlite:///{tmp_path / 'x.sqlite'}", tmp_path)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), "--config-file", str(managed.conf), *words],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    assert run("upgrade", "head").returncode == 0
    assert "(head)" in run("current").stdout
    for words in ((), ("nonsense",), ("downgrade",)):
        refused = run(*words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("usage: evener-db-manage")


def test_a_database_of_an_unknown_revision_is_refused_and_left_as_it_was(managed: Managed) -> None:
    managed.run("upgrade")
    engine = create_engine(managed.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0015'"))
    before = managed.shape()
    for words in (("upgrade",), ("downgrade", "base", "--yes"), ("check",)):
        with pytest.raises(SystemExit, match=r"revision 0015.*install it.*start with an empty database"):
            managed.run(*words)
    database = Database(managed.url)
    with pytest.raises(store.UnknownRevision):
        manage.upgrade(database)
    database.close()
    engine.dispose()
    assert managed.shape() == before


def test_load_balancing_has_its_tables_without_the_small_cloud(managed: Managed) -> None:
    database = Database(managed.url)
    store.upgrade(database)
    database.close()
    assert managed.tables() == {*OWN, store.LOAD_BALANCING.version_table}
