"""How full the kernel's neighbour tables are, which all namespaces of a host share.

Once one has as many entries as it may, packets to neighbours that it does not know are dropped (arp(7), gc_thresh3).
"""

from dataclasses import dataclass

from evener.host import links
from evener.host.errors import explained

_SYSCTLS = {
    "arp_cache": "net.ipv4.neigh.default.gc_thresh3",
    "ndisc_cache": "net.ipv6.neigh.default.gc_thresh3",
}


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """A table of one IP version, by the kernel's name: how many entries it has, in all namespaces, and may have."""

    name: str
    entries: int
    limit: int

    @property
    def sysctl(self) -> str:
        """The setting that is its limit."""
        return _SYSCTLS[self.name]


def tables() -> tuple[NeighbourTable, ...]:
    """Return the tables of IPv4 and IPv6, as far as the kernel has them.

    Raises:
        HostError: when the kernel refuses.
    """
    with links.connected() as host, explained("read the neighbour tables"):
        found = links.dumped(host.get_ntables)
    # The settings of each link follow as messages of their own, without a limit.
    shown = (map(each.get_attr, ("NDTA_NAME", "NDTA_THRESH3", "NDTA_CONFIG")) for each in found)
    return tuple(
        NeighbourTable(name, config["entries"], limit)
        for name, limit, config in shown
        if name in _SYSCTLS and limit is not None and config is not None
    )
