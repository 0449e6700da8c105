"""Tells agents to look again: at a load balancer, or at the networks, routers and ports that it stands on."""

import logging
from collections.abc import Callable, Collection, Iterable
from functools import cache
from operator import methodcaller
from typing import Any

from sqlalchemy import Select, select

from evener.bus.base import Agent, Bus
from evener.control import scheduling
from evener.resources.errors import Unavailable
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database, now

LOG = logging.getLogger(__name__)


def look(bus: Bus, hosts: Iterable[str], loadbalancer_id: str) -> None:
    """Let the agents on these hosts look at a load balancer; who is not reached does so when it is heard again."""
    for host in hosts:
        try:
            bus.agent(host).look(loadbalancer_id)
        except Unavailable as error:
            LOG.warning("Load balancer %s waits for its agent: %s", loadbalancer_id, error)


class AgentNotifier:
    """Implements `evener.services.network.Onlooker`; who is not reached looks by itself when it is heard again."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def networks_changed(self) -> None:
        """Let all agents look at the networks and routers."""
        with self._database.read() as tx:
            hosts = scheduling.living_hosts(tx, now())
        self._tell(hosts, methodcaller("look_at_networks"))

    def ports_changed(self, loadbalancer_ids: Collection[str]) -> None:
        """Let the agents that serve these load balancers look at them."""
        with self._database.read() as tx:
            served = scheduling.hosts_of_all(tx, sorted(loadbalancer_ids))
        for loadbalancer_id, host in served:
            self._tell([host], methodcaller("look", loadbalancer_id))

    def owned_ports_changed(self, port_ids: Collection[str]) -> None:
        """Let the agents look at the load balancers that have these ports; ports of nobody's are fine."""
        with self._database.read() as tx:
            owners = {row.id for row in rows.of_all(tx, _owners, sorted(port_ids))}
        self.ports_changed(owners)

    def _tell(self, hosts: Iterable[str], tell: Callable[[Agent], object]) -> None:
        for host in hosts:
            try:
                tell(self._bus.agent(host))
            except Unavailable as error:
                LOG.warning("The agent on %s sees what has changed when it answers again: %s", host, error)


@cache
def _owners(*, one: bool) -> Select[Any]:
    own = rows.table(LoadBalancer)
    return select(own.c.id).where(rows.wanted(own.c.vip_port_id, one=one))
