"""The agent: work on load balancers as they are asked for or drift, and report what came of it.

One thread per worker, as many that repair, some that take over what another host served, one that keeps time
(heartbeat, resync), two for health that has changed, one for counters, and the watcher's.
"""

import logging
import random
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from oslo_context.context import RequestContext

from evener import threads
from evener.agent.address_asker import AddressAsker
from evener.agent.balancer import NAMESPACE_PREFIX, Balancer, Tools
from evener.agent.balancers import Balancers
from evener.agent.control import Control
from evener.agent.errors import NotAlone
from evener.agent.first_look import FirstLook
from evener.agent.hang_watch import HangWatch
from evener.agent.journal import Journal
from evener.agent.memory import Memory
from evener.agent.metrics import AgentMetrics
from evener.agent.neighbours import NeighbourTables
from evener.agent.repair import NETWORKS, Repairer
from evener.agent.reporting import TELL, Reporter
from evener.agent.underlay import MakeUnderlay, WhenNamed
from evener.agent.work import Gatherer, Workers
from evener.bus.base import Controller
from evener.dataplane.base import Busy, DataPlaneError, DeviceDriver
from evener.host import memory, netns
from evener.host.driver import InterfaceDriver
from evener.host.errors import AddressAnswers, HostError
from evener.host.watch import Watcher
from evener.resources.errors import Unavailable
from evener.resources.facts import Observation
from evener.resources.graph import Graph

LOG = logging.getLogger(__name__)
LISTING = "load balancers"  # the key of looking at all that is here and all that control assigns
COMPARING = "generations"  # the key of looking only at what is of another generation than control says
GATHERED_S = 0.3  # of changes that come faster than reloads, each further reload has all of so many seconds
BUSY_S = 0.2  # until another look at a load balancer that waits for its old workers
FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 30.0
AWAY_RETRY_S = 4.0  # the longest where control, or a service that it asks, was away
ANSWERS_RETRY_S = 1.0  # where another host has had the address for longer than it has to let go
LETS_GO_S = 10.0  # what another host gets to let go of a load balancer that it was told to
STOP_S = 10.0
ANSWER_S = 3.0  # what control gets after a start, before what was served last is served again
NETWORKS_RESYNC, FULL_RESYNC = 6, 60  # every so many resyncs look at networks too, and at everything
TAKEN_AT_ONCE = 16  # load balancers that another host served: most of it is to wait for that one's answer
ADOPTED_AT_ONCE = 2  # load balancers that run: there is little to wait for, and threads hold each other up
READ_AT_ONCE = 20  # load balancers: fewer wake up too often, more are in the way of what is to be done soon
# Until a load balancer of two hosts is looked at whose VIP came or went: with a host go many, and others need the
# processor more.
TAKES_OVER_S = 0.5
OBSERVED_S = 2.0  # what somebody who asks waits for a load balancer that is being changed
CONFIRMED_AT_ONCE = 2  # ports that are new, with each reading of counters: nobody waits for it
UNHEARD_S = 2.0  # between two heartbeats where the last was not heard
LONGEST_SILENCE_S = 25.0  # control takes an agent for dead after 75 s without a heartbeat


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between two readings of counters (and heartbeats), and between two comparisons with control."""

    periodic_s: float = 10
    resync_s: float = 10


class AgentService:
    """Implements `evener.bus.base.Agent`."""

    def __init__(
        self,
        host: str,
        controller: Controller,
        journal: Journal,
        driver: InterfaceDriver,
        device_drivers: Sequence[DeviceDriver],
        intervals: Intervals,
        configurations: Mapping[str, Any],
        sysctls: Mapping[str, str],
        workers: int = 4,
        underlay: MakeUnderlay = WhenNamed,
    ) -> None:
        self._intervals = intervals
        started_at = datetime.now(UTC).replace(tzinfo=None).isoformat()
        self._configurations = {**configurations, "started_at": started_at}
        self._watcher = Watcher()
        self._tools = Tools(
            journal, driver, AddressAsker(driver), device_drivers, self._watcher, self, sysctls
        )
        self._balancers = Balancers()
        self._underlay = underlay(journal, driver, self._watcher, self._routers_changed)
        self.metrics = AgentMetrics()
        self._control = Control(controller, host, journal, Memory(journal.home), self.metrics)
        self._refused: NotAlone | None = None
        self._strangers = 0  # load balancers that are here and not named, as of the last look
        self._networks_wait = False  # some that are to go may stand on networks that go after them
        self._neighbours = NeighbourTables(self.metrics)
        self._workers = Workers("worker", workers, self._look_at, self._try_again)
        self._queue = self._workers.queue
        self._repairer = Repairer(
            self._tools, self._balancers, self._underlay, self.metrics, workers, self._queue.put
        )
        self._reporter = Reporter(self._control, self._balancers)
        self._takers = Workers("taker", TAKEN_AT_ONCE, self._take, self._try_again)
        self._to_take: dict[str, Graph] = {}  # as of the last look, until one of them has it
        self._unserved: dict[
            str, int
        ] = {}  # generations of which was said that another host still serves them
        self._all_workers: dict[str, Gatherer] = {
            "work": self._workers,
            "taking": self._takers,
            "mending": self._repairer.workers,
            "health": self._reporter.health,
            "counters": self._reporter.counters,
        }
        for name, each in self._all_workers.items():
            self.metrics.watch_queue(name, each.queue)
        self._retries: dict[str, float] = {}
        self._heard = False
        self._first_look: FirstLook | None = None
        self._adoptions = threading.BoundedSemaphore(ADOPTED_AT_ONCE)
        self._stopped = threading.Event()
        self._time = threads.lasting("time", self._keep_time)
        self._hang_watch = HangWatch(self._balancers, self)

    def start(self) -> None:
        """Look at everything, and work from now on.

        Raises:
            NotAlone: when another agent of this host's name is alive.
        """
        netns.make_directory()
        self._watcher.path(netns.DIRECTORY, self._on_namespace)
        self._watcher.links(self._on_link)
        self._tools.driver.watch(self._on_link)
        self._watcher.start()
        self._repairer.restore(ANSWER_S)
        for each in self._all_workers.values():
            each.start()
        self._time.start()
        self._hang_watch.start()
        self._beat()  # once heard, all is looked at
        if self._refused is not None:
            self.stop()
            raise self._refused
        if not self._heard:
            self.look()

    def stop(self) -> None:
        """Finish what is being worked on and stop; traffic goes on. Who waits for control longer is left alone."""
        self._stopped.set()
        self._hang_watch.stop()
        for each in self._all_workers.values():
            each.close()
        deadline = time.monotonic() + STOP_S
        self._time.join(STOP_S)
        for each in self._all_workers.values():
            each.join(deadline)
        self._watcher.stop()
        for balancer in self._balancers.all():
            balancer.forget()
        for driver in self._tools.device_drivers:
            driver.stop()
        self._underlay.forget()

    @property
    def configurations(self) -> dict[str, Any]:
        """What this agent shows of itself, with how many load balancers it has as `instances`, and their `load`."""
        left = memory.left()
        load = {**self._reporter.load, "memory_left": None if left is None else round(left, 3)}
        return {**self._configurations, "instances": len(self._balancers), "load": load}

    # What control calls.

    def look(self, loadbalancer_id: str | None = None) -> None:
        """Look again at one load balancer, or at the list of them and at the networks."""
        if loadbalancer_id is not None:
            if self._first_look is not None:
                self._first_look.changed(loadbalancer_id)
            self._queue.put(loadbalancer_id)
            return
        self._underlay.doubt_all()
        self._queue.put(NETWORKS)
        self._queue.put(LISTING)

    def look_at_networks(self) -> None:
        """Look again at the networks and routers."""
        self._queue.put(NETWORKS)

    def observe(self, loadbalancer_id: str) -> Observation | None:
        """Return the state of traffic now; None where this agent does not serve the load balancer, or changes it."""
        balancer = self._balancers.get(loadbalancer_id)
        with suppress(Busy):
            return None if balancer is None else balancer.observe(servers=True, wait_s=OBSERVED_S)
        return None

    def configured(self, loadbalancer_id: str) -> Mapping[str, str] | None:
        """Return by what data planes are configured; None where this agent does not serve the load balancer."""
        balancer = self._balancers.get(loadbalancer_id)
        return None if balancer is None else balancer.configured()

    # What the host tells.

    def drifted(self, loadbalancer_id: str, what: str) -> None:
        """Look at a load balancer, and repair it if it is really not as it was left."""
        if self._balancers.get(loadbalancer_id) is not None:
            self._repairer.look(loadbalancer_id, what)

    def health_changed(self, loadbalancer_id: str) -> None:
        """Read the members' health of a load balancer, and report it."""
        self._reporter.health.queue.put(loadbalancer_id)

    def network_changed(self, loadbalancer_id: str) -> None:
        """Look again at a load balancer and its interface."""
        balancer = self._balancers.get(loadbalancer_id)
        if balancer is None:
            return
        if balancer.is_one_of_two:
            self._doubt(balancer, TAKES_OVER_S)
            self._reporter.health.queue.put(balancer.id, TAKES_OVER_S)
        else:
            self._doubt(balancer)

    def _doubt(self, balancer: Balancer, delay_s: float = 0) -> None:
        balancer.doubt()
        self._repairer.look(balancer.id, delay_s=delay_s)

    def _routers_changed(self) -> None:
        self._repairer.look(NETWORKS)

    def _on_namespace(self, name: str) -> None:
        if not name:
            self.look()
        elif name.startswith(NAMESPACE_PREFIX):
            self.drifted(name.removeprefix(NAMESPACE_PREFIX), f"namespace {name} has changed")
        else:
            self._underlay.namespace_changed(name)

    def _on_link(self, name: str, what: str) -> None:
        if not name:
            self.look()
        elif what in ("deleted", "released", "down") and self._tools.driver.carries_networks(name):
            self._underlay.doubt_all()
            self._repairer.look(NETWORKS)
            for balancer in self._balancers.all() if what != "down" else ():
                if not balancer.wired_elsewhere:
                    self._doubt(balancer)
        elif what in ("deleted", "released", "down") and name.startswith("tap"):
            self._look_at_port(name.removeprefix("tap"), what)
        elif what == "connected" and name.startswith("tap"):
            for balancer in self._of_port(name.removeprefix("tap")):
                balancer.connected()

    def _of_port(self, prefix: str) -> list[Balancer]:
        return [
            each for each in self._balancers.all() if each.port_id.startswith(prefix) and not each.leaving
        ]

    def _look_at_port(self, prefix: str, what: str) -> None:
        self._underlay.port_changed(prefix)
        for balancer in self._of_port(prefix):
            if what == "down" and not balancer.plugged:  # as it is while it is being made
                continue
            if what == "deleted" or (what == "released" and not balancer.wired_elsewhere):
                LOG.warning("Load balancer %s: its port was cut off; repairing", balancer.id)
            self._doubt(balancer)

    # What the threads do.

    def _try_again(self, key: str, error: Exception) -> None:
        if isinstance(error, Busy):
            LOG.debug("%s: %s; waiting for one to end", key, error)
            self._queue.put(key, BUSY_S)
            return
        longest_s = AWAY_RETRY_S if isinstance(error, Unavailable) else LONGEST_RETRY_S
        if isinstance(error, AddressAnswers):
            LOG.debug("%s: %s", key, error)
            self._queue.put(key, FIRST_RETRY_S if error.since_s < LETS_GO_S else ANSWERS_RETRY_S)
            return
        delay_s = min(self._retries.get(key, FIRST_RETRY_S), longest_s)
        self._retries[key] = delay_s * 2
        expected = isinstance(error, Unavailable | HostError | DataPlaneError)
        LOG.error("%s: %s; trying again in %.2g s", key, error, delay_s, exc_info=None if expected else error)
        self._queue.put(key, delay_s)

    def _look_at(self, key: str) -> None:
        RequestContext(resource_uuid=key, overwrite=True)
        if key == NETWORKS:
            self._look_at_networks()
        elif key == LISTING:
            self._look_at_all()
        elif key == COMPARING:
            self._compare_generations()
        else:
            with self._turn(key):
                self._look_at_balancer(key)
        self._retries.pop(key, None)
        if self._first_look is not None:
            self._first_look.done(key)

    def _turn(self, loadbalancer_id: str) -> AbstractContextManager[object]:
        """Wait for a turn where a load balancer is looked at first that an agent has left: only a few are at a time."""
        adopts = self._balancers.get(loadbalancer_id) is None and netns.exists(
            NAMESPACE_PREFIX + loadbalancer_id
        )
        return self._adoptions if adopts else nullcontext()

    def _look_at_all(self) -> None:
        try:
            wanted = self._control.assigned()
        except Unavailable:
            self._repairer.restore()
            raise
        leaving = self._leaving(wanted)
        self._reporter.repeat()  # one that came late may have undone the last
        for balancer in self._balancers.all():
            balancer.doubt(closely=False)
        all_ids = {*wanted, *leaving}
        if self._first_look is None:
            self._first_look = FirstLook(all_ids, self._control.applied())
        for balancer_id in all_ids:
            self._queue.put(balancer_id)

    def _compare_generations(self) -> None:
        wanted = self._control.assigned_when_heard()
        for balancer_id, generation in wanted.items():
            balancer = self._balancers.get(balancer_id)
            if balancer is None or balancer.generation != generation:
                self._queue.put(balancer_id)
        for balancer_id in self._leaving(wanted):
            self._queue.put(balancer_id)

    def _leaving(self, wanted: Collection[str]) -> frozenset[str]:
        """Return the load balancers that are here and are to go; those that stay are repaired as if wanted."""
        strangers = self._tools.journal.loadbalancers() - frozenset(wanted)
        self._strangers = len(strangers)
        stay = self._control.to_stay(strangers)
        self._repairer.told({*wanted, *stay})
        return strangers - stay

    def _look_at_networks(self) -> None:
        try:
            # Routers first: a network that one of them was told to be on cannot go before it.
            wanted_routers = self._control.routers()
            wanted = self._control.networks()
            journal, strangers = self._tools.journal, set[str]()
            if wanted_routers is not None:
                strangers |= journal.routers() - {each.id for each in wanted_routers}
            if wanted is not None:
                strangers |= journal.networks() - {each.id for each in wanted}
            self._networks_wait = True  # before anybody says so: what goes from now on is asked about again
            stay = self._control.to_stay(strangers)
            self._networks_wait = bool(stay & strangers)
        except Unavailable:
            self._repairer.instead(NETWORKS)
            raise
        self._underlay.reconcile(wanted, wanted_routers, stay)
        if not strangers and not self._strangers:
            self._control.settled()

    def _adopts(self, loadbalancer_id: str) -> bool:
        """Take over what an agent before this one has left, where control knows of it all there is to know."""
        generation = self._first_look.applied(loadbalancer_id) if self._first_look is not None else None
        if generation is None or self._tools.journal.port_of(loadbalancer_id) is None:
            return False
        balancer = self._balancers.ensure(loadbalancer_id, self._tools)
        with self.metrics.apply():
            return balancer.adopt(generation)

    def _look_at_balancer(self, loadbalancer_id: str) -> None:
        if self._adopts(loadbalancer_id):
            return
        try:
            graph = self._control.graph(loadbalancer_id)
            stays = graph is None and loadbalancer_id in self._control.to_stay({loadbalancer_id})
        except Unavailable:
            self._repairer.instead(loadbalancer_id)
            raise
        if graph is not None and graph.binding > 1 and not self._is_plugged(loadbalancer_id):
            self._to_take[loadbalancer_id] = graph
            self._takers.queue.put(loadbalancer_id)
            return
        self._to_take.pop(loadbalancer_id, None)
        if graph is not None:
            self._apply(graph)
        elif not stays:
            self._remove(loadbalancer_id)

    def _is_plugged(self, loadbalancer_id: str) -> bool:
        balancer = self._balancers.get(loadbalancer_id)
        return balancer is not None and balancer.plugged

    def _take(self, loadbalancer_id: str) -> None:
        """Serve what another host did; where that is not wanted any more, look again."""
        RequestContext(resource_uuid=loadbalancer_id, overwrite=True)
        graph = self._to_take.pop(loadbalancer_id, None) or self._control.graph(loadbalancer_id)
        if graph is None:
            self._queue.put(loadbalancer_id)
            return
        with self._turn(loadbalancer_id):
            self._apply(graph)
        self._retries.pop(loadbalancer_id, None)
        self._unserved.pop(loadbalancer_id, None)

    def _apply(self, graph: Graph) -> None:
        balancer = self._balancers.ensure(graph.id, self._tools)
        try:
            with self.metrics.apply():
                outcome = balancer.apply(graph)
            if outcome.costly:
                self._queue.rest(graph.id, GATHERED_S)
        except Busy:
            raise
        except AddressAnswers as error:
            if error.since_s > LETS_GO_S and self._unserved.get(graph.id) != graph.generation:
                LOG.warning("Load balancer %s: not served yet: %s", graph.id, error)
                self._reporter.failed(balancer, graph.generation, error)
                self._unserved[graph.id] = graph.generation
            raise
        except Exception as error:
            # Whatever it was: who waits for the load balancer is told why.
            self._reporter.failed(balancer, graph.generation, error, serving=balancer.serves)
            raise
        self.metrics.certificates(graph.id, (each.not_after for each in graph.certificates.values()))
        self._reporter.applied(balancer, graph, outcome.lacking)
        if graph.unreadable:  # all else is applied; those may come with a later look
            raise Unavailable("; ".join(graph.unreadable.values()))

    def _remove(self, loadbalancer_id: str) -> None:
        balancer = self._balancers.ensure(loadbalancer_id, self._tools)
        try:
            balancer.remove()
        except Exception as error:
            self._not_removed(balancer, error)
            raise
        self._balancers.drop(loadbalancer_id)
        self.metrics.certificates(loadbalancer_id, ())
        self._reporter.gone(balancer)
        LOG.info("Load balancer %s: removed", loadbalancer_id)
        if self._networks_wait:
            self._queue.put(NETWORKS)

    def _not_removed(self, balancer: Balancer, error: Exception) -> None:
        """Say why a load balancer that was told to go is still here; of one that is elsewhere now nobody asks."""
        generation = self._control.assigned().get(balancer.id)
        if generation is not None:
            self._reporter.failed(balancer, generation, error)

    def _keep_time(self) -> None:
        resynced, times = time.monotonic(), 0
        interval_s = min(self._intervals.periodic_s, LONGEST_SILENCE_S)
        self._neighbours.look()
        while not self._stopped.wait(interval_s if self._heard else min(interval_s, UNHEARD_S)):
            self._beat()
            balancers = self._balancers.all()
            share = 0.0
            for number, balancer in enumerate(balancers):
                share = number // READ_AT_ONCE * READ_AT_ONCE / len(balancers)
                self._reporter.counters.queue.put(balancer.id, interval_s * share)
            self._reporter.counters.queue.put(TELL, interval_s * share)  # with the last of them
            unsure = [each.id for each in balancers if each.plugged and not each.sure]
            for balancer_id in random.sample(unsure, min(len(unsure), CONFIRMED_AT_ONCE)):
                self._repairer.confirm(balancer_id)
            if time.monotonic() - resynced >= self._intervals.resync_s:
                resynced, times = time.monotonic(), times + 1
                if times % NETWORKS_RESYNC == 0:
                    self._neighbours.look()
                if times % FULL_RESYNC:
                    self._queue.put(COMPARING)
                    if times % NETWORKS_RESYNC == 0:
                        self._queue.put(NETWORKS)
                else:
                    self.look()

    def _beat(self) -> None:
        """Say that the agent lives; where that was not heard before, messages have been lost as well: look at all."""
        try:
            moment = datetime.now(UTC).replace(tzinfo=None).isoformat()
            self._control.heartbeat({**self.configurations, "moment": moment})
            self._refused = None
            self.metrics.heard()
        except Exception as error:  # noqa: BLE001 - the next heartbeat comes soon
            self._heard = False
            self._refused = error if isinstance(error, NotAlone) else None
            LOG.warning("The heartbeat was not heard: %s", error)
            return
        if not self._heard:
            self._heard = True
            self.look()
