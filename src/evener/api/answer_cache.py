"""AnswerCache that are remembered until the database changes: clients ask the same again and again while they wait.

Decides nothing about who may see what: whoever asks is part of the question.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

MOST_BYTES = 16_777_216  # of all that is remembered
EACH_BYTES = 1024  # about what an entry takes besides its texts
LARGEST = 1_048_576  # bytes of a body worth remembering
STANDS_S = 1  # so long an answer stands that says how long ago something was

Question = tuple[Hashable, ...]


class AnswerCache:
    """Bodies by question, of one version of the database. `version` is `Database.version`."""

    def __init__(self, version: Callable[[], int | None]) -> None:
        self._version = version
        self._of: tuple[int | None, int] = (None, 0)
        self._bodies: OrderedDict[Question, bytes] = OrderedDict()
        self._bytes = 0
        self._guard = Lock()

    def get(self, question: Question, answer: Callable[[], bytes]) -> bytes:
        """Return what `answer` returns, or has returned for `question` since the database last changed.

        The version is read before `answer` looks, so what is remembered is of that version or a later one.
        """
        version = self._version()
        if version is None:
            return answer()
        now = (version, int(time.monotonic() // STANDS_S))
        with self._guard:
            if now != self._of:
                self._forget(now)
            found = self._bodies.get(question)
        if found is None:
            found = answer()
            self._remember(now, question, found)
        return found

    def _forget(self, now: tuple[int | None, int]) -> None:
        self._of = now
        self._bodies.clear()
        self._bytes = 0

    def _remember(self, now: tuple[int | None, int], question: Question, body: bytes) -> None:
        if len(body) > LARGEST:
            return
        with self._guard:
            if now != self._of or question in self._bodies:
                return
            self._bodies[question] = body
            self._bytes += _weight(question, body)
            while self._bytes > MOST_BYTES:
                self._bytes -= _weight(*self._bodies.popitem(last=False))


def _weight(question: Question, body: bytes) -> int:
    """Return about how many bytes an entry takes: whoever asks writes the question, and its length."""
    return EACH_BYTES + len(body) + 4 * sum(len(part) for part in question if isinstance(part, str))
