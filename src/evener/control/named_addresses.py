"""Rules about addresses that objects name besides members' own: who may call a listener, where health is asked.

Must not ask the network service unless an address gives a reason to.
"""

from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Protocol

from sqlalchemy import select

from evener.resources import destinations
from evener.resources.destinations import Range
from evener.resources.errors import InvalidInput
from evener.store.database import Transaction
from evener.store.schema import listeners


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
    if sources and loadbalancer.vip_sg_ids:
        raise _both()
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


def refuse_both(tx: Transaction, loadbalancer_id: str, values: Mapping[str, Any]) -> None:
    """See that a load balancer is not put into security groups while a listener of it has a list of its own.

    Raises:
        InvalidInput: when it is.
    """
    own = listeners.c
    have = select(own.id).where(
        own.loadbalancer_id == loadbalancer_id,
        own.deleted_generation.is_(None),
        own.allowed_cidrs.is_not(None),
    )
    if values.get("vip_sg_ids") and tx.scalar(have.limit(1)) is not None:
        raise _both()


def _both() -> InvalidInput:
    return InvalidInput(
        "Validation failure: allowed_cidrs of listeners and vip_sg_ids of their load balancer exclude each other."
    )
