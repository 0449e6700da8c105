"""Threads and queues that run as they should, also where eventlet has put its own in their place.

Under uWSGI, as Debian runs Neutron, eventlet's threads run only while others wait, and its locks are lost between real
threads.
"""

import importlib
import queue
import sys
from collections import deque
from typing import Any


def module(name: str) -> Any:
    """Return the module of that name; under uWSGI Python's own.

    Where eventlet serves itself its threads are better: a real one beside them loses the locks of logging.
    """
    if "eventlet" in sys.modules and _under_uwsgi():
        return importlib.import_module("eventlet.patcher").original(name)
    return importlib.import_module(name)


def _under_uwsgi() -> bool:
    try:
        importlib.import_module("uwsgi")  # which uWSGI itself has, and nobody else
    except ImportError:
        return False
    return True


class Stack:
    """A `queue.LifoQueue` for urllib3, which never waits for one, without a lock: a deque needs none."""

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._items: deque[Any] = deque()

    def get(self, block: bool = False, timeout: float | None = None) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Return what was put last.

        Raises:
            queue.Empty: when there is nothing.
        """
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Put one more.

        Raises:
            queue.Full: when there are as many as there may be.
        """
        if len(self._items) >= self._maxsize:
            raise queue.Full
        self._items.append(item)

    def qsize(self) -> int:
        """Return how many there are."""
        return len(self._items)
