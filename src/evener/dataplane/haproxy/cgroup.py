"""What one load balancer's HAProxy may take of the machine: a cgroup of its own, where there are such."""

import logging
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from evener.dataplane.haproxy.settings import MEGABYTE, Settings
from evener.host import cgroups
from evener.host.cgroups import Limits
from evener.host.errors import HostError
from evener.host.processes import Process
from evener.resources.provider_data import FlavorData

LOG = logging.getLogger(__name__)


class Cgroup:
    """The group of the load balancer with that id. One thread at a time calls."""

    def __init__(self, loadbalancer_id: str, settings: Settings) -> None:
        self._id, self._usual = loadbalancer_id, settings.limits
        self._limits = self._usual
        self._group: Path | None = settings.cgroups and settings.cgroups / loadbalancer_id
        self._inside: Collection[Process] = ()

    def confine(self, living: Collection[Process], said: FlavorData | None) -> None:
        """Put a master and its worker into the group, and so all that come after them; a flavor may say how much."""
        limits = limits_of(self._usual, said)
        if self._group is None or (living, limits) == (self._inside, self._limits):
            return
        try:
            cgroups.confine(self._group, limits, [each.pid for each in living])
            self._inside, self._limits = living, limits
        except HostError as error:  # it serves all the same
            LOG.warning("Load balancer %s: what it may take is not bounded: %s", self._id, error)

    def remove(self) -> None:
        """Remove the group, of which no process is left.

        Raises:
            HostError: when one is.
        """
        if self._group is not None:
            cgroups.remove(self._group)
        self._inside = ()


def limits_of(usual: Limits, said: FlavorData | None) -> Limits:
    """Return what a load balancer may take, of what is usual and what its flavor says."""
    if said is None:
        return usual
    return replace(
        usual,
        cpu_weight=said.cpu_weight or usual.cpu_weight,
        memory_max=(said.memory_max_mb or 0) * MEGABYTE or usual.memory_max,
    )
