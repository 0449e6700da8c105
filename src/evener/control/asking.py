"""What is asked of agents for readers: once for many of them at the same time, and for no longer than one may wait.

It must not keep what was answered; whoever asks next gets it anew.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE_S = 0.1
ASKERS = 4  # questions under way
QUESTIONS = 100  # that wait for that
READERS = 2  # that wait for answers: threads of the API, of which others need the rest


class Asking(Generic[T]):
    """Asks with `ask`; questions with the same words are the same."""

    def __init__(self, ask: Callable[..., T]) -> None:
        self._ask = ask
        self._askers = ThreadPoolExecutor(ASKERS, "asking")
        self._lock = Lock()
        self._asked: dict[tuple[str, ...], Future[T]] = {}
        self._waiting = BoundedSemaphore(READERS)

    def __call__(self, *words: str) -> T | None:
        """Return the answer; None where it takes too long, or where enough readers wait already.

        Raises:
            Exception: whatever `ask` raises.
        """
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            question = self._question(words)
            return None if question is None else question.result(PATIENCE_S)
        except TimeoutError:
            return None
        finally:
            self._waiting.release()

    def _question(self, key: tuple[str, ...]) -> Future[T] | None:
        with self._lock:
            if key in self._asked or len(self._asked) >= QUESTIONS:
                return self._asked.get(key)
            question = self._asked[key] = self._askers.submit(self._ask, *key)
        question.add_done_callback(lambda _: self._forget(key))
        return question

    def _forget(self, key: tuple[str, ...]) -> None:
        with self._lock:
            self._asked.pop(key, None)
