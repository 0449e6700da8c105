"""On which hosts a Neutron can connect ports of a network: by what its own agents there say of themselves."""

import logging
from collections.abc import Sequence
from threading import Lock

from cachetools import LRUCache, TTLCache, cached

from evener.services.neutron_api import Json, Neutron

LOG = logging.getLogger(__name__)
# Agents that wire ports; who else is on a host says nothing of it.
_BRIDGING = ("Linux bridge agent", "Open vSwitch agent")
_WIRING = (*_BRIDGING, "OVN Controller agent", "OVN Controller Gateway agent")
REMEMBERED_S = 20.0


class Hosts:
    """The hosts of a Neutron; what its agents say is remembered for a while."""

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron
        self._remembered = cached(TTLCache(1, REMEMBERED_S), lock=Lock())(self._agents)
        self._network = cached(LRUCache(10_000), lock=Lock())(self._show)

    def _agents(self) -> Sequence[Json]:
        return [each for each in self._neutron.list("agent") if each["agent_type"] in _WIRING]

    def _show(self, network_id: str) -> Json:
        return self._neutron.show("network", network_id)

    def reaching(self, network_id: str) -> frozenset[str] | None:
        """Return the hosts where ports of a network can be bound; None where no agent says anything of that.

        Where nobody who could is alive, all that could.

        Raises:
            NotFound: when there is no such network.
        """
        network = self._network(network_id)
        for ask in (self._remembered, self._agents):  # none is not refused because of what is out of date
            agents = ask()
            reaching = [each for each in agents if _reaches(each, network)]
            hosts = [each["host"] for each in reaching if _works(each)] or [each["host"] for each in reaching]
            if hosts:
                return frozenset(hosts)
        return frozenset() if agents else None

    def why_not(self, host: str, network_id: str) -> str:
        """Return why a port cannot be bound on a host, and what has to be there, in words for an operator.

        Which other hosts there are is told to the log alone: users see the reason, too.
        """
        agents = self._agents()
        here = [each for each in agents if each["host"] == host]
        working = [each for each in here if _works(each)]
        if working:
            network = self._network(network_id)
            physical = network.get("provider:physical_network")
            on = f" on physical network {physical}" if physical else ""
            return (
                f"the {working[0]['agent_type']} there does not reach network {network_id}, which is"
                f" {network.get('provider:network_type')}{on}; see its mappings of physical networks and its types of"
                " tunnels"
            )
        if here:
            return f"the {here[0]['agent_type']} there is not alive, or not enabled"
        others = ", ".join(sorted({each["host"] for each in agents})) or "no host"
        LOG.warning("Neutron has no agent that wires ports on host %s, but on: %s", host, others)
        return (
            "no agent of Neutron's that wires ports is on a host of that name; there has to be one beside Evener's,"
            " and both have to call their host the same ([DEFAULT] host)"
        )


def _works(agent: Json) -> bool:
    return bool(agent["alive"] and agent["admin_state_up"])


def _reaches(agent: Json, network: Json) -> bool:
    """Say whether an agent can connect ports of a network, as ML2's drivers decide it; OVN's decides otherwise."""
    kind, physical = network.get("provider:network_type"), network.get("provider:physical_network")
    if agent["agent_type"] not in _BRIDGING or kind in (None, "local"):
        return True
    said = agent["configurations"]
    if kind in ("flat", "vlan"):
        return physical in {**said.get("bridge_mappings", {}), **said.get("interface_mappings", {})}
    return kind in said.get("tunnel_types", ())
