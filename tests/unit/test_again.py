"""What is measured again: how often, and who hears of it."""

import warnings

import pytest

from again import TIMES, again


class Slow:
    """A measurement that fails so many times."""

    def __init__(self, failing: int, error: type[Exception] = AssertionError) -> None:
        self.failing, self.error, self.done = failing, error, 0

    def measure(self) -> None:
        self.done += 1
        if self.done <= self.failing:
            raise self.error(f"number {self.done}")


@pytest.mark.parametrize("failing", range(TIMES))
def test_what_fails_at_times_is_warned_of(failing: int) -> None:
    slow = Slow(failing)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        again(slow.measure)()
    assert slow.done == failing + 1
    assert [str(each.message) for each in told] == [
        f"measure is done again: number {each + 1}" for each in range(failing)
    ]


@pytest.mark.filterwarnings("ignore:measure is done again")
@pytest.mark.parametrize(("error", "times"), [(AssertionError, TIMES), (KeyError, 1)])
def test_what_always_fails_does_so_and_what_is_no_measurement_at_once(
    error: type[Exception], times: int
) -> None:
    slow = Slow(TIMES, error)
    with pytest.raises(error, match=f"number {times}"):
        again(slow.measure)()
    assert slow.done == times
