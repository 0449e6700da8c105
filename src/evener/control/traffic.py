"""What goes through load balancers: counted by agents, stored where it is news, and shown as of now.

Knows no statuses.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from evener.bus.base import Bus
from evener.control import scheduling
from evener.control.asking import Asking
from evener.control.reports import is_news, store_counters
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import Unavailable
from evener.resources.facts import Counters, Observation, Traffic
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database, Transaction, retried
from evener.store.schema import counters, loadbalancers

LOG = logging.getLogger(__name__)
_SUMS = select(*(func.sum(counters.c[name]).label(name) for name in Counters.model_fields)).select_from(
    counters.join(loadbalancers, loadbalancers.c.id == counters.c.loadbalancer_id)
)
_COUNTED = select(counters).where(counters.c.loadbalancer_id == bindparam("counted"))


class TrafficNow:
    """Asks agents what they count, once for all readers of a moment.

    What none says at once is of the last report.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus
        self._asking = Asking(self._asked)

    def seen_by(self, caller: Caller, cls: type[Resource], object_id: str) -> Traffic:
        """Return what went through a load balancer, or that of an object below it.

        Raises:
            NotFound: when the caller can see no such object.
        """
        with self._database.read() as tx:
            row = rows.get_row(tx, cls, object_id, caller.scope)
            owner = row.id if cls is LoadBalancer else row.loadbalancer_id
            agents = scheduling.agents_of(tx, owner)
        return self.of(owner, agents)

    def of(self, loadbalancer_id: str, agents: Mapping[str, str]) -> Traffic:
        """Return what went through a load balancer that `agents` serve: their ids by their hosts."""
        found = [self._said(host, loadbalancer_id, agent_id) for host, agent_id in agents.items()]
        said = [each for each in found if each is not None]
        if len(agents) == len(said) == 1:
            return said[0]
        members: dict[str, Counters] = {}
        for each in said:
            for key, counted in each.members.items():
                members[key] = members.get(key, Counters()) + counted
        with self._database.read() as tx:  # now that what each of them sees is stored
            return _summed(_counted(tx, loadbalancer_id), members)

    def of_all(self, caller: Caller) -> Counters:
        """Return what went through all load balancers that the caller reaches, as last reported."""
        wanted = _SUMS
        if caller.scope is not None:
            wanted = wanted.where(loadbalancers.c.project_id == caller.scope)
        with self._database.read() as tx:
            row = tx.execute(wanted).one()
        sums = {name: getattr(row, name) for name in Counters.model_fields}
        return Counters(**{name: int(value) for name, value in sums.items() if value is not None})

    def _said(self, host: str, loadbalancer_id: str, agent_id: str) -> Traffic | None:
        try:
            return self._asking(host, loadbalancer_id, agent_id)
        except Unavailable as error:
            LOG.warning("Load balancer %s: counters may be old: %s", loadbalancer_id, error)
            return None

    def _asked(self, host: str, loadbalancer_id: str, agent_id: str) -> Traffic | None:
        """Return the counters once those are stored that an agent sees now, with its members' own."""
        seen = self._bus.agent(host).observe(loadbalancer_id)
        if seen is None:
            return None
        with self._database.read() as tx:
            found = _counted(tx, loadbalancer_id)
        known = {row["owner_id"]: row for row in found if row["agent_id"] == agent_id}
        if is_news(known, seen):
            found = self._stored(loadbalancer_id, agent_id, seen)
        return _summed(found, seen.servers)

    @retried  # the agent's own report may come at the same moment
    def _stored(self, loadbalancer_id: str, agent_id: str, seen: Observation) -> list[dict[str, Any]]:
        with self._database.write() as tx:
            store_counters(tx, loadbalancer_id, agent_id, seen)
            return _counted(tx, loadbalancer_id)


def _counted(tx: Transaction, loadbalancer_id: str) -> list[dict[str, Any]]:
    return [dict(row) for row in tx.execute(_COUNTED, {"counted": loadbalancer_id}).mappings()]


def _summed(found: Sequence[Mapping[str, Any]], members: Mapping[str, Counters] | None = None) -> Traffic:
    """Return what all agents saw since the load balancer was made: in all, deleted listeners too, and by listener."""
    listeners: dict[str, Counters] = defaultdict(Counters)
    gone = Counters()
    for row in found:
        counted = Counters(**{name: row[name] for name in Counters.model_fields})
        if row["owner_id"] == row["loadbalancer_id"]:
            gone += counted
        else:
            listeners[row["owner_id"]] += counted
    return Traffic(
        total=sum(listeners.values(), gone), listeners=dict(listeners), members=dict(members or {})
    )
