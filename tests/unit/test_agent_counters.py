"""What an agent counts is told with few calls, and never undoes what was told after it was read."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from evener.agent.reporting import COUNTED_AT_ONCE, TELL, Reporter
from evener.resources.errors import Unavailable
from evener.resources.facts import Counters, Observation, Report
from evener.resources.types import OperatingStatus


class Served:
    """As much of a load balancer on a host as is observed."""

    is_one_of_two = False

    def __init__(self, number: int) -> None:
        self.id, self.reporting = f"{number:04}", threading.Lock()
        self.seen = Observation()

    def observe(self, *, servers: bool = False, wait_s: float | None = None) -> Observation:
        return self.seen

    def counts(self, connections: int, members: OperatingStatus = OperatingStatus.ONLINE) -> None:
        counted = Counters(total_connections=connections, active_connections=connections)
        self.seen = Observation(members={"m": members}, listeners={"l": counted})


class Site:
    """An agent's reporter with load balancers, and control, which notes what it is told by which call."""

    def __init__(self, number: int) -> None:
        self.all = [Served(each) for each in range(number)]
        self.calls: list[list[Report]] = []
        self.is_away = False
        found: Any = self
        self.reporter = Reporter(found, found)

    def get(self, key: str) -> Served | None:
        return next((each for each in self.all if each.id == key), None)

    def report(self, report: Report) -> bool:
        return self.report_all([report])[0]

    def report_all(self, reports: Sequence[Report]) -> list[bool]:
        if self.is_away:
            raise Unavailable("Control does not answer")
        self.calls.append(list(reports))
        return [True] * len(reports)

    def read(self, *keys: str) -> None:
        self.reporter._report_all_news(keys)

    def health(self, key: str) -> None:
        self.reporter._report_news(key)


@pytest.fixture
def site() -> Site:
    made = Site(COUNTED_AT_ONCE + 10)
    made.read(*(each.id for each in made.all), TELL)
    made.calls.clear()
    return made


def test_a_few_are_told_together_when_it_is_time(site: Site) -> None:
    for each in site.all[:3]:
        each.counts(1)
        site.read(each.id)
    assert site.calls == []
    site.read(TELL)
    assert [[each.loadbalancer_id for each in call] for call in site.calls] == [["0000", "0001", "0002"]]
    site.read(*(each.id for each in site.all), TELL)
    assert len(site.calls) == 1, "nothing is news"


def test_many_are_told_at_once(site: Site) -> None:
    for each in site.all[:COUNTED_AT_ONCE]:
        each.counts(1)
    site.read(*(each.id for each in site.all[: COUNTED_AT_ONCE - 1]))
    assert site.calls == []
    site.read(site.all[COUNTED_AT_ONCE - 1].id)
    assert [len(call) for call in site.calls] == [COUNTED_AT_ONCE]


def test_what_was_told_after_it_was_read_stands(site: Site) -> None:
    one = site.all[0]
    one.counts(1)
    site.read(one.id)
    one.counts(2, OperatingStatus.OFFLINE)
    site.health(one.id)
    site.read(TELL)
    assert [[each.observation for each in call] for call in site.calls] == [[one.seen]]


def test_a_member_that_is_back_before_anything_was_told_is_no_news(site: Site) -> None:
    one = site.all[0]
    before = one.seen
    for look in (site.health, site.read):
        one.counts(1, OperatingStatus.OFFLINE)
        site.read(one.id)
        one.seen = before
        look(one.id)
        site.read(TELL)
        assert site.calls == []


def test_what_is_being_reported_or_is_gone_is_left_out(site: Site) -> None:
    for each in site.all[:3]:
        each.counts(1)
        site.read(each.id)
    busy, gone, told = site.all[:3]
    site.all.remove(gone)
    with busy.reporting:
        site.read(TELL)
    assert [[each.loadbalancer_id for each in call] for call in site.calls] == [[told.id]]
    site.read(busy.id, TELL)
    assert [each.loadbalancer_id for each in site.calls[-1]] == [busy.id]


def test_what_control_did_not_hear_is_told_after_the_next_reading(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = site.all[:2]
    for each in (one, other):
        each.counts(1)
        site.read(each.id)
    site.is_away = True
    site.read(TELL)
    assert "The counters of 2 load balancers are not reported: Control does not answer" in caplog.text
    site.is_away = False
    site.read(one.id, TELL)
    assert [[each.observation for each in call] for call in site.calls] == [[one.seen]]
    assert not one.reporting.locked()
