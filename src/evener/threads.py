"""Threads that live as long as their program, whatever they meet. Knows nothing of what they do."""

import logging
import threading
import time
from collections.abc import Callable

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
