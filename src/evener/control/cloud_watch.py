"""Looks from time to time at what a cloud's network service tells nobody: what was done to ports, and set of agents.

Several controllers may do so at once: what one has seen already costs the next one a look.
"""

import logging
from threading import Event

from evener.control import neutron_agents
from evener.resources.errors import Unavailable
from evener.services.network import Network, Onlooker
from evener.store.database import Database, retried
from evener.threads import Thread, lasting

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 15.0  # what somebody has done to a port is seen within 30


class CloudWatch:
    """Has agents look at load balancers whose ports have changed, and heeds what is set of agents."""

    def __init__(self, database: Database, network: Network, onlooker: Onlooker) -> None:
        self._database, self._network, self._onlooker = database, network, onlooker

    def look(self) -> None:
        """Look once; a service that does not answer is looked at again later."""
        try:
            rows = self._network.listed_agents()
            changed = self._network.changed_ports()
        except Unavailable as error:
            LOG.warning("What others have done to ports and agents is seen later: %s", error)
            return
        if changed:
            LOG.info("Ports of load balancers have changed: %s", ", ".join(sorted(changed)))
            self._onlooker.ports_changed(changed)
        if rows:
            self._heed(rows)

    @retried
    def _heed(self, rows: neutron_agents.AgentRows) -> None:
        with self._database.write() as tx:
            for host, up in neutron_agents.heed(tx, rows).items():
                LOG.info("The agent on %s is to take %s load balancers", host, "new" if up else "no new")

    def keep_looking(self, ended: Event) -> Thread:
        """Return a thread, not yet started, that looks from time to time until `ended`."""

        def work() -> None:
            self.look()
            while not ended.wait(LOOK_EVERY_S):
                self.look()

        return lasting("cloud-watch", work, LOOK_EVERY_S)
