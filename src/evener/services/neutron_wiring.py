"""What a host needs to have a load balancer's port in a Neutron, which is bound to it; the wiring is its agent's work.

Changes nothing of a port but the host that it is bound to.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from ipaddress import ip_address, ip_network
from threading import Lock
from typing import Any

from cachetools import TTLCache

from evener.resources.errors import NotFound, Unavailable
from evener.resources.wiring import FixedIP, Route, WiredPort
from evener.services.network import PortUnbound
from evener.services.neutron_api import Json, Neutron, batched
from evener.services.neutron_hosts import Hosts

_OF_SUBNETS = ("id", "network_id", "cidr", "gateway_ip", "host_routes")
_UNBOUND = ("unbound", "binding_failed")
REMEMBERED_S = 30.0


class Wiring:
    """Binds ports, and reads what is to be known of them. What networks say is remembered for a while."""

    def __init__(self, neutron: Neutron, hosts: Hosts, meanwhile: Executor) -> None:
        self._neutron, self._hosts, self._meanwhile = neutron, hosts, meanwhile
        self._networks: Any = TTLCache(10_000, REMEMBERED_S)  # with their subnets by id
        self._guard = Lock()

    def bound(self, port_id: str, host: str, also: Callable[[Json], Json] | None = None) -> Json | None:
        """Return a port that is bound to `host` from now on; None when it is gone.

        Where it has to be bound, what `also` says of it is changed as well.

        Raises:
            PortUnbound: when it cannot be, saying what has to be where.
        """
        try:
            port = self._neutron.show("port", port_id)
            if port.get("binding:host_id") != host or port["binding:vif_type"] in _UNBOUND:
                if self._known(port["network_id"]) is None:
                    self._meanwhile.submit(self.learn, [port["network_id"]])
                here = {"binding:host_id": host, "admin_state_up": True}
                port = self._neutron.update("port", port_id, here | dict(also(port) if also else {}))
        except NotFound:
            return None
        if port["binding:vif_type"] in _UNBOUND:
            why = self._hosts.why_not(host, port["network_id"])
            raise PortUnbound(f"Neutron cannot bind port {port_id} to host {host}: {why}")
        return port

    def describe(self, port: Json) -> WiredPort:
        """Return what an interface driver needs to know of a port, whose addresses are in an order of their own."""
        network_id = port["network_id"]
        wanted = {each["subnet_id"] for each in port["fixed_ips"]}
        known = self._known(network_id)
        if known is None or not wanted <= known[1].keys():
            self.learn([network_id])
            known = self._known(network_id)
        if known is None or not wanted <= known[1].keys():
            raise Unavailable(f"What port {port['id']} is on is being deleted")
        network, subnets = known
        fixed_ips = (_fixed_ip(each["ip_address"], subnets[each["subnet_id"]]) for each in port["fixed_ips"])
        return WiredPort(
            id=port["id"],
            network_id=network_id,
            mac_address=port["mac_address"],
            mtu=network["mtu"],
            fixed_ips=tuple(sorted(fixed_ips, key=lambda each: int(ip_address(each.address)))),
            wired_elsewhere=True,
        )

    def learn(self, network_ids: Collection[str]) -> None:
        """Ask for these networks and their subnets anew."""
        for some in batched(sorted(network_ids)):
            networks = self._neutron.list("network", id=some, fields=("id", "mtu"))
            subnets = self._neutron.list("subnet", network_id=some, fields=_OF_SUBNETS)
            with self._guard:
                for network in networks:
                    mine = {each["id"]: each for each in subnets if each["network_id"] == network["id"]}
                    self._networks[network["id"]] = (network, mine)

    def _known(self, network_id: str) -> tuple[Json, Mapping[str, Json]] | None:
        with self._guard:
            found: tuple[Json, Mapping[str, Json]] | None = self._networks.get(network_id)
            return found


def _fixed_ip(address: str, subnet: Json) -> FixedIP:
    return FixedIP(
        address=address,
        prefix_length=ip_network(subnet["cidr"]).prefixlen,
        gateway=subnet["gateway_ip"],
        routes=tuple(Route(**each) for each in subnet["host_routes"]),
    )
