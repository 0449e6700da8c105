"""Which hosts are lost: a pure function of when they were heard."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evener.control.lost_hosts import LOOKS_S, Heard, due_s, lost
from evener.control.scheduling import HEARD_WITHIN

NOW = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - as the tables hold it
SECONDS = st.integers(0, 10_000).map(lambda each: timedelta(seconds=each))
HOSTS = st.lists(st.tuples(SECONDS, st.booleans()), max_size=20)


def heard(hosts: list[tuple[timedelta, bool]]) -> list[Heard]:
    return [Heard(str(n), f"host-{n}", NOW - silent, serves) for n, (silent, serves) in enumerate(hosts)]


@given(HOSTS, st.integers(1, 600), SECONDS)
def test_a_host_is_lost_that_serves_and_was_silent_for_longer_than_the_setting(
    hosts: list[tuple[timedelta, bool]], after_s: int, listening: timedelta
) -> None:
    after = timedelta(seconds=after_s)
    found = {int(each.id) for each in lost(heard(hosts), NOW, after, listening)}
    expected = {n for n, (silent, serves) in enumerate(hosts) if serves and silent > after}
    assert found == (expected if listening >= min(after, HEARD_WITHIN) else set())


def test_while_nobody_was_heard_nobody_is_lost() -> None:
    silent = heard([(timedelta(seconds=600), True), (timedelta(seconds=600), True)])
    assert lost(silent, NOW, timedelta(seconds=60), timedelta(seconds=0)) == []


@given(HOSTS, st.integers(1, 600), st.integers(0, 600))
def test_before_the_next_look_is_due_no_other_host_is_lost(
    hosts: list[tuple[timedelta, bool]], after_s: int, later_s: int
) -> None:
    after, later = timedelta(seconds=after_s), timedelta(seconds=later_s)
    long = timedelta(days=1)
    assert due_s([], NOW, after) == LOOKS_S
    if later_s < due_s(heard(hosts), NOW, after):
        assert lost(heard(hosts), NOW + later, after, long) == []
