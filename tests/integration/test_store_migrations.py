"""Migrations on each kind of database: the same tables as the descriptions make, there and back."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import inspect, text

from evener.store import manage
from evener.store.all_tables import metadata
from evener.store.database import Database

PROGRAM = Path(sys.executable).with_name("evener-db-manage")

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


@pytest.fixture
def managed(database_url: str, tmp_path: Path) -> Managed:
    return Managed(database_url, tmp_path)


def test_migrations_lead_to_the_described_tables_and_back(managed: Managed) -> None:
    managed.run("upgrade", "head")
    assert managed.tables() == {*metadata.tables, "alembic_version"}
    managed.run("check")
    migrated = managed.shape()
    managed.run("upgrade")  # again changes nothing
    managed.run("downgrade", "base")
    assert managed.tables() == {"alembic_version"}
    database = Database(managed.url)
    metadata.create_all(database.engine)
    database.close()
    described = managed.shape()
    assert {name: described[name] for name in metadata.tables} == {
        name: migrated[name] for name in metadata.tables
    }


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
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    assert run("upgrade", "head").returncode == 0
    assert "(head)" in run("current").stdout
    for words in ((), ("nonsense",), ("downgrade",)):
        refused = run(*words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("usage: evener-db-manage")
