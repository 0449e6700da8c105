"""Counts of health checks that outlive the worker they were counted in."""

import pytest

from evener.dataplane.haproxy.checks import Carried, Count, counted
from evener.dataplane.haproxy.model import Backend, Config, Server

NAMES = "# be_name srv_name srv_op_state srv_check_result srv_check_health"
CHECK = ("check", "inter", "5s", "fall", "3", "rise", "2")
UP, DOWN = "2", "0"


def config(options=CHECK) -> Config:
    server = Server("m", "10.0.0.1:80", 1, 1, enabled=True, checked=True, options=options)
    return Config(backends=(Backend("p", (), (server,)),))


@pytest.mark.parametrize(
    ("state", "result", "health", "count"),
    [
        (UP, 3, 4, None),  # rise + fall - 1: all is well
        (UP, 2, 3, Count(up=True, number=1)),
        (UP, 2, 2, Count(up=True, number=2)),
        (UP, 0, 2, None),  # never checked
        (DOWN, 2, 0, None),
        (DOWN, 3, 1, Count(up=False, number=1)),
    ],
)
def test_a_worker_says_how_many_checks_have_gone_against_what_a_server_is(state, result, health, count):
    answer = f"1\n{NAMES}\np m {state} {result} {health}\np gone {state} {result} {health}\n"
    assert counted(answer, config()) == ({} if count is None else {"p/m": count})


def message(*, good: bool, left: int, of: int, up: bool) -> str:
    verdict, state = ("succeeded" if good else "failed"), ("UP" if up else "DOWN")
    return f"Health check for server p/m {verdict}, reason: Layer7, check duration: 1ms, status: {left}/{of} {state}."


def after(*counts: Count) -> Carried:
    carried = Carried()
    for count in counts:
        carried.reloaded({"p/m": count})
    return carried


def test_failures_of_several_workers_add_up_to_the_limit():
    carried = after(Count(up=True, number=1), Count(up=True, number=2))
    assert carried.heard(message(good=False, left=4, of=5, up=True)) is None
    assert carried.heard(message(good=False, left=3, of=5, up=True)) == "set server p/m health down"
    assert carried.heard(message(good=False, left=2, of=5, up=True)) is None


def test_successes_of_several_workers_add_up_to_the_limit():
    carried = after(Count(up=False, number=2))
    assert carried.heard(message(good=True, left=1, of=4, up=False)) is None
    assert carried.heard(message(good=True, left=2, of=4, up=False)) == "set server p/m health up"


@pytest.mark.parametrize("end", [{"good": True, "up": True}, {"good": False, "up": False}])
def test_what_ends_a_row_or_changes_the_server_ends_the_count(end):
    carried = after(Count(up=True, number=2))
    assert carried.heard(message(left=3, of=3, **end)) is None
    assert carried.heard(message(good=False, left=2, of=3, up=True)) is None


def test_a_worker_that_has_not_checked_a_server_hands_on_what_it_was_told():
    carried = after(Count(up=True, number=2))
    carried.reloaded({})
    assert carried.heard(message(good=False, left=2, of=3, up=True)) == "set server p/m health down"


def test_a_row_that_turned_begins_anew_and_a_restart_forgets():
    carried = after(Count(up=True, number=2), Count(up=False, number=1))
    assert carried.heard(message(good=True, left=1, of=3, up=False)) is None
    carried.restarted()
    assert carried.heard(message(good=True, left=2, of=3, up=False)) is None


def test_what_is_said_of_others_and_of_anything_else_changes_nothing():
    carried = after(Count(up=True, number=2))
    assert carried.heard("Server p/m is DOWN, reason: Layer4 timeout.") is None
    assert carried.heard(message(good=True, left=3, of=3, up=True).replace("p/m", "p/n")) is None
    assert carried.heard(message(good=False, left=2, of=3, up=True)) == "set server p/m health down"
