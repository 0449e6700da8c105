"""Looks from time to time at what a network service tells nobody: what is done to ports, set of agents, of quotas.

Several controllers may do so at once: what one has seen already costs the next one a look.
"""

import logging
from collections.abc import Collection, Mapping
from threading import Event

from sqlalchemy import select

from evener.control import neutron_agents
from evener.control.quotas import Quotas
from evener.resources.errors import Unavailable
from evener.services.network import Network, Onlooker
from evener.store.database import Database, retried
from evener.store.failures import patient
from evener.store.schema import loadbalancers
from evener.threads import Thread, repeated

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 15.0  # what somebody has done to a port is seen within 30
Limits = Mapping[str, Mapping[str, int]]  # by project and kind


class CloudWatch:
    """Has agents look at load balancers whose ports have changed, and heeds what is set of agents and quotas there."""

    def __init__(self, database: Database, network: Network, onlooker: Onlooker) -> None:
        self._database, self._network, self._onlooker = database, network, onlooker
        self._quotas = Quotas(database)
        self._limits: Limits = {}  # at the last look
        self._has_looked = False

    def look(self) -> None:
        """Look once; a service that does not answer is looked at again later."""
        try:
            found = self._network.look_around()
        except Unavailable as error:
            LOG.warning("What others have done to ports, agents and quotas is seen later: %s", error)
            return
        changed = found.changed
        if found.ports is not None and not self._has_looked:
            changed |= self._without_port(found.ports)
        self._has_looked = True
        if changed:
            LOG.info("Ports of load balancers have changed: %s", ", ".join(sorted(changed)))
            self._onlooker.ports_changed(changed)
        if found.agents:
            self._heed(found.agents)
        self._limit(found.limits)

    def _without_port(self, ports: Collection[str]) -> frozenset[str]:
        """Return the load balancers whose port is none of these: somebody deleted it while nobody looked.

        One that is made at this moment may be among them, which costs its agent a look.
        """
        staying = select(loadbalancers.c.id, loadbalancers.c.vip_port_id).where(
            loadbalancers.c.deleted_generation.is_(None)
        )
        with self._database.read() as tx:
            return frozenset(row.id for row in tx.execute(staying) if row.vip_port_id not in ports)

    def _limit(self, limits: Limits) -> None:
        """Have limits be what they are there, where that is another thing than at the last look."""
        before, self._limits = self._limits, limits
        for project_id in sorted(limits.keys() | before.keys()):
            now, then = limits.get(project_id, {}), before.get(project_id, {})
            changed = {
                kind: now.get(kind)
                for kind in sorted(now.keys() | then.keys())
                if now.get(kind) != then.get(kind)
            }
            if changed:
                LOG.info("Project %s may have, as the network service says: %s", project_id, changed)
                self._quotas.update(project_id, changed)

    @retried
    def _heed(self, rows: neutron_agents.AgentRows) -> None:
        with self._database.write() as tx:
            for host, up in neutron_agents.heed(tx, rows).items():
                LOG.info("The agent on %s is to take %s load balancers", host, "new" if up else "no new")

    def keep_looking(self, ended: Event) -> Thread:
        """Return a thread, not yet started, that looks from time to time until `ended`."""
        return repeated("cloud-watch", patient("cloud-watch", self.look), LOOK_EVERY_S, ended)
