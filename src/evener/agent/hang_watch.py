"""Finds data planes that live and do nothing, such as stopped processes: nothing on the host tells of that.

Asks for what the kernel says of them, and so waits for nobody. One that is at work at two looks in a row may be busy,
or stuck in a loop or in the kernel: it is observed, which who is stuck does not answer.
"""

import itertools
import logging
import threading

from evener import threads
from evener.agent.balancer import Balancer, Events
from evener.agent.balancers import Balancers

LOG = logging.getLogger(__name__)
INTERVAL_S = 0.5
EVERY = 6  # looks at those that another host could take over, one at all


class HangWatch:
    """One thread; it tells `events` of each load balancer of which something is halted, or may be stuck."""

    def __init__(self, balancers: Balancers, events: Events) -> None:
        self._balancers, self._events = balancers, events
        self._stopped = threading.Event()
        self._at_work: set[str] = set()
        self._thread = threads.lasting("hangs", self._run)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_at_pairs(self) -> None:
        """Look once at what another host could take over: that has to be known sooner."""
        for balancer in self._balancers.all():
            if balancer.is_one_of_two:
                self._find_halted(balancer)

    def _find_halted(self, balancer: Balancer) -> bool:
        halted = balancer.halted
        if halted is not None:
            balancer.give_way()
            self._events.drifted(balancer.id, f"its {halted} does not answer")
        return halted is not None

    def look(self) -> None:
        """Look once."""
        before, self._at_work = self._at_work, set()
        for balancer in self._balancers.all():
            if not self._find_halted(balancer) and balancer.is_working:
                self._at_work.add(balancer.id)
                if balancer.id in before:
                    self._events.health_changed(balancer.id)

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._stopped.wait(INTERVAL_S):
                return
            self.look_at_pairs() if number % EVERY else self.look()
