"""A database server that hangs is found to be away within seconds, and there again as soon as it answers."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from cloud.parts import processes_of
from evener.store.database import Database
from evener.store.failures import Failure, failure_of
from waiting import eventually, patience

pytestmark = pytest.mark.root
AT_ONCE_S = 5.0  # for a hundred, of which each would have to wait for some seconds
FOUND_S = 10.0  # of which three are needed, on a machine with nothing else to do


def server_of(url: str) -> int:
    """Return the process that serves a database."""
    said = make_url(url).query
    if "host" in said:
        return int((Path(str(said["host"])) / "data" / "postmaster.pid").read_text().splitlines()[0])
    return int((Path(str(said["unix_socket"])).parent / "pid").read_text())


def tell(processes: Iterable[int], what: signal.Signals) -> None:
    """Send all of them a signal; some are there for a moment only."""
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, what)


@contextmanager
def hanging(url: str) -> Iterator[None]:
    """Have the server do nothing for as long as the block runs."""
    processes = processes_of(server_of(url))
    tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(processes, signal.SIGCONT)


def ask(database: Database) -> Failure | None:
    try:
        with database.read() as tx:
            tx.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return failure_of(error)
    return None


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_who_waits_for_a_server_that_hangs_learns_of_it_and_who_comes_is_refused_at_once(
    database_url: str,
) -> None:
    database = Database(database_url, watched=True)
    assert ask(database) is None
    found: list[Failure | None] = []
    waiting = threading.Thread(target=lambda: found.append(ask(database)))
    with hanging(database_url):
        waiting.start()
        waiting.join(FOUND_S * patience())
        assert found == [Failure.OUTAGE]
        begun = time.monotonic()
        assert [ask(database) for _ in range(100)] == [Failure.OUTAGE] * 100
        assert time.monotonic() - begun < AT_ONCE_S * patience()
    eventually(lambda: ask(database) is None, FOUND_S)
    database.close()
