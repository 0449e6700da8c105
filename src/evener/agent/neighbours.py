"""Warns while the kernel's neighbour tables, which all load balancers of a host share, are almost full."""

import logging

from evener.agent.metrics import AgentMetrics
from evener.host import neighbours
from evener.host.errors import HostError

LOG = logging.getLogger(__name__)
CROWDED = 0.8  # of the limit; the kernel begins to look for entries to drop at half of it


class NeighbourTables:
    """One thread at a time calls."""

    def __init__(self, metrics: AgentMetrics) -> None:
        self._metrics = metrics
        self._crowded: frozenset[str] = frozenset()

    def look(self) -> None:
        """Count what is in them; warn of each that has become almost full since the last look."""
        try:
            found = neighbours.tables()
        except HostError as error:
            LOG.debug("%s", error)
            return
        crowded = [each for each in found if each.entries >= each.limit * CROWDED]
        for each in found:
            self._metrics.neighbours(each.name, each.entries, each.limit)
        for each in crowded:
            if each.name not in self._crowded:
                LOG.warning(
                    "The kernel's neighbour table %s has %d entries of %d, and drops packets once it is full: raise "
                    "%s (docs/agents.md)",
                    each.name,
                    each.entries,
                    each.limit,
                    each.sysctl,
                )
        self._crowded = frozenset(each.name for each in crowded)
