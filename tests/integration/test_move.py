"""A database moves to another kind: every table and row as it was, or nothing."""

from pathlib import Path

import pytest
from kept_site import Site, execute, full, site
from made_rows import ROWS, rows
from sqlalchemy import create_engine, inspect

from evener import daemon
from evener.store import manage as store
from evener.store import moving
from evener.store.database import Database
from evener_cloud import manage
from evener_cloud.all_tables import metadata

__all__ = ["full", "site"]


def test_every_row_of_every_table_comes_over(
    site: Site, database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "ROWS_AT_ONCE", 2)
    before = rows(site.url)
    assert {len(found) for name, found in before.items() if name != "database_identity"} == {ROWS}
    site.run("move", database_url)
    said = capsys.readouterr().out
    assert f"{ROWS:8} loadbalancers\n" in said
    assert f"{ROWS * (len(metadata.tables) - 1) + 1:8} rows are there" in said
    assert rows(database_url) == before  # whose name came over too
    assert rows(site.url) == before

    with pytest.raises(SystemExit, match=r"is not empty: 3 rows in \w+"):
        site.run("move", database_url)
    assert rows(database_url) == before


@pytest.mark.root
def test_what_another_database_does_not_take_whole_it_does_not_take_at_all(
    site: Site, database_url: str
) -> None:
    if "sqlite" in database_url:
        return  # takes names of any length
    site.execute("UPDATE members SET name = :name", name="x" * 256)
    with pytest.raises(SystemExit, match="does not take the rows of members"):
        site.run("move", database_url)
    site.execute("UPDATE members SET name = :name", name="x" * 255)
    site.run("move", database_url)
    assert rows(database_url) == rows(site.url)


def test_other_tables_are_left_alone(site: Site, database_url: str) -> None:
    execute(database_url, "CREATE TABLE accounts (id INTEGER)")
    with pytest.raises(SystemExit, match="tables of something else, such as accounts"):
        site.run("move", database_url)
    execute(database_url, "DROP TABLE accounts")
    other = Database(database_url)
    with other.migrate() as tx:
        store.reach(tx.connection, manage.TREES, {"alembic_version": "evener_3"})
    other.close()
    with pytest.raises(SystemExit, match="tables of another version"):
        site.run("move", database_url)
    assert set(inspect(create_engine(database_url)).get_table_names()) & {"events", "accounts"} == set()


def test_nothing_moves_from_under_a_standalone_or_from_older_tables(site: Site, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'other.sqlite'}"
    with (
        daemon.only_one(site.state / "standalone.pid", ""),
        pytest.raises(SystemExit, match=r"evener-standalone runs on .*: stop it first"),
    ):
        site.run("move", target)
    site.run("downgrade", "evener_3", "--yes")
    with pytest.raises(SystemExit, match="evener-db-manage upgrade first"):
        site.run("move", target)
    for wrong in ("nonsense", "nonsense://host/x"):
        with pytest.raises(SystemExit, match="leads to no database"):
            site.run("move", wrong)
