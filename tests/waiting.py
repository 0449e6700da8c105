"""How tests wait for what happens by itself: as long as they say, on a machine that has time for them."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

AT_LEAST, AT_MOST = 2.0, 6.0
USUAL_S = 20.0  # for what is not about how soon it happens
STEP_S = 0.1
LOOK_S = 1.0  # as long as a look counts at most: who was kept from looking has not waited


def patience() -> float:
    """Return how many times as long things may take now, as more work waits than there are processors."""
    return min(max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), AT_MOST)


class OwnTime:
    """A clock that stands still while this process does not run, for what is measured between its looks."""

    def __init__(self, step_s: float = STEP_S) -> None:
        self.now_s, self._looked, self._step_s = 0.0, time.monotonic(), step_s

    def look(self) -> float:
        """Go on, by what has gone by since the last look and no more than a step; return the time in seconds."""
        now = time.monotonic()
        self.now_s += min(now - self._looked, self._step_s)
        self._looked = now
        return self.now_s


def eventually(what: Callable[[], Any], within_s: float = USUAL_S, why: Callable[[], object] = str) -> Any:
    """Wait until `what()` is true, and return it; on failure show what `why()` says.

    The load is known as an average of a minute, and a machine may pause without one: all get twice as long.
    """
    waited = OwnTime(LOOK_S)
    while not (value := what()):
        assert waited.look() < within_s * max(patience(), AT_LEAST), (
            f"did not happen within {within_s} s: {what} {why()}"
        )
        time.sleep(0.02)
    return value


def eventually_there(what: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Wait likewise for what may not be reached at first."""

    def reached() -> Any:
        with suppress(OSError):
            return what()
        return None

    return eventually(reached, within_s)
