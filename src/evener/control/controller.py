"""Control's end of the bus: graphs for the agents, and what they report."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, bindparam, select

from evener.bus.base import Bus
from evener.control import departing, heartbeats, pairs, reports, scheduling
from evener.control.agent_notifier import look
from evener.control.certificates import with_certificates
from evener.control.graphs import load_family
from evener.control.reservations import Reservations
from evener.resources.errors import Unavailable
from evener.resources.facts import ANYONE, Asker, Heard, Report, Run, digest
from evener.resources.graph import Graph
from evener.resources.types import Role
from evener.resources.wiring import NetworkSpec, RouterSpec
from evener.services.network import Network, PortClosed, PortUnbound
from evener.services.secrets import Secrets
from evener.store import departures
from evener.store.database import Database, Transaction, retried
from evener.store.schema import agents, bindings, database_identity, loadbalancers

LOG = logging.getLogger(__name__)


class BusController:
    """Implements `evener.bus.base.Controller` on the database."""

    def __init__(
        self, database: Database, network: Network, secrets: Secrets | None = None, bus: Bus | None = None
    ) -> None:
        self._database = database
        self._bus = bus  # to tell the other one of two
        self._network = network
        self._secrets = secrets
        self._reservations = Reservations(database, network, secrets)

    @retried
    def heartbeat(
        self,
        host: str,
        configurations: Mapping[str, Any],
        run: Run | None = None,
        database: str | None = None,
    ) -> Heard:
        """Note that the agent on `host` is alive, unless another one is, or it takes another database's word."""
        with self._database.write(lasting=False) as tx:
            mine = departures.database_id(tx)
            if database not in (None, mine):
                return Heard(database=mine)
            refusal = heartbeats.record(tx, host, configurations, run)
            if refusal is not None:
                return Heard(database=mine, refusal=refusal)
            return Heard(database=mine, assigned=digest(_generations(tx, _ASSIGNED, host)))

    @contextmanager
    def _asked(self, host: str, asker: Asker) -> Iterator[Transaction]:
        """Open a transaction to answer the agent on `host`.

        Raises:
            Unavailable: when the asker is not that agent, or takes another database's word.
        """
        with self._database.read() as tx:
            check(tx, host, asker)
            yield tx

    def assigned(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """Return the generations of the load balancers that `host` is to serve, or has yet to let go of."""
        with self._asked(host, asker) as tx:
            return _generations(tx, _ASSIGNED, host)

    def settled(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """Return those of which `host` has reported that all is applied, and nothing failed."""
        with self._asked(host, asker) as tx:
            return _generations(tx, _SETTLED, host)

    def graph(self, host: str, loadbalancer_id: str, asker: Asker = ANYONE) -> Graph | None:
        """Return the graph as it should be now, to a host that is to serve it."""
        with self._asked(host, asker) as tx:
            part = scheduling.part_of(tx, loadbalancer_id, host)
            if part is None:
                return None
            ports = {} if part.role is Role.STANDALONE else pairs.ports_of(tx, loadbalancer_id)
            family = load_family(tx, loadbalancer_id)
        if family is None:
            return None
        # After the rows: what changes meanwhile is newer than the generation says, never older.
        try:
            graph = pairs.graph(self._network, family, part, ports, host)
        except (PortClosed, PortUnbound) as refusal:
            self._refused(host, family.balancer, refusal.message, asker)
            raise
        return graph if graph is None or self._secrets is None else with_certificates(self._secrets, graph)

    @retried
    def _refused(self, host: str, balancer: Row[Any], reason: str, asker: Asker) -> None:
        """Note that what `host` is to serve cannot be served there, and why: its agent has nothing to report on."""
        with self._database.write() as tx:
            check(tx, host, asker)
            reports.store_refusal(tx, host, balancer.id, balancer.generation, reason)

    def networks(self, host: str, asker: Asker = ANYONE) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that `host` realises itself: all but those on physical networks out of its reach."""
        with self._asked(host, asker) as tx:
            said = tx.scalar(select(agents.c.configurations).where(agents.c.host == host))
        found, reached = self._network.realised_networks(), scheduling.reach_of(said or {})
        if found is None or reached is None:
            return found
        return tuple(
            spec for spec in found if spec.physical_network is None or spec.physical_network in reached
        )

    def routers(self, host: str, asker: Asker = ANYONE) -> tuple[RouterSpec, ...] | None:
        """Return the routers that `host` realises itself: those that are on its agent, each of them on one."""
        with self._asked(host, asker) as tx:
            agent_id = tx.scalar(select(agents.c.id).where(agents.c.host == host))
        self._network.place_waiting_routers()
        return self._network.realised_routers(str(agent_id))

    def departed(self, host: str, ids: Collection[str], asker: Asker = ANYONE) -> frozenset[str]:
        """Return what was deleted, and what is known and not to be on `host`."""
        with self._asked(host, asker) as tx:
            gone = departing.departed(tx, host, ids)
        return gone | frozenset(self._network.known(sorted(set(ids))))

    def report(self, host: str, report: Report, asker: Asker = ANYONE) -> bool:
        """Store what the agent on `host` found or did, if the load balancer is its own and nothing newer is known."""
        return self._taken(host, [report], asker, lasting=True)[0]

    def report_all(self, host: str, said: Sequence[Report], asker: Asker = ANYONE) -> Sequence[bool]:
        """Store several reports in one transaction: of counters, which come again, where none is of progress."""
        return self._taken(host, said, asker, lasting=any(map(reports.is_of_progress, said)))

    @retried
    def _taken(self, host: str, said: Sequence[Report], asker: Asker, *, lasting: bool) -> Sequence[bool]:
        with self._database.write(lasting=lasting) as tx:
            senders = reports.senders(tx, host, check(tx, host, asker), said)
            taken = [
                (senders[each.loadbalancer_id], each) for each in said if each.loadbalancer_id in senders
            ]
            reports.note_numbers(tx, [each for each in taken if not reports.is_of_progress(each[1])])
            there = [each for each in taken if not each[1].gone]
            for sender, report in taken:
                self._store_progress(tx, sender, report)
            reports.store_observations(tx, there)
            for sender, report in there:
                self._store_what_follows(tx, sender, report)
            return [report.loadbalancer_id in senders for report in said]

    def _store_progress(self, tx: Transaction, sender: reports.Sender, report: Report) -> None:
        if report.gone:
            if departing.let_go(tx, report.loadbalancer_id, sender.agent_id):
                tx.after_commit(partial(self._reservations.finish, report.loadbalancer_id))
            return
        if report.failure is not None:
            LOG.error(
                "Load balancer %s: generation %d was refused: %s",
                report.loadbalancer_id,
                report.failure.generation,
                report.failure.reason,
            )
        if reports.is_of_progress(report):
            reports.store_progress(tx, sender, report)

    def _store_what_follows(self, tx: Transaction, sender: reports.Sender, report: Report) -> None:
        balancer_id, agent_id = report.loadbalancer_id, sender.agent_id
        if report.observation is not None:
            reports.store_vip(tx, sender, balancer_id, report.observation)
            if self._bus is not None and sender.binding.has_vip and report.observation.has_vip is False:
                hosts = pairs.without_vip(tx, balancer_id, agent_id)
                tx.after_commit(partial(look, self._bus, hosts, balancer_id))
        if report.applied_generation is not None:
            reports.remove_what_went(tx, self._reservations.consumers, balancer_id)
            if self._bus is not None and Role(sender.binding.role) is not Role.STANDALONE:
                hosts = pairs.waiting(tx, balancer_id, agent_id, report.applied_generation)
                tx.after_commit(partial(look, self._bus, hosts, balancer_id))


# Built once: each heartbeat asks.
_ASSIGNED = (
    select(loadbalancers.c.id, loadbalancers.c.generation)
    .join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
    .join(agents, agents.c.id == bindings.c.agent_id)
    .where(agents.c.host == bindparam("on_host"))
)
_SETTLED = _ASSIGNED.where(
    bindings.c.applied_generation == loadbalancers.c.generation, bindings.c.failed_generation.is_(None)
)


def _generations(tx: Transaction, those: Select[tuple[str, int]], host: str) -> dict[str, int]:
    return {row.id: row.generation for row in tx.execute(those, {"on_host": host})}


# Built once: each call asks.
_HEARD = select(
    database_identity.c.id,
    *(
        select(column).where(agents.c.host == bindparam("on_host")).scalar_subquery()
        for column in (agents.c.id, agents.c.run)
    ),
)


def check(tx: Transaction, host: str, asker: Asker) -> str | None:
    """Refuse to speak to who is not the agent on `host` that is heard, or takes another database's word.

    Returns the agent's id; None where there is none on `host`.

    Raises:
        Unavailable: saying which of both.
    """
    mine, agent_id, run = tx.execute(_HEARD, {"on_host": host}).one()
    if asker.database not in (None, mine):
        raise Unavailable(f"The agent serves what database {asker.database} says, and this one is {mine}")
    if run not in (None, asker.run):
        LOG.warning("Somebody asked in the name of host %s who is not its agent", host)
        raise Unavailable(f"Another agent than the one that asks is heard as host {host}")
    return None if agent_id is None else str(agent_id)
