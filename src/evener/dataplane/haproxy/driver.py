"""HAProxy as a device driver: what the HAProxies of all load balancers share. Decides nothing about any of them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from evener.dataplane.base import Place
from evener.dataplane.haproxy import modes, settings
from evener.dataplane.haproxy.data_plane import HaproxyDataPlane
from evener.dataplane.haproxy.pings import Pinger
from evener.dataplane.haproxy.settings import Settings


def make(conf: Any, *, serves: bool) -> "HaproxyDriver":
    """Return the driver that the settings describe; one that only removes needs no HAProxy.

    Raises:
        Misconfigured: when `serves`, and HAProxy is not installed, or its group does not exist.
    """
    return HaproxyDriver(
        settings.from_conf(conf) if serves else Settings(cgroups=settings.groups_from(conf)),
    )


class HaproxyDriver:
    """Implements `evener.dataplane.base.DeviceDriver`."""

    name = "haproxy_ns"  # what Neutron-LBaaS's agent shows for it
    protocols = modes.PROTOCOLS

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pinger = Pinger(settings.ping_rate)

    @property
    def configurations(self) -> Mapping[str, Any]:
        """Which HAProxy it is, and whether it logs each request."""
        return {
            "haproxy_version": ".".join(map(str, self._settings.version)),
            "access_log": self._settings.access_log,
        }

    def data_plane(self, place: Place) -> HaproxyDataPlane:
        """Return the HAProxy of one load balancer."""
        return HaproxyDataPlane(place, self._settings, self._pinger)

    def stop(self) -> None:
        """Ping nobody any more."""
        self._pinger.stop()

    def remove(self) -> None:
        """Remove the cgroup that those of load balancers were in."""
        if self._settings.cgroups is not None:
            with suppress(OSError):  # another agent's load balancers are in it
                self._settings.cgroups.rmdir()
