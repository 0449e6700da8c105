"""Which members of a load balancer are pinged, and what answers say of one: as HAProxy's own checks decide. Pure."""

import ipaddress
from dataclasses import dataclass

from evener.dataplane.haproxy import monitors, uses
from evener.dataplane.haproxy.render import served
from evener.host import icmp
from evener.resources.graph import Graph
from evener.resources.types import MonitorType


@dataclass(frozen=True, slots=True)
class Target:
    """A member that is pinged, every `delay_s` seconds; an answer may take `timeout_s`.

    `second` is the name of its pool's other backend, where there is one.
    """

    pool_id: str
    member_id: str
    address: str
    delay_s: float
    timeout_s: float
    fall: int
    rise: int
    second: str | None = None

    @property
    def backends(self) -> tuple[str, ...]:
        """The names of the backends that it is in."""
        return (self.pool_id,) if self.second is None else (self.pool_id, self.second)

    @property
    def version(self) -> icmp.IPVersion:
        """The IP version of the address."""
        return 6 if ipaddress.ip_address(self.address).version == 6 else 4


def targets(graph: Graph) -> tuple[Target, ...]:
    """Return the members that are to be pinged."""
    found = []
    users = uses.listeners_by_pool(graph, served(graph))
    for node in graph.pools:
        monitor = monitors.in_service(node)
        if monitor is None or monitor.type is not MonitorType.PING:
            continue
        second = next((use.name for use in uses.of_pool(node, users.get(node.pool.id, ()))[1:]), None)
        times = (monitor.delay_s, monitor.timeout_s, monitor.fall, monitor.rise)
        for member in node.members:
            if member.admin_state_up:
                address = member.monitor_address or member.address
                found.append(Target(node.pool.id, member.id, address, *times, second))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checks have said: well or not, whether any check has, and how many said otherwise of late."""

    up: bool = True
    sure: bool = False
    against: int = 0

    def after(self, *, answered: bool, fall: int, rise: int) -> "Verdict":
        """Return the verdict after another check, as HAProxy's own checks decide.

        Who was never seen well goes out at the first failure; who is known to be well, after `fall` of them.
        """
        if answered == self.up:
            return Verdict(self.up, sure=self.sure or answered)
        against = self.against + 1
        enough = rise if answered else (fall if self.sure else 1)
        if against >= enough:
            return Verdict(answered, sure=True)
        return Verdict(self.up, self.sure, against)
