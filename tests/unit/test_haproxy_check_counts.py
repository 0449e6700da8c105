"""Counts of health checks that outlive the worker they were counted in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.dataplane.haproxy.checks import Count, Tally, counted
from evener.dataplane.haproxy.model import Backend, Config, Server

NAMES = "# be_name srv_name srv_op_state srv_check_result srv_check_health"
UP, DOWN = "2", "0"
GO_DOWN, GO_UP = "set server p/m health down", "set server p/m health up"


def config(fall=3, rise=2) -> Config:
    options = ("check", "inter", "5s", "fall", str(fall), "rise", str(rise))
    server = Server("m", "10.0.0.1:80", 1, 1, enabled=True, checked=True, options=options)
    return Config(backends=(Backend("p", (), (server,)),))


@pytest.mark.parametrize(
    ("state", "result", "health", "count"),
    [
        (UP, 3, 4, Count(up=True)),  # rise + fall - 1: all is well
        (UP, 2, 3, Count(up=True, number=1)),
        (UP, 2, 2, Count(up=True, number=2)),
        (UP, 0, 3, Count(up=True, number=1)),  # another check is in flight
        (UP, 0, 2, None),  # never checked, as far as can be told
        (DOWN, 2, 0, Count(up=False)),
        (DOWN, 0, 0, Count(up=False)),
        (DOWN, 3, 1, Count(up=False, number=1)),
        (DOWN, 0, 1, Count(up=False, number=1)),
    ],
)
def test_a_worker_says_how_many_checks_have_gone_against_what_a_server_is(state, result, health, count):
    answer = f"1\n{NAMES}\np m {state} {result} {health}\np gone {state} {result} {health}\n"
    assert counted(answer, config()) == ({} if count is None else {"p/m": count})


class Worker:
    """As HAProxy counts and logs; `up` and `run` are what it hands on."""

    pids = itertools.count(100)

    def __init__(self, fall: int, rise: int, *, up=True) -> None:
        self.pid, self.fall, self.rise, self.up, self.run = next(self.pids), fall, rise, up, 0
        self.first = True

    def check(self, *, good: bool, ms=1) -> str | None:
        quiet = not self.first and good == self.up and not self.run
        self.first = False
        self.run = 0 if good == self.up else self.run + 1
        if self.run >= (self.fall if self.up else self.rise):
            self.up, self.run = good, 0
        if quiet:
            return None
        left, limit = (self.fall - self.run, self.fall) if self.up else (self.run, self.rise)
        verdict = "succeeded" if good else "failed"
        begin = f"lb[{self.pid}]: Health check for server p/m {verdict}, reason: x, check duration: {ms}ms"
        return f"{begin}, status: {left}/{limit} {'UP' if self.up else 'DOWN'}."

    def told(self, commands) -> None:
        for command in commands:
            self.up, self.run = command == GO_UP, 0


class Estate:
    """A tally, and the worker that serves."""

    def __init__(self, fall=3, rise=2) -> None:
        self.tally, self.fall, self.rise = Tally(), fall, rise
        self.tally.configured(config(fall, rise))
        self.worker = Worker(fall, rise)
        self.tally.serves(self.worker.pid)
        self.now = 1000.0

    def tell(self) -> None:
        commands = self.tally.untold()
        self.worker.told(commands)
        self.tally.told(commands)

    def hear(self, message: str | None, *, tell=True) -> None:
        self.now += 1
        if message is not None:
            assert self.tally.heard(message, self.now) == bool(self.tally.untold())
        if tell:
            self.tell()

    def reload(self, between=lambda worker: None) -> Worker:
        old = self.worker
        self.tally.reloading({"p/m": Count(old.up, old.run)})
        self.worker = Worker(self.fall, self.rise, up=old.up)
        between(old)
        self.tally.serves(self.worker.pid)
        self.tell()
        return old


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["none", "reload", "in flight", "meanwhile"]))),
)
def test_however_many_reloads_there_are_a_server_changes_as_if_there_were_none(fall, rise, checks):
    estate, alone = Estate(fall, rise), Worker(fall, rise)
    for good, when in checks:
        alone.check(good=good)
        if when == "in flight":  # the old worker hears the answer
            estate.hear(estate.reload().check(good=good))
        elif when == "meanwhile":  # after it has handed on what it knows
            estate.reload(lambda old, good=good: estate.hear(old.check(good=good), tell=False))
        else:
            estate.hear(estate.worker.check(good=good))
            if when == "reload":
                estate.reload()
        assert estate.worker.up == alone.up
        assert estate.tally.out() == (set() if alone.up else {"p/m"})


def test_what_a_worker_hands_on_before_its_message_is_heard_counts_once():
    estate = Estate(fall=3)
    late = [estate.worker.check(good=False), estate.worker.check(good=False)]
    estate.reload()
    for message in late:
        estate.hear(message)
    assert estate.worker.up
    estate.hear(estate.worker.check(good=False))
    assert not estate.worker.up


def test_a_check_that_ends_late_says_nothing_once_one_that_began_later_has_ended():
    estate = Estate(fall=1)
    old = estate.reload()
    estate.hear(estate.worker.check(good=True))
    estate.hear(old.check(good=False, ms=5000))
    assert estate.worker.up
    old = estate.reload()
    estate.hear(old.check(good=False))
    assert not estate.worker.up


def test_a_new_server_is_out_for_all_workers_by_the_first_check_that_fails():
    estate = Estate(fall=3)
    old = estate.worker
    estate.worker = Worker(3, 2)
    estate.tally.reloading({})
    estate.tally.serves(estate.worker.pid)
    old.fall = 1  # so HAProxy counts until a server has been seen to be well
    estate.hear(old.check(good=False))
    assert not estate.worker.up


def test_what_could_not_be_told_is_told_to_the_next_worker():
    estate = Estate(fall=2)
    estate.hear(estate.worker.check(good=False))
    old = estate.reload()
    estate.hear(old.check(good=False), tell=False)
    assert estate.tally.untold() == (GO_DOWN,)
    estate.reload()
    assert not estate.worker.up


def test_after_a_restart_what_was_out_is_out_and_nothing_else_is_known():
    estate = Estate(fall=3)
    estate.hear(estate.worker.check(good=False))
    assert estate.tally.restarting() == set()
    estate = Estate(fall=1)
    estate.hear(estate.worker.check(good=False))
    assert estate.tally.restarting() == {"p/m"}
    estate.tally.configured(Config())
    assert estate.tally.out() == set()


def test_what_was_found_down_is_out_unless_more_is_known():
    estate = Estate()
    estate.tally.seen({"p/m"})
    assert estate.tally.out() == {"p/m"}
    for _ in range(2):
        estate.hear(estate.worker.check(good=True))
    estate.tally.seen({"p/m"})
    assert estate.tally.out() == set()


def test_what_is_said_of_others_and_of_anything_else_changes_nothing():
    estate = Estate(fall=1)
    message = estate.worker.check(good=False)
    assert not estate.tally.heard("Server p/m is DOWN, reason: Layer4 timeout.", 1)
    assert not estate.tally.heard(message.replace("p/m", "p/n"), 1)
    assert estate.tally.out() == set()
