"""By what a load balancer is configured on the hosts that serve it: asked of their agents, and kept nowhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evener.bus.base import Bus
from evener.control import scheduling
from evener.resources.caller import Caller
from evener.resources.errors import NotFound, Unavailable
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one data plane on a host has, in its language; or, with an `error`, why that is not known."""

    host: str
    data_plane: str = ""
    text: str = ""
    error: str = ""


class Configurations:
    """Asks each agent that serves a load balancer."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus

    def of(self, caller: Caller, loadbalancer_id: str) -> Sequence[Configuration]:
        """Return what there is on each host, in the order of their names.

        Raises:
            NotFound: when the caller can see no such load balancer, or no agent has anything of it yet.
            Unavailable: when no agent of it answers.
        """
        with self._database.read() as tx:
            rows.get_row(tx, LoadBalancer, loadbalancer_id, caller.scope)
            hosts = sorted(scheduling.agents_of(tx, loadbalancer_id))
        found = [each for host in hosts for each in self._on(host, loadbalancer_id)]
        if any(not each.error for each in found):
            return found
        if found:
            raise Unavailable("; ".join(each.error for each in found))
        where = f" on {' or '.join(hosts)}" if hosts else ": no agent is to serve it"
        raise NotFound(f"Load balancer {loadbalancer_id} has no configuration yet{where}")

    def _on(self, host: str, loadbalancer_id: str) -> Iterator[Configuration]:
        try:
            found = self._bus.agent(host).configured(loadbalancer_id)
        except Unavailable as error:
            yield Configuration(host, error=error.message)
            return
        for title, text in (found or {}).items():
            yield Configuration(host, title, text)
