"""Where each change of a table is kept at once, an upgrade that is cut off is run again, and goes on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url
from test_store_migrations import FROM_THE_FIRST, Managed, count, fill

EACH = 4  # of the changes that have not been seen before
CHANGE = re.compile(r"\s*(CREATE|DROP|ALTER)\s")
MOST = 200


class CutOff(Exception):
    """The program has come no further."""


@contextmanager
def cut_off(database: str, seen: set[str]) -> Iterator[None]:
    """End whatever changes the tables of a database after some changes more than it was ever seen to make."""
    before = len(seen)

    def changed(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if connection.engine.url.database == database and CHANGE.match(statement):
            seen.add(statement)
            if len(seen) - before == EACH:
                raise CutOff

    event.listen(Engine, "after_cursor_execute", changed)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", changed)


def anyhow(managed: Managed, *words: str) -> None:
    """Run the program until it comes to its end."""
    seen: set[str] = set()
    database = str(make_url(managed.url).database)
    for _ in range(MOST):
        try:
            with cut_off(database, seen):
                managed.run(*words)
        except CutOff:
            continue
        return
    pytest.fail(f"It comes to no end: {words}")


@pytest.fixture
def uncut(database_url: str, tmp_path: Path) -> Managed:
    """Return the database at the last revision, with a row in each table."""
    managed = Managed(database_url, tmp_path)
    managed.run("upgrade", "head")
    return managed


@pytest.mark.parametrize("database_url", [pytest.param("mariadb", marks=pytest.mark.root)], indirect=True)
def test_each_way_ends_with_the_same_tables_however_often_it_is_cut_off(uncut: Managed) -> None:
    wanted = uncut.shape()
    fill(uncut.url)
    anyhow(uncut, "downgrade", "evener_1", "--yes")
    anyhow(uncut, "upgrade", "head")
    assert uncut.shape() == wanted
    assert {name for name, rows in count(uncut.url).items() if rows} >= FROM_THE_FIRST
    anyhow(uncut, "downgrade", "base", "--yes")
    anyhow(uncut, "upgrade", "head")
    assert uncut.shape() == wanted
