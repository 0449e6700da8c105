"""Control's end of the bus: graphs for the agents, and what they report."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from evener.control import facts, scheduling
from evener.control.certificates import with_certificates
from evener.control.graphs import load_graph
from evener.network.base import Network
from evener.resources.facts import Report
from evener.resources.graph import Graph
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wiring import NetworkSpec, RouterSpec
from evener.secrets.base import Secrets
from evener.store.database import Database, Transaction, now, retried
from evener.store.rows import table
from evener.store.schema import agents, bindings

LOG = logging.getLogger(__name__)


class BusController:
    """Implements `evener.bus.base.Controller` on the database."""

    def __init__(self, database: Database, network: Network, secrets: Secrets | None = None) -> None:
        self._database = database
        self._network = network
        self._secrets = secrets

    @retried
    def heartbeat(self, host: str, configurations: Mapping[str, Any]) -> None:
        """Note that the agent on `host` is alive."""
        with self._database.write() as tx:
            scheduling.record_heartbeat(tx, host, configurations)

    def assigned(self, host: str) -> Mapping[str, int]:
        """Return the generations of the load balancers that `host` is to serve, or has yet to let go of."""
        own = table(LoadBalancer)
        statement = (
            select(own.c.id, own.c.generation)
            .join(bindings, bindings.c.loadbalancer_id == own.c.id)
            .join(agents, agents.c.id == bindings.c.agent_id)
            .where(agents.c.host == host)
        )
        with self._database.read() as tx:
            return {row.id: row.generation for row in tx.execute(statement)}

    def graph(self, loadbalancer_id: str) -> Graph | None:
        """Return the graph as it should be now."""
        with self._database.read() as tx:
            graph = load_graph(tx, self._network, loadbalancer_id)
        return graph if graph is None or self._secrets is None else with_certificates(self._secrets, graph)

    def networks(self, host: str) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that `host` realises itself: all but those on physical networks out of its reach."""
        with self._database.read() as tx:
            found = self._network.realised_networks(tx)
            said = tx.scalar(select(agents.c.configurations).where(agents.c.host == host))
        reached = scheduling.reach_of(said or {})
        if found is None or reached is None:
            return found
        return tuple(
            spec for spec in found if spec.physical_network is None or spec.physical_network in reached
        )

    def routers(self, host: str) -> tuple[RouterSpec, ...] | None:
        """Return the routers that `host` realises itself: those that are on its agent, each of them on one."""
        with self._database.read() as tx:
            waiting = self._network.waiting_routers(tx)
        if waiting:
            self._place_waiting()
        with self._database.read() as tx:
            agent_id = tx.scalar(select(agents.c.id).where(agents.c.host == host))
            return self._network.realised_routers(tx, str(agent_id))

    @retried
    def _place_waiting(self) -> None:
        """Give the routers that are on no agent to one: their agent is gone, or none lived when they were made."""
        with self._database.write() as tx:
            for router_id in self._network.waiting_routers(tx):
                footing = self._network.footing_of_router(tx, router_id)  # once those before are placed
                agent_id = scheduling.for_waiting_router(scheduling.candidates(tx, now()), footing)
                if agent_id is not None:
                    self._network.bind_router(tx, router_id, agent_id)

    @retried
    def report(self, host: str, report: Report) -> None:
        """Store what the agent on `host` found or did."""
        with self._database.write() as tx:
            agent_id = tx.scalar(select(agents.c.id).where(agents.c.host == host))
            if agent_id is None:
                LOG.warning("Load balancer %s: report of unknown agent %s", report.loadbalancer_id, host)
                return
            self._store(tx, str(agent_id), report)

    def _store(self, tx: Transaction, agent_id: str, report: Report) -> None:
        balancer_id = report.loadbalancer_id
        if report.gone:
            if facts.remove_loadbalancer(tx, self._network, self._secrets, balancer_id, agent_id):
                LOG.info("Load balancer %s is gone", balancer_id)
            return
        if report.failure is not None:
            LOG.error(
                "Load balancer %s: generation %d was refused: %s",
                balancer_id,
                report.failure.generation,
                report.failure.reason,
            )
        if report.applied_generation is not None or report.failure is not None:
            facts.store_progress(tx, balancer_id, agent_id, report.applied_generation, report.failure)
        if report.observation is not None:
            facts.store_observation(tx, balancer_id, report.observation)
        if report.applied_generation is not None:
            facts.remove_what_went(tx, self._secrets, balancer_id)
