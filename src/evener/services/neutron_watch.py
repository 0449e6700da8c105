"""What others have done to the ports of load balancers in a Neutron: found by looking, as Neutron tells nobody."""

from collections.abc import Hashable, Mapping
from threading import Lock

from evener.resources.errors import Unavailable
from evener.services.neutron_api import Json, Neutron
from evener.services.neutron_ports import OWNER
from evener.services.neutron_wiring import Wiring

_BESIDES = ("security_groups", "port_security_enabled", "binding:host_id", "binding:vif_type")
_FIELDS = ("id", "device_id", "network_id", "mac_address", "fixed_ips", *_BESIDES)


class Watch:
    """Compares the ports of load balancers with what they were when it last looked."""

    def __init__(self, neutron: Neutron, wiring: Wiring) -> None:
        self._neutron, self._wiring = neutron, wiring
        self._last: Mapping[str, tuple[str, Hashable]] | None = None
        self._guard = Lock()

    def changed(self) -> frozenset[str]:
        """Return the load balancers with a port that is another one than last time, or gone; the first time none.

        Their networks' MTU and their subnets' gateways and routes are looked at as well.
        """
        with self._guard:
            ports = self._neutron.list("port", device_owner=OWNER, fields=_FIELDS)
            self._wiring.learn({port["network_id"] for port in ports})
            now = {port["id"]: (port["device_id"], self._state(port)) for port in ports}
            last, self._last = self._last, now
        if last is None:
            return frozenset()
        return frozenset(each for port_id, (each, state) in last.items() if now.get(port_id) != (each, state))

    @property
    def ports(self) -> frozenset[str]:
        """The ids of the ports that there were at the last look."""
        return frozenset(self._last or ())

    def _state(self, port: Json) -> Hashable:
        said = (port.get(name) for name in _BESIDES)
        rest = tuple(tuple(sorted(each)) if isinstance(each, list) else each for each in said)
        try:
            return self._wiring.describe(port), rest
        except Unavailable:  # its subnet is gone meanwhile
            return None, rest
