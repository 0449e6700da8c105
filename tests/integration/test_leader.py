"""Who of several controllers does the housekeeping: one at a time, whatever becomes of it, on each kind of database."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from evener.control.leader import ALONE, HELD_S, TAKEN_AFTER_S, Lease, NotLeading, only
from evener.store import departures
from evener.store.database import Database
from waiting import eventually

pytestmark = pytest.mark.timeout(600)
PROGRAM = Path(__file__).with_name("leading.py")
TAKEN_OVER_S = 10.0
PATIENCE_S = 60.0
TRIES = 3


class Controller:
    """A process that leads, or waits for it."""

    def __init__(self, url: str, said: Path) -> None:
        self._said = said
        with said.open("w") as out:
            self.process = subprocess.Popen([sys.executable, str(PROGRAM), url], stdout=out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> list[tuple[str, float]]:
        """What it has said, and when."""
        lines = [line.split() for line in self._said.read_text().splitlines()]
        return [(word, float(moment)) for word, moment in lines]

    @property
    def leads(self) -> bool:
        return bool(self.said) and self.said[-1][0] == "leads"


def for_a_while_one_leads(*controllers: Controller) -> bool:
    """Look for two seconds whether one leads and nothing changes: who pauses for longer loses the lead, rightly."""
    before = [each.said for each in controllers]
    time.sleep(2)
    return [each.said for each in controllers] == before and [each.leads for each in controllers].count(
        True
    ) == 1


@contextmanager
def two(database_url: str, directory: Path) -> Iterator[list[Controller]]:
    """Run two controllers; yield who leads first."""
    directory.mkdir()
    with (
        Controller(database_url, directory / "one") as one,
        Controller(database_url, directory / "two") as other,
    ):
        eventually(lambda: for_a_while_one_leads(one, other), PATIENCE_S)
        yield sorted((one, other), key=lambda each: not each.leads)


@pytest.mark.usefixtures("database")
def test_another_one_leads_within_ten_seconds_of_the_leader_s_death(
    database_url: str, tmp_path: Path
) -> None:
    took_s: list[float] = []
    while not took_s or (took_s[-1] >= TAKEN_OVER_S and len(took_s) < TRIES):  # the machine may have paused
        with two(database_url, tmp_path / f"{len(took_s)}") as (leader, other):
            leader.process.kill()
            died = time.monotonic()
            eventually(lambda other=other: other.leads, PATIENCE_S)
            took_s.append(other.said[-1][1] - died)
    assert took_s[-1] < TAKEN_OVER_S


@pytest.mark.usefixtures("database")
def test_a_leader_that_is_stopped_leads_no_more_when_it_goes_on(database_url: str, tmp_path: Path) -> None:
    with two(database_url, tmp_path / "two") as (leader, other):
        leader.process.send_signal(signal.SIGSTOP)
        eventually(lambda: other.leads, PATIENCE_S)
        said = len(leader.said)
        leader.process.send_signal(signal.SIGCONT)
        eventually(lambda: len(leader.said) > said)
        assert leader.said[said][0] == "ends"
        eventually(lambda: for_a_while_one_leads(leader, other), PATIENCE_S)


@pytest.fixture
def clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lease is over, however slow the machine is."""
    monkeypatch.setattr("evener.control.leader.time", SimpleNamespace(monotonic=lambda: 1000.0))


@pytest.mark.usefixtures("clock_stands")
def test_what_a_leader_does_that_is_none_any_more_does_not_come_true(database: Database) -> None:
    old, new = Lease(database), Lease(database)
    old.renew()
    assert (old.leads(), new.leads()) == (True, False)
    with database.write() as tx:
        old.fence(tx)
    old.resign()
    new.renew()
    assert (old.leads(), new.leads()) == (False, True)

    def do() -> None:
        with database.write() as tx:
            departures.note(tx, ["load balancer"])
            old.fence(tx)

    with pytest.raises(NotLeading):
        do()
    with database.read() as tx:
        assert not departures.among(tx, ["load balancer"])
    done: list[int] = []
    for lease in (old, new, ALONE):
        only(lease, lambda: done.append(1))()
    assert len(done) == 2


@pytest.mark.usefixtures("clock_stands")
def test_of_many_that_begin_at_once_one_leads(database: Database) -> None:
    many = [Lease(database) for _ in range(10)]
    with ThreadPoolExecutor(10) as threads:
        for _ in range(5):
            list(threads.map(Lease.renew, many))
            assert [lease.leads() for lease in many].count(True) == 1


def test_who_waits_does_not_lead_before_the_leader_has_stopped_to(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HELD_S < TAKEN_AFTER_S
    moment = 1000.0
    monkeypatch.setattr("evener.control.leader.time.monotonic", lambda: moment)
    one, other = Lease(database), Lease(database)
    one.renew()
    for _ in range(5):  # while it is renewed, nobody else leads, however long it takes
        moment += HELD_S - 0.1
        one.renew()
        other.renew()
        assert (one.leads(), other.leads()) == (True, False)
    moment += HELD_S
    other.renew()
    assert (one.leads(), other.leads()) == (False, False)
    moment += TAKEN_AFTER_S - HELD_S
    other.renew()
    assert (one.leads(), other.leads()) == (False, True)
    one.renew()
    assert not one.leads()
