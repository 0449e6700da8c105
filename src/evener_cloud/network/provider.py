"""What an administrator says a network is underneath: of this host alone, or one with a physical network.

The rules and messages are those of Neutron's ML2 plugin for its types `flat` and `local`; there are no others here.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from evener.store.database import Transaction
from evener_cloud.network import errors
from evener_cloud.network.resources.network import NetworkType
from evener_cloud.network.tables import networks


def check(values: Mapping[str, Any], known: Collection[str]) -> None:
    """See that a new network's provider attributes fit each other and the physical networks that are `known`.

    Raises:
        InvalidInput: naming the attribute and what is allowed.
    """
    kind = values.get("network_type", NetworkType.LOCAL)
    physical = values.get("physical_network")
    if values.get("segmentation_id") is not None:
        raise errors.provider(f"segmentation_id prohibited for {kind} provider network")
    if kind is NetworkType.LOCAL and physical is not None:
        raise errors.provider(
            "physical_network prohibited for local provider network; give provider:network_type flat with it"
        )
    if kind is NetworkType.FLAT and physical is None:
        raise errors.provider("physical_network required for flat provider network")
    if physical is not None and physical not in known:
        listed = ", ".join(f"'{name}'" for name in sorted(known)) or "none; the operator maps them"
        raise errors.provider(
            f"physical_network '{physical}' unknown for flat provider network; known: {listed}"
        )


def check_free(tx: Transaction, physical_network: str) -> None:
    """See that no network is on `physical_network` yet: without tags, there is room for one.

    Raises:
        InUse: when there is one.
    """
    wanted = select(networks.c.id).where(networks.c.physical_network == physical_network)
    if tx.scalar(wanted) is not None:
        raise errors.flat_in_use(physical_network)
