"""What an agent does by itself, without asking control: make again what is not as it was left.

Of load balancers that is the graph that was applied last, of networks and routers what control said last. It is in no
way of what control wants: whatever was repaired, or could not be, is compared with that afterwards. What was served
before the agent started is served again where control has not said yet what is to be served.
"""

import logging
import random
from collections.abc import Callable, Collection

from evener.agent.balancer import Tools
from evener.agent.balancers import Balancers
from evener.agent.metrics import AgentMetrics
from evener.agent.underlay import Underlay
from evener.agent.work import Workers
from evener.dataplane.base import Busy, DataPlaneError
from evener.host.errors import HostError

LOG = logging.getLogger(__name__)
NETWORKS = "networks"  # the key of the networks and routers, next to the ids of load balancers
RETRY_S = 5.0  # until another try, while control says nothing
EVERYTHING = "everything"  # the key of all that was there before the agent started


class Repairer:
    """`compare` is called with the key of what is to be compared with what control wants. Any thread may call."""

    def __init__(
        self,
        tools: Tools,
        balancers: Balancers,
        underlay: Underlay,
        metrics: AgentMetrics,
        workers: int,
        compare: Callable[[str], None],
    ) -> None:
        self._tools, self._balancers, self._underlay = tools, balancers, underlay
        self._metrics, self._compare = metrics, compare
        self._suspicions: dict[str, str] = {}
        self._unconfirmed: set[str] = set()
        self._wanted: frozenset[str] | None = None
        self.workers = Workers("repairer", workers, self._repair, self._failed)

    def told(self, wanted: Collection[str]) -> None:
        """Hear from control which load balancers this host is to serve."""
        self._wanted = frozenset(wanted)

    def look(self, key: str, what: str | None = None, delay_s: float = 0) -> None:
        """Look at a load balancer, or at the networks, in `delay_s` seconds.

        `what` somebody seems to have done to it goes to the log.
        """
        if what is not None:
            self._suspicions[key] = what
        self.workers.queue.put(key, delay_s)

    def confirm(self, loadbalancer_id: str) -> None:
        """Look closely at the port of a load balancer that was made or repaired."""
        self._unconfirmed.add(loadbalancer_id)
        self.workers.queue.put(loadbalancer_id)

    def restore(self, delay_s: float = 0) -> None:
        """Serve what was served last, in `delay_s` seconds, unless control has said until then what is to be served."""
        self.workers.queue.put(EVERYTHING, delay_s)

    def instead(self, key: str) -> None:
        """Look at a load balancer or the networks at once, by the thread that calls, which asked control in vain."""
        try:
            self._repair_one(key)
        except Exception as error:  # noqa: BLE001 - the caller tries again
            self._complain(key, error)

    def _repair(self, key: str) -> None:
        if key == EVERYTHING:
            self._restore_all()
        elif self._repair_one(key) and self._wanted is not None:
            self._compare(key)

    def _repair_one(self, key: str) -> bool:
        """Mend a load balancer or the networks; return whether that is to be compared with what control wants."""
        if key == NETWORKS:
            self._underlay.repair()
            return False
        return self._repair_balancer(key)

    def _restore_all(self) -> None:
        if self._wanted is None:
            for key in (NETWORKS, *self._tools.journal.loadbalancers()):
                self.workers.queue.put(key)

    def _repair_balancer(self, loadbalancer_id: str) -> bool:
        what = self._suspicions.pop(loadbalancer_id, None)
        unconfirmed = loadbalancer_id in self._unconfirmed
        self._unconfirmed.discard(loadbalancer_id)
        unheard = self._wanted is None
        restore = self._wanted is None or loadbalancer_id in self._wanted
        balancer = self._balancers.get(loadbalancer_id)
        if balancer is None and restore and self._left(loadbalancer_id):
            balancer = self._balancers.ensure(loadbalancer_id, self._tools)
            if not self._left(loadbalancer_id):  # removed just now
                self._balancers.drop(loadbalancer_id)
                return False
        if balancer is None:
            return False
        new = not balancer.plugged
        repaired = balancer.repair(restore=restore)
        if repaired is not None and new and unheard:
            LOG.warning("Load balancer %s: served as it was last; control does not answer", loadbalancer_id)
        elif repaired and what is not None:
            LOG.warning("Load balancer %s: %s; repaired", loadbalancer_id, what)
        if repaired or (repaired is None and unconfirmed and balancer.confirm()):
            self._metrics.repaired()
        return bool(repaired)

    def _left(self, loadbalancer_id: str) -> bool:
        return self._tools.journal.port_of(loadbalancer_id) is not None

    def _failed(self, key: str, error: Exception) -> None:
        self._complain(key, error)
        if self._wanted is None:
            # Not in step with another host that was started at the same moment, and asks for the same address.
            self.workers.queue.put(key, RETRY_S * random.uniform(0.8, 1.2))  # noqa: S311
        else:
            self._compare(key)  # which tells control, and tries again

    @staticmethod
    def _complain(key: str, error: Exception) -> None:
        if not isinstance(error, Busy):
            expected = isinstance(error, HostError | DataPlaneError)
            LOG.error("%s: cannot be repaired: %s", key, error, exc_info=None if expected else error)
