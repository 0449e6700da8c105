"""What a new load balancer asks of who serves it: a provider, a flavor, an availability zone, which go together.

And its row, once that and its VIP are known. Which agent serves it is `scheduling`'s business.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evener.control import flavor_profiles, flavors, zones
from evener.control.flavors import Choice
from evener.control.manner import Manner
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.provider import Provider
from evener.resources.types import Topology
from evener.resources.wire import complete
from evener.services.network import VipAllocation
from evener.store import quota_counts, rows
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


def insert(
    tx: Transaction,
    providers: Sequence[Provider],
    values: Mapping[str, Any],
    manner: Manner,
    vip: VipAllocation,
    topology: Topology = Topology.SINGLE,
) -> LoadBalancer:
    """Insert a new load balancer with that VIP, which no agent has yet; `values` have its id and its project.

    Where neither they nor the flavor say a topology, it is the one given.

    Raises:
        EvenerError: as `choose`, or OverQuota.
    """
    choice = choose(tx, providers, values, manner, vip.network_id)
    quota_counts.take(tx, LoadBalancer, values["project_id"], limited=manner.within_quotas)
    full = complete(
        LoadBalancer,
        {
            **values,
            "vip_subnet_id": vip.subnet_id,
            "vip_port_id": vip.port_id,
            "vip_address": vip.address,
            "vip_network_id": vip.network_id,
            "provider": choice.provider,
            "flavor_data": choice.data,
            "flavor_id": values["flavor_id"] or None,
            "topology": values.get("topology") or (choice.data and choice.data.topology) or topology,
            "generation": 1,
        },
    )
    balancer = LoadBalancer.model_validate(full)
    rows.insert(tx, balancer, created_generation=1, changed_generation=1)
    return balancer
