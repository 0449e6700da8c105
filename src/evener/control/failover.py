"""Serving a load balancer anew: on another agent where one can take it, else by a new worker where it is."""

import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Row

from evener.bus.base import Bus
from evener.control import events, pairs, reached, scheduling, zones
from evener.control.agent_notifier import look
from evener.control.certificates import Asked
from evener.control.change import begin
from evener.control.services import Services
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.bounds import DEFAULTS
from evener.resources.caller import Caller
from evener.resources.errors import Conflict
from evener.resources.event import EventType
from evener.resources.loadbalancer import LoadBalancer
from evener.services.network import Network
from evener.store import rows
from evener.store.database import Database, Transaction, now, retried

LOG = logging.getLogger(__name__)


def give_to_another(
    tx: Transaction, services: Services, balancer: Row[Any], agent_id: str, quiet: timedelta
) -> str:
    """Give what an agent that is lost does of a load balancer to another one, and return the host of that.

    It is at another generation afterwards. One that has been silent for `quiet` does not get it.

    Raises:
        Conflict: when there is none.
    """
    other = move(tx, services, balancer, agent_id, balancer.generation, quiet)
    rows.update(tx, LoadBalancer, balancer.id, generation=balancer.generation + 1)
    reached.keep(tx, balancer.id)
    host = scheduling.host_of(tx, other)
    more = {"generation": balancer.generation + 1, "reason": "the agent that served it is lost"}
    moved: events.Said = (EventType.MOVED, LoadBalancer.KIND, balancer.id, balancer.name, more)
    events.report(tx, balancer.id, host, [moved])
    return host


def move(
    tx: Transaction,
    services: Services,
    balancer: Row[Any],
    agent_id: str,
    applied: int,
    quiet: timedelta = AGENT_DOWN_AFTER,
) -> str:
    """Give what an agent does of a load balancer to another one that fits, and return the id of that.

    What is there was applied, as of that generation: only that it is elsewhere now is on its way.

    Raises:
        Conflict: when there is none.
    """
    zone = zones.of_agents(tx, balancer.availability_zone)
    serving = set(scheduling.agents_of(tx, balancer.id).values())
    partners = serving - {agent_id} if pairs.is_pair(balancer) else set()
    footing = services.footing(balancer.vip_port_id)
    other = scheduling.choose_agent(tx, now(), footing, zone, serving, partners, quiet)
    scheduling.move(tx, balancer.id, agent_id, other, applied)
    return other


class Failover:
    """Has load balancers served anew. Who may is the API's business."""

    def __init__(self, database: Database, network: Network, bus: Bus) -> None:
        self._database, self._network, self._bus = database, network, bus

    def of(self, caller: Caller, loadbalancer_id: str, agent_id: str | None = None) -> None:
        """Have a load balancer served anew, or what one of its agents does of it.

        It is at another generation afterwards, and ACTIVE once that is applied.

        Raises:
            NotFound: when the caller can see no such load balancer.
            Conflict: when it is on its way out.
        """
        services = Services(caller, self._network)
        services.run(partial(self._of, caller, services, loadbalancer_id, agent_id))

    @retried
    def _of(self, caller: Caller, services: Services, loadbalancer_id: str, agent_id: str | None) -> None:
        with self._database.write() as tx:
            change = begin(tx, caller, services, Asked(), (), DEFAULTS, (LoadBalancer, loadbalancer_id))
            row = change.loadbalancer
            before = scheduling.agents_of(tx, loadbalancer_id)
            leaving = {host: each for host, each in before.items() if agent_id in (None, each)}
            moved = False
            # Of two, both at once would leave nobody with the addresses: they get new workers where they are.
            for each in () if pairs.is_pair(row) and len(leaving) > 1 else leaving.values():
                with suppress(Conflict):
                    move(tx, services, row, each, change.generation - 1)
                    moved = True
            if not moved:
                rows.update(tx, LoadBalancer, loadbalancer_id, failovers=row.failovers + 1)
                scheduling.renew(tx, loadbalancer_id, leaving.values())
            serving = scheduling.hosts_of(tx, loadbalancer_id)
            done = (
                f"from {', '.join(before)} to {', '.join(serving)}" if moved else "by new workers where it is"
            )
            more: dict[str, Any] = {"generation": change.generation, "reason": done}
            events.note(tx, caller, row, EventType.FAILED_OVER, (LoadBalancer, row), **more)
            # Who lets go first hears it first; of two that stay, who has the VIP hears it from the other's report.
            hosts = [*leaving, *serving]
            if not moved and len(leaving) > 1:
                hosts = pairs.first_to_renew(tx, loadbalancer_id)
            hosts = list(dict.fromkeys(hosts))
            tx.after_commit(partial(look, self._bus, hosts, loadbalancer_id))
        LOG.info("Load balancer %s: %s", loadbalancer_id, "goes to another agent" if moved else "served anew")

    def look(self, loadbalancer_id: str, host: str) -> None:
        """Have the agent on a host look again at a load balancer."""
        look(self._bus, [host], loadbalancer_id)
