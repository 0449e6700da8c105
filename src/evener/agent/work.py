"""A queue of keys that merges: a key asked for many times is worked on once, and never twice at a time.

And the threads that work on one. Neither knows what the keys mean.
"""

import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from evener import threads


class KeyedQueue:
    """Hands each key to one worker at a time.

    A key put while it is being worked on is handed out again afterwards, so what was put last is always seen; after a
    rest, where the work said so, which merges what comes meanwhile. One that is put for later many times is handed out
    at the earliest of these.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._ready: deque[str] = deque()
        self._waiting: set[str] = set()
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._rests: dict[str, float] = {}  # seconds, of what is being worked on
        self._resting: set[str] = set()
        self._later: list[tuple[float, str]] = []
        self._due_at: dict[str, float] = {}  # of each key in `_later`, the entry that counts
        self._closed = False

    def put(self, key: str, delay_s: float = 0) -> None:
        """Ask for `key` to be worked on, now or after `delay_s` seconds."""
        with self._condition:
            if delay_s > 0:
                self._add_later(key, delay_s)
            elif key not in self._resting:
                self._add(key)
            self._condition.notify()

    def rest(self, key: str, rest_s: float) -> None:
        """Once `key` is done, hand it out again, if it was put meanwhile, no sooner than in so many seconds."""
        with self._condition:
            self._rests[key] = rest_s

    def __len__(self) -> int:
        """Return how many keys wait, those for later included; not those that are being worked on."""
        with self._condition:
            return len(self._ready) + len(self._again) + len(self._due_at)

    def _add(self, key: str) -> None:
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)

    def _add_later(self, key: str, delay_s: float) -> None:
        due = time.monotonic() + delay_s
        if due < self._due_at.get(key, math.inf):
            self._due_at[key] = due
            heapq.heappush(self._later, (due, key))

    def get(self) -> str | None:
        """Return the next key, waiting for one; None once the queue is closed. Call `done` with it afterwards."""
        return next(iter(self.take(1)), None)

    def take(self, most: int) -> list[str]:
        """Return up to so many keys, waiting for the first; none once the queue is closed. Call `done` with each."""
        with self._condition:
            while not self._closed:
                wait_s = self._due()
                if self._ready:
                    keys = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
                    self._waiting.difference_update(keys)
                    self._working.update(keys)
                    return keys
                self._condition.wait(wait_s)
            return []

    def _due(self) -> float | None:
        """Move what has waited long enough to the ready ones; return the seconds until the next."""
        moment = time.monotonic()
        while self._later and self._later[0][0] <= moment:
            due, key = heapq.heappop(self._later)
            if self._due_at.get(key) == due:
                del self._due_at[key]
                self._resting.discard(key)
                self._add(key)
        return self._later[0][0] - moment if self._later else None

    def done(self, key: str) -> None:
        """Say that `key` has been worked on."""
        with self._condition:
            self._working.discard(key)
            rest_s = self._rests.pop(key, 0.0)
            if key in self._again:
                self._again.discard(key)
                if rest_s > 0:
                    self._resting.add(key)
                    self._add_later(key, rest_s)
                else:
                    self._add(key)
            self._condition.notify()

    def close(self) -> None:
        """Hand out nothing more; who waits gets None."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class Gatherer:
    """`number` threads called `name` that call `work` with as many keys of `queue` as wait, up to `most`.

    What that raises `failed` is called with.
    """

    def __init__(
        self,
        name: str,
        most: int,
        work: Callable[[Sequence[str]], None],
        failed: Callable[[Sequence[str], Exception], None],
        number: int = 1,
    ) -> None:
        self.queue = KeyedQueue()
        self._work, self._failed, self._most = work, failed, most
        self._threads = [threads.lasting(f"{name}-{each}", self._run) for each in range(number)]

    def start(self) -> None:
        """Work on what was put, and on what will be."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Begin nothing more; what was begun goes on."""
        self.queue.close()

    def join(self, deadline: float) -> None:
        """Wait until what was begun has ended, no longer than until `deadline` on the monotonic clock, in seconds."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while keys := self.queue.take(self._most):
            try:
                self._work(keys)
            except Exception as error:  # noqa: BLE001 - whatever it was: others wait
                self._failed(keys, error)
            finally:
                for key in keys:
                    self.queue.done(key)


class Workers(Gatherer):
    """`number` threads called `name` that call `work` with each key of `queue`, and `failed` with what that raised."""

    def __init__(
        self,
        name: str,
        number: int,
        work: Callable[[str], None],
        failed: Callable[[str, Exception], None],
    ) -> None:
        super().__init__(name, 1, lambda keys: work(keys[0]), lambda keys, why: failed(keys[0], why), number)
