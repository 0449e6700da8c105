"""Whether another service is there at all: one that hangs is told from one that takes its time, and not waited for.

Knows no request: what is waited for is handed in, and so is what the service is asked to see whether it lives.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from evener import threads
from evener.resources.errors import Unavailable

T = TypeVar("T")
LOG = logging.getLogger(__name__)
PATIENCE_S = (
    2.0  # until a service that has not answered yet is asked whether it lives, and until the next time
)
GLANCES = 4  # before it is asked closely
GLANCE_S, CLOSELY_S = 3.0, 10.0  # that an answer may take
AWAY_S = 2.0  # that one which does not is not asked again


class Presence:
    """Waits for a service called `name`.

    `ask` asks it something: whatever it answers without work, or closely, what takes all that it stands on; it raises
    where the answer is that it cannot at present.
    """

    def __init__(self, name: str, ask: Callable[[bool], object]) -> None:
        self._name, self._ask = name, ask
        self._away_until: float | None = None
        self._asking = threading.Lock()

    def wait_for(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises.

        Where the service turns out to hang, `work` is left to itself: it may be done still, as after any lost answer.

        Raises:
            Unavailable: when the service is away.
        """
        self._be_there()
        result = threads.begun(work)
        for times in itertools.count(1):
            if _is_done(result, PATIENCE_S):
                break
            if not self._answers(closely=times > GLANCES):
                self._away_until = time.monotonic() + AWAY_S
                raise self._away()
        return result.result()

    def _be_there(self) -> None:
        """Return where the service is not known to be away; of many that ask at once, one looks whether it still is."""
        until = self._away_until
        if until is None:
            return
        if time.monotonic() < until or not self._asking.acquire(blocking=False):
            raise self._away()
        try:
            lives = self._answers(closely=True)
            self._away_until = None if lives else time.monotonic() + AWAY_S
        finally:
            self._asking.release()
        if not lives:
            raise self._away()
        LOG.info("%s answers again", self._name)

    def _answers(self, *, closely: bool) -> bool:
        question = threads.begun(partial(self._ask, closely))
        if _is_done(question, CLOSELY_S if closely else GLANCE_S) and question.exception() is None:
            return True
        LOG.warning("%s does not answer when it is asked whether it lives", self._name)
        return False

    def _away(self) -> Unavailable:
        return Unavailable(f"{self._name} does not answer")


def _is_done(result: "Future[T]", within_s: float) -> bool:
    """Wait for a while, and return whether there is a result."""
    try:
        result.exception(within_s)
    except TimeoutError:
        return result.done()
    return True
