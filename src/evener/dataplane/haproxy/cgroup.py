"""What one load balancer's HAProxy may take of the machine: a cgroup of its own, where there are such."""

import logging
from collections.abc import Collection
from pathlib import Path

from evener.dataplane.haproxy.settings import Settings
from evener.host import cgroups
from evener.host.errors import HostError
from evener.host.processes import Process

LOG = logging.getLogger(__name__)


class Cgroup:
    """The group of the load balancer with that id. One thread at a time calls."""

    def __init__(self, loadbalancer_id: str, settings: Settings) -> None:
        self._id, self._limits = loadbalancer_id, settings.limits
        self._group: Path | None = settings.cgroups and settings.cgroups / loadbalancer_id
        self._inside: Collection[Process] = ()

    def confine(self, living: Collection[Process]) -> None:
        """Put a master and its worker into the group, and so all that come after them."""
        if self._group is None or living == self._inside:
            return
        try:
            cgroups.confine(self._group, self._limits, [each.pid for each in living])
            self._inside = living
        except HostError as error:  # it serves all the same
            LOG.warning("Load balancer %s: %s", self._id, error)

    def remove(self) -> None:
        """Remove the group, of which no process is left.

        Raises:
            HostError: when one is.
        """
        if self._group is not None:
            cgroups.remove(self._group)
        self._inside = ()
