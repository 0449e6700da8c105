"""A queue of keys that merges: a key asked for many times is worked on once, and never twice at a time."""

import heapq
import itertools
import threading
import time
from collections import deque


class KeyedQueue:
    """Hands each key to one worker at a time.

    A key put while it is being worked on is handed out again afterwards, so what was put last is always seen.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._ready: deque[str] = deque()
        self._waiting: set[str] = set()
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._later: list[tuple[float, int, str]] = []
        self._tickets = itertools.count()
        self._closed = False

    def put(self, key: str, delay_s: float = 0) -> None:
        """Ask for `key` to be worked on, now or after `delay_s` seconds."""
        with self._condition:
            if delay_s > 0:
                heapq.heappush(self._later, (time.monotonic() + delay_s, next(self._tickets), key))
            else:
                self._add(key)
            self._condition.notify()

    def __len__(self) -> int:
        """Return how many keys wait, those for later included; not those that are being worked on."""
        with self._condition:
            return len(self._ready) + len(self._again) + len(self._later)

    def _add(self, key: str) -> None:
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)

    def get(self) -> str | None:
        """Return the next key, waiting for one; None once the queue is closed. Call `done` with it afterwards."""
        with self._condition:
            while not self._closed:
                wait_s = self._due()
                if self._ready:
                    key = self._ready.popleft()
                    self._waiting.discard(key)
                    self._working.add(key)
                    return key
                self._condition.wait(wait_s)
            return None

    def _due(self) -> float | None:
        """Move what has waited long enough to the ready ones; return the seconds until the next."""
        moment = time.monotonic()
        while self._later and self._later[0][0] <= moment:
            self._add(heapq.heappop(self._later)[2])
        return self._later[0][0] - moment if self._later else None

    def done(self, key: str) -> None:
        """Say that `key` has been worked on."""
        with self._condition:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key)
            self._condition.notify()

    def close(self) -> None:
        """Hand out nothing more; who waits gets None."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
