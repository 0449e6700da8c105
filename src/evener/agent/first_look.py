"""An agent's first look at all that control lists: what needs no word of control's, and when all is as it should be."""

import logging
import threading
import time
from collections.abc import Collection, Mapping

LOG = logging.getLogger(__name__)


class FirstLook:
    """Tells the operator when all that control listed first has been compared with the host, and made equal to it.

    `applied` are the generations of those of which control knows that this host has applied all.
    """

    def __init__(self, keys: Collection[str], applied: Mapping[str, int]) -> None:
        self._begun, self._number, self._left = time.monotonic(), len(keys), set(keys)
        self._applied = dict(applied)
        self._lock = threading.Lock()

    def applied(self, key: str) -> int | None:
        """Return the generation of a load balancer that has been applied, at the first time it is looked at."""
        return self._applied.pop(key, None)

    def changed(self, key: str) -> None:
        """Hear that control wants another generation of a load balancer by now."""
        self._applied.pop(key, None)

    def done(self, key: str) -> None:
        """Hear that a load balancer is as control wants it."""
        with self._lock:
            if key in self._left:
                self._left.remove(key)
                if not self._left:
                    seconds = time.monotonic() - self._begun
                    LOG.info(
                        "All %d load balancers are as control wants, after %.2f s", self._number, seconds
                    )
