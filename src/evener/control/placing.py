"""What a new load balancer asks of who serves it: a provider, a flavor, an availability zone, which go together."""

from collections.abc import Mapping, Sequence
from typing import Any

from evener.control import flavor_profiles, flavors, zones
from evener.control.flavors import Choice
from evener.control.manner import Manner
from evener.resources.provider import Provider
from evener.store.database import Transaction


def choose(
    tx: Transaction,
    providers: Sequence[Provider],
    values: Mapping[str, Any],
    manner: Manner,
    network_id: str | None = None,
) -> Choice:
    """Return who serves a new load balancer, and how; with `network_id`, that of its VIP, as far as zones allow it.

    Raises:
        EvenerError: when there is no such thing, or one does not go with another.
    """
    how = flavor_profiles.choose if manner.flavors_with_providers else flavors.choose_provider
    choice = how(tx, providers, values["flavor_id"], values["provider"])
    zones.check(tx, providers, values.get("availability_zone"), choice.provider, network_id)
    return choice
