"""How long who fails to log in has to wait, without a clock that runs by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.resources.errors import TooManyAttempts
from evener_cloud.identity.attempts import FORGOTTEN_S, MOST, OF_ADDRESS, OF_USER, Attempts

FREE, LONGEST_PAUSE_S = OF_USER


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def wait_s(attempts, user, address):
    try:
        attempts.check(user, address)
    except TooManyAttempts as refused:
        return refused.retry_after_s
    return 0


def test_pauses_grow_and_end(clock):
    attempts, pauses = Attempts(clock), []
    for _ in range(FREE + 12):
        attempts.failed("ada", "a")
        pauses.append(wait_s(attempts, "ada", "a"))
        clock.now_s += pauses[-1]
    assert pauses[: FREE - 1] == [0] * (FREE - 1)
    assert pauses[FREE - 1] > 0
    assert pauses == sorted(pauses)
    assert pauses[-1] <= LONGEST_PAUSE_S + 1
    assert wait_s(attempts, "ada", "a") == 0


def test_who_fails_keeps_nobody_from_logging_in_elsewhere(clock):
    attempts = Attempts(clock)
    for number in range(50):
        attempts.failed("ada", "a")
        attempts.failed(f"user{number}", "b")
    assert wait_s(attempts, "ada", "c") == 0
    # An address that guesses pauses for all names, but for who has logged in there.
    assert 0 < wait_s(attempts, "grace", "a") <= OF_ADDRESS[1] + 1
    assert 0 < wait_s(attempts, "grace", "b") <= OF_ADDRESS[1] + 1
    attempts.succeeded("grace", "b")
    attempts.failed("user1", "b")
    assert wait_s(attempts, "grace", "b") == 0


def test_a_success_and_time_make_failures_forgotten(clock):
    attempts = Attempts(clock)
    for _ in range(20):
        attempts.failed("ada", "a")
    clock.now_s += LONGEST_PAUSE_S
    attempts.succeeded("ada", "a")
    attempts.failed("ada", "a")
    assert wait_s(attempts, "ada", "a") == 0
    for _ in range(20):
        attempts.failed("ada", "a")
    clock.now_s += FORGOTTEN_S + 1
    attempts.failed("ada", "a")
    assert wait_s(attempts, "ada", "a") == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.floats(0, 100)), max_size=60))
def test_no_pause_is_longer_than_the_longest(steps):
    clock = Clock()
    attempts = Attempts(clock)
    for user, address, passed_s in steps:
        clock.now_s += passed_s
        attempts.failed(user, address)
        assert wait_s(attempts, user, address) <= LONGEST_PAUSE_S + 1


def test_many_names_do_not_fill_the_memory(clock):
    attempts = Attempts(clock)
    for number in range(MOST + 500):
        attempts.failed(f"u{number}", f"a{number}")
        attempts.succeeded(f"v{number}", f"a{number}")
    assert len(attempts._failures) == len(attempts._known) == MOST
