"""What an agent tells control of its load balancers: what came of each change, and what of their traffic is news.

Reports of one load balancer come in order. Changes nothing on the host.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from evener.agent.balancer import Balancer
from evener.agent.balancers import Balancers
from evener.agent.control import Control
from evener.agent.work import Gatherer, Workers
from evener.dataplane.base import Busy, DataPlaneError
from evener.host.errors import HostError
from evener.resources.facts import Failure, Observation, Report
from evener.resources.graph import Graph

LOG = logging.getLogger(__name__)
HEALTH_WORKERS = 2
COUNTED_AT_ONCE = 25  # load balancers whose counters are told with one call
TELL = "tell"  # the key of telling what counters have been read; behind all ids in the order of keys
HEALTH_AGAIN_S = 0.05  # until another look at members' health, of a load balancer that is being changed


class Reporter:
    """All methods may be called from any thread.

    Into the queues of `health` and `counters` go the ids of load balancers whose news is to be told, soon or some time;
    of counters, once there is enough of it, or with `TELL`.
    """

    def __init__(self, control: Control, balancers: Balancers) -> None:
        self._control, self._balancers = control, balancers
        self._reported: dict[str, Observation] = {}
        self._untold: dict[str, Observation] = {}  # news of counters, as they were read
        self._loads: dict[str, tuple[int, int]] = {}  # members and open connections, as seen last
        self.health = Workers("health", HEALTH_WORKERS, self._report_news, self._health_not_reported)
        self.counters = Gatherer("counters", COUNTED_AT_ONCE, self._report_all_news, self._not_counted)

    def applied(self, balancer: Balancer, graph: Graph, lacking: Mapping[str, str]) -> None:
        """Say that all of `graph` is applied but what is `lacking`, by the objects' ids, or cannot be read.

        One of two says also what is no news: whether it has the VIP may have been taken for the other one's meanwhile.
        """
        with balancer.reporting:
            if balancer.is_one_of_two:
                self._reported.pop(balancer.id, None)
            self._report(
                Report(
                    loadbalancer_id=balancer.id,
                    applied_generation=graph.generation,
                    failure=_failure(graph, lacking),
                    observation=self._news(balancer),
                )
            )

    def failed(self, balancer: Balancer, generation: int, error: Exception, *, serving: bool = True) -> None:
        """Say why that generation could not be reached, and whether what served before is still `serving`."""
        failure = Failure(generation=generation, reason=_reason(error), serving=serving)
        with balancer.reporting:
            self._report(Report(loadbalancer_id=balancer.id, failure=failure))

    def gone(self, balancer: Balancer) -> None:
        """Say that nothing of a load balancer is left."""
        self._reported.pop(balancer.id, None)
        self._loads.pop(balancer.id, None)
        self._untold.pop(balancer.id, None)
        with balancer.reporting:
            self._report(Report(loadbalancer_id=balancer.id, gone=True))

    def repeat(self) -> None:
        """Tell of all again, also where it is no news."""
        self._reported.clear()

    @property
    def load(self) -> dict[str, int]:
        """Return how many members and open connections all load balancers have, as seen last."""
        seen = [self._loads.get(each.id, (0, 0)) for each in self._balancers.all()]
        return {"members": sum(each[0] for each in seen), "connections": sum(each[1] for each in seen)}

    def _report(self, report: Report) -> None:
        if self._control.report(report) and report.observation is not None:
            self._reported[report.loadbalancer_id] = report.observation

    def _news(self, balancer: Balancer, wait_s: float | None = None) -> Observation | None:
        """Return what can be observed, if it is not what was reported last."""
        seen = balancer.observe(wait_s=wait_s)
        self._untold.pop(balancer.id, None)  # what was read before
        if seen is not None:
            connections = sum(each.active_connections for each in seen.listeners.values())
            self._loads[balancer.id] = (len(seen.members), connections)
        known = self._reported.get(balancer.id)
        return None if seen is known or seen == known else seen  # most are the very same

    def _report_news(self, key: str) -> None:
        balancer = self._balancers.get(key)
        if balancer is None:
            return
        # Others do not wait for one that is being changed; who changes it reports too.
        if not balancer.reporting.acquire(blocking=False):
            raise Busy("It is being reported")
        try:
            seen = self._news(balancer, wait_s=0)
            if seen is not None:
                self._report(Report(loadbalancer_id=key, observation=seen))
        finally:
            balancer.reporting.release()

    def _report_all_news(self, keys: Sequence[str]) -> None:
        """Read several, those left out that are being changed; tell what is news where that is much, or it is time."""
        for key in keys:
            if key != TELL:
                self._count(key)
        if TELL in keys or len(self._untold) >= COUNTED_AT_ONCE:
            self._tell_counters()

    def _count(self, key: str) -> None:
        """Note what is news of a load balancer; the next reading looks again at one that somebody else reports on."""
        balancer = self._balancers.get(key)
        if balancer is None or not balancer.reporting.acquire(blocking=False):
            return
        try:
            seen = self._news(balancer, wait_s=0)
            if seen is not None:
                self._untold[key] = seen
        except Exception as error:  # noqa: BLE001 - others are well
            self._not_reported(key, error)
        finally:
            balancer.reporting.release()

    def _tell_counters(self) -> None:
        """Tell what was noted with one call, but for what somebody else reports on: that is newer."""
        with ExitStack() as reporting:
            found = []
            for key in list(self._untold):
                balancer = self._balancers.get(key)
                free = balancer is not None and balancer.reporting.acquire(blocking=False)
                if balancer is not None and free:
                    reporting.callback(balancer.reporting.release)
                seen = self._untold.pop(key, None)
                if seen is not None and free:
                    found.append(Report(loadbalancer_id=key, observation=seen))
            try:
                taken = self._control.report_all(found) if found else ()
            except Exception as error:  # noqa: BLE001 - other load balancers are read all the same
                self._not_counted([each.loadbalancer_id for each in found], error)
                return
            for report, was_taken in zip(found, taken, strict=True):
                if was_taken and report.observation is not None:
                    self._reported[report.loadbalancer_id] = report.observation

    def _health_not_reported(self, key: str, error: Exception) -> None:
        if isinstance(error, Busy):
            self.health.queue.put(key, HEALTH_AGAIN_S)
        else:
            self._not_reported(key, error)

    @staticmethod
    def _not_counted(keys: Sequence[str], error: Exception) -> None:
        # The next time they are read tells them again.
        LOG.warning("The counters of %d load balancers are not reported: %s", len(keys), error)

    @staticmethod
    def _not_reported(key: str, error: Exception) -> None:
        # The next time counters are read tells it again.
        if not isinstance(error, Busy):
            LOG.warning("Load balancer %s: its health is not reported: %s", key, error)


def _reason(error: Exception) -> str:
    if isinstance(error, HostError | DataPlaneError):
        return str(error)
    return f"The agent has met what it did not expect; see its log: {type(error).__name__}: {error}"


def _failure(graph: Graph, lacking: Mapping[str, str]) -> Failure | None:
    """Return which objects are not served as they should be, and why, though all else is applied.

    They are listeners and pools with certificates that cannot be read, and what data planes say is `lacking`.
    """
    unreadable = [
        each.id
        for each in graph.listeners
        if graph.unreadable.keys()
        & {
            *(each.default_tls_container_ref, *each.sni_container_refs),
            *(each.client_ca_tls_container_ref, each.client_crl_container_ref),
        }
    ]
    unreadable += [
        each.pool.id
        for each in graph.pools
        if graph.unreadable.keys()
        & {each.pool.tls_container_ref, each.pool.ca_tls_container_ref, each.pool.crl_container_ref}
    ]
    reasons = [*graph.unreadable.values(), *lacking.values()]
    objects = tuple(dict.fromkeys((*unreadable, *lacking)))
    failure = Failure(generation=graph.generation, reason="; ".join(reasons), objects=objects)
    return failure if reasons else None
