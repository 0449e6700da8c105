"""Logins that fail, counted by user and by address: each further one has to wait longer. Kept in memory, and bounded.

Must not tell whether a user exists: names that nobody has are counted alike.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from evener.resources.errors import TooManyAttempts

LOG = logging.getLogger(__name__)
FIRST_PAUSE_S = 1.0
# Failures without a pause, since people mistype, and the longest pause: of a user at an address, and of an address,
# where many people may be behind one.
OF_USER, OF_ADDRESS = (5, 60.0), (30, 10.0)
FORGOTTEN_S = 900.0  # after so long without another failure
MOST = 10_000  # users and addresses that are remembered

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last_s: float

    def pause_s(self, free: int, longest_s: float) -> float:
        """Return for how long after the last failure nothing is tried."""
        if self.count < free:
            return 0.0
        return float(min(FIRST_PAUSE_S * 2 ** min(self.count - free, 16), longest_s))


class Attempts:
    """May be used from any thread; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()
        self._known: OrderedDict[Key, None] = OrderedDict()  # who has logged in, and where

    def check(self, user: str, address: str) -> None:
        """Refuse to try where too many have failed just before.

        A user is paused at one address alone, so that nobody keeps somebody else from logging in; an address for all
        but those who have logged in there.

        Raises:
            TooManyAttempts: saying for how long.
        """
        ours, all_there = _keys(user, address)
        with self._lock:
            left_s = self._left_s(ours, *OF_USER)
            if ours not in self._known:
                left_s = max(left_s, self._left_s(all_there, *OF_ADDRESS))
        if left_s > 0:
            raise TooManyAttempts(int(left_s) + 1)

    def _left_s(self, key: Key, free: int, longest_s: float) -> float:
        known = self._failures.get(key)
        return 0.0 if known is None else known.last_s + known.pause_s(free, longest_s) - self._clock()

    def failed(self, user: str, address: str) -> None:
        """Count a failure, and say so in the log."""
        at_s = self._clock()
        with self._lock:
            for key in _keys(user, address):
                known = self._failures.pop(key, None)
                old = known is None or at_s - known.last_s > FORGOTTEN_S
                self._failures[key] = _Failures(1 if old or known is None else known.count + 1, at_s)
            while len(self._failures) > MOST:
                self._failures.popitem(last=False)
            count = self._failures[_keys(user, address)[0]].count
        LOG.warning(
            "Login of %r failed from %s, for the %d. time in a row", user, address or "nowhere", count
        )

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of this user at this address, and know the user there from now on."""
        key, _ = _keys(user, address)
        with self._lock:
            self._failures.pop(key, None)
            self._known.pop(key, None)
            self._known[key] = None
            if len(self._known) > MOST:
                self._known.popitem(last=False)


def _keys(user: str, address: str) -> tuple[Key, Key]:
    return (user, address), ("", address)
