"""Threads that live as long as their program, whatever they meet, and those that end with a call.

Knows nothing of what they do.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
LOG = logging.getLogger(__name__)
Thread = threading.Thread  # the type
PAUSE_S = 1.0  # after a failure; what fails at once would else do nothing but fail


def lasting(name: str, work: Callable[[], None], pause_s: float = PAUSE_S) -> Thread:
    """Return a thread, not yet started, that runs `work` until that returns.

    What `work` raises goes to the log, and after `pause_s` seconds it is run again: one that ended silently would be
    missed by nobody until much later. The thread keeps no program from ending.
    """

    def run() -> None:
        while True:
            try:
                work()
            except Exception:
                LOG.exception("The thread %s has met what it did not expect; it goes on", name)
                time.sleep(pause_s)
            else:
                return

    return Thread(target=run, name=name, daemon=True)


def repeated(name: str, work: Callable[[], None], every_s: float, ended: threading.Event) -> Thread:
    """Return a thread, not yet started, that runs `work` at once and then each `every_s` seconds until `ended`."""

    def keep_on() -> None:
        work()
        while not ended.wait(every_s):
            work()

    return lasting(name, keep_on, every_s)


def aside(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises.

    It runs in a thread that ends with it: what it does to its thread is done to no other.
    """
    results: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread that asked
            failures.append(error)

    thread = Thread(target=run, name="aside")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def begun(work: Callable[[], T]) -> "Future[T]":
    """Have `work` done in a thread that ends with it, and return at once what will hold its outcome.

    It keeps no program from ending: who gives it up leaves it to itself.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where the outcome is asked for
            outcome.set_exception(error)

    Thread(target=run, name="begun", daemon=True).start()
    return outcome
