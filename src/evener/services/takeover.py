"""What is needed of a network service to take load balancers over from another load balancing service.

Must not be used for what users ask for: whoever takes over has decided that the other service is to lose its ports.
"""

from typing import Protocol

from evener.resources.errors import InvalidInput
from evener.services.network import VipAllocation

OCTAVIA = "Octavia"  # the device_owner of the ports that Octavia makes


class Handover(Protocol):
    """A network service with ports that another service's load balancers have."""

    def foreign_vip_port(
        self, loadbalancer_id: str, port_id: str, subnet_id: str | None, address: str | None
    ) -> VipAllocation:
        """Return the VIP of a load balancer on the port that it has, and change nothing.

        Raises:
            NotFound: when there is no such port.
            InvalidInput: when another device has it, or it has not exactly one address on that subnet, or that one.
        """

    def take_over_vip_port(self, loadbalancer_id: str, port_id: str) -> None:
        """Have the port be that of a load balancer of ours, once that is made; doing it again is fine.

        A port that the other service has made goes with the load balancer, one that it was given stays.
        """


def devices(loadbalancer_id: str) -> tuple[str, ...]:
    """Return which devices a load balancer's port may have: none, or as Neutron-LBaaS and Octavia call it."""
    return "", loadbalancer_id, f"lb-{loadbalancer_id}"


def check_device(port_id: str, device_id: str, loadbalancer_id: str) -> None:
    """See that a port is nobody's but the load balancer's.

    Raises:
        InvalidInput: naming who has it.
    """
    if device_id not in devices(loadbalancer_id):
        raise InvalidInput(f"Port {port_id} is in use by device {device_id}.")
