"""Finds HAProxies that live and do nothing, such as stopped ones: nothing on the host tells of that.

Looks at the kernel's word for their state, asks nobody, and so waits for nobody. One that answers nobody for another
reason is found by the readings of counters.
"""

import logging
import threading

from evener import threads
from evener.agent.balancer import Events
from evener.agent.balancers import Balancers

LOG = logging.getLogger(__name__)
INTERVAL_S = 3.0


class Pulse:
    """One thread; it tells `events` of each load balancer whose HAProxy is halted."""

    def __init__(self, balancers: Balancers, events: Events) -> None:
        self._balancers, self._events = balancers, events
        self._stopped = threading.Event()
        self._thread = threads.lasting("pulse", self._run)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            for balancer in self._balancers.all():
                if balancer.is_frozen:
                    self._events.drifted(balancer.id, "its HAProxy does not answer")
