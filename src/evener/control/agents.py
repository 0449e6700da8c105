"""The agents as administrators see them, and which load balancers they serve. Nobody else sees any."""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all operations behind the API take

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import case, func, select

from evener.bus.base import Bus
from evener.control import departing, events, scheduling, status_filters
from evener.control.errors import AgentInUse, AgentNotFound
from evener.control.operating import WORDS
from evener.control.reservations import Reservations
from evener.control.services import Services
from evener.control.status_columns import SILENT_SINCE
from evener.control.status_views import with_statuses
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.agent import Agent
from evener.resources.caller import Caller
from evener.resources.errors import Forbidden, NotFound, Unavailable
from evener.resources.event import EventType
from evener.resources.loadbalancer import LoadBalancer
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.store import rows
from evener.store.database import Database, Transaction, now, retried
from evener.store.filters import boolean
from evener.store.rows import ListQuery
from evener.store.schema import agents, bindings, loadbalancers
from evener.store.sorting import Shown

LOG = logging.getLogger(__name__)
_ALIVE = agents.c.heartbeat_at > SILENT_SINCE
KEYS = {"alive": Shown(case((_ALIVE, 1), else_=0), nullable=False)}


class Agents:
    """Implements the API's operations on agents."""

    def __init__(
        self, database: Database, network: Network, bus: Bus, secrets: Secrets | None = None
    ) -> None:
        self._database, self._network, self._bus = database, network, bus
        self._reservations = Reservations(database, network, secrets)

    def list(
        self, caller: Caller, cls: type[Agent], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[Agent]:
        """Return the agents that `query` asks for; it may filter by `alive` besides."""
        if not caller.is_admin:
            return []
        words = query.filters.get("alive")
        others = {name: values for name, values in query.filters.items() if name != "alive"}
        limited = replace(query, filters=others)
        with self._database.read() as tx:
            alive = None
            if words is not None:
                wanted = [boolean("alive", word) for word in words]
                alive = _ALIVE.in_(wanted)
            found = rows.listing(tx, cls, limited, derived=alive, keys=KEYS)
        return [_with_life(agent) for agent in found]

    def show(self, caller: Caller, cls: type[Agent], object_id: str, parent_id: str | None = None) -> Agent:
        """Return one agent.

        Raises:
            NotFound: when there is none, or the caller is no administrator.
        """
        with self._database.read() as tx:
            return _get(tx, caller, object_id)

    def create(
        self, caller: Caller, cls: type[Agent], values: Mapping[str, Any], parent_id: str | None = None
    ) -> Agent:
        """Refuse: agents register themselves.

        Raises:
            Forbidden: always.
        """
        raise Forbidden("Agents register themselves")

    @retried
    def update(
        self,
        caller: Caller,
        cls: type[Agent],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> Agent:
        """Change an agent.

        Raises:
            NotFound: when there is none.
        """
        with self._database.write() as tx:
            _get(tx, caller, object_id)
            rows.update(tx, Agent, object_id, **values)
            return _get(tx, caller, object_id)

    @retried
    def delete(self, caller: Caller, cls: type[Agent], object_id: str, parent_id: str | None = None) -> None:
        """Forget an agent; one that is alive comes back with its next heartbeat.

        Raises:
            NotFound: when there is none.
            InUse: while it has load balancers: they would be served by nobody.
        """
        with self._database.write() as tx:
            _get(tx, caller, object_id)
            serves = tx.scalar(select(func.count()).where(bindings.c.agent_id == object_id))
            if serves:
                raise AgentInUse(
                    f"Agent {object_id} is in use: it serves {serves} load balancers; delete them first, or, where its"
                    " node is lost for good, delete the agent by force",
                )
            rows.delete(tx, Agent, [object_id])

    def remove(self, caller: Caller, agent_id: str, *, leave: bool) -> None:
        """Forget an agent whose node is lost; its load balancers go to others, or with `leave` to nobody.

        Raises:
            NotFound: when there is none.
            InUse: when it is alive: what it serves would be served twice.
            Conflict: when no other agent can take what it has.
        """
        services = Services(caller, self._network)
        with self._database.read() as tx:
            _get(tx, caller, agent_id)
            ports = departing.ports_served_by(tx, agent_id)
        if not leave:
            services.know_footings(ports)
        services.run(partial(self._remove, caller, services, agent_id, leave=leave))

    @retried
    def _remove(self, caller: Caller, services: Services, agent_id: str, *, leave: bool) -> None:
        with self._database.write() as tx:
            agent = _get(tx, caller, agent_id)
            if agent.alive:
                raise AgentInUse(
                    f"Agent {agent_id} on {agent.host} is alive: stop it first, and wait until it is not heard of"
                    f" for {AGENT_DOWN_AFTER.total_seconds():.0f} seconds",
                )
            lost = departing.lose_agent(tx, services, agent_id, leave=leave)
            for each in lost.moved:
                row = rows.get_row(tx, LoadBalancer, each)
                moved = {"generation": row.generation, "reason": f"the agent on {agent.host} was removed"}
                events.note(tx, caller, row, EventType.MOVED, (LoadBalancer, row), **moved)
            told = [(host, each) for each in lost.moved for host in scheduling.hosts_of(tx, each)]
            tx.after_commit(lambda: self._tell(told))
            for each in lost.left:
                tx.after_commit(partial(self._reservations.finish, each))
        LOG.warning(
            "Agent %s was removed by force; %d load balancers go to others", agent.host, len(lost.moved)
        )

    def _tell(self, told: Sequence[tuple[str, str]]) -> None:
        for host, balancer_id in told:
            with suppress(Unavailable):  # it looks by itself once it is heard again
                self._bus.agent(host).look(balancer_id)

    def loadbalancers(self, caller: Caller, agent_id: str, query: ListQuery) -> Sequence[LoadBalancer]:
        """Return the load balancers that an agent serves.

        Raises:
            NotFound: when there is no such agent.
        """
        served = select(bindings.c.loadbalancer_id).where(bindings.c.agent_id == agent_id)
        with self._database.read() as tx:
            _get(tx, caller, agent_id)
            asked = status_filters.split(tx, LoadBalancer, query, WORDS)
            mine = loadbalancers.c.id.in_(served)
            found = rows.listing(
                tx, LoadBalancer, asked.query, caller.scope, mine, asked.condition, asked.keys
            )
            return with_statuses(tx, LoadBalancer, found, WORDS)

    def hosting(self, caller: Caller, loadbalancer_id: str) -> Agent:
        """Return the agent that serves a load balancer.

        Raises:
            NotFound: when there is no such load balancer, or no agent serves it.
        """
        with self._database.read() as tx:
            rows.get_row(tx, LoadBalancer, loadbalancer_id, caller.scope)
            agent_id = tx.scalar(
                select(bindings.c.agent_id)
                .where(bindings.c.loadbalancer_id == loadbalancer_id)
                .order_by(bindings.c.agent_id)
            )
            if agent_id is None:
                raise AgentNotFound(f"No agent serves load balancer {loadbalancer_id}.")
            return _get(tx, caller, agent_id)


def _deadline() -> Any:
    return now() - AGENT_DOWN_AFTER


def _with_life(agent: Agent) -> Agent:
    return agent.model_copy(update={"alive": agent.heartbeat_at > _deadline()})


def _get(tx: Transaction, caller: Caller, agent_id: str) -> Agent:
    try:
        found = rows.get(tx, Agent, agent_id)
    except NotFound:
        found = None
    if found is None or not caller.is_admin:
        raise AgentNotFound(f"Agent {agent_id} could not be found.")
    return _with_life(found)
