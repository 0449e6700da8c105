"""Rules about addresses that objects name besides members' own: who may call a listener, where health is asked.

Must not ask the network service unless an address gives a reason to.
"""

from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Protocol

from evener.resources import destinations
from evener.resources.destinations import Range
from evener.resources.errors import InvalidInput


class OwnAddresses(Protocol):
    """Who knows the addresses that a load balancer has by now."""

    def addresses(self, port_id: str) -> Collection[str]:
        """Return the addresses of a port."""
        ...


def check(
    values: Mapping[str, Any], loadbalancer: Any, network: OwnAddresses, reserved: Sequence[Range]
) -> None:
    """See that what is new of an object of `loadbalancer` names only addresses that it may.

    Raises:
        InvalidInput: naming the attribute, the address and the reason.
    """
    asked = values.get("monitor_address")
    if asked is not None:  # a health monitor tells whether somebody answers there, and what
        destinations.check(asked, reserved, "monitor_address")
    sources = values.get("allowed_cidrs") or ()
    others = [
        each for each in sources if ip_network(each).version != ip_address(loadbalancer.vip_address).version
    ]
    if others:
        own = {ip_address(each).version for each in network.addresses(loadbalancer.vip_port_id)}
        for each in others:
            if ip_network(each).version not in own:
                raise InvalidInput(
                    f"Invalid input for allowed_cidrs. Reason: '{each}' is of another IP version than the VIP."
                )
