"""What surrounds the load balancers, in one hand: agents, flavors, availability zones, providers and quotas."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evener.bus.base import Bus
from evener.control.agents import Agents
from evener.control.amphorae import Amphorae
from evener.control.configurations import Configurations
from evener.control.events import Events
from evener.control.failover import Failover
from evener.control.flavor_profiles import FlavorsWithProfiles
from evener.control.flavors import Flavors
from evener.control.quotas import Quotas
from evener.control.zones import AvailabilityZones
from evener.resources.describe import Resource
from evener.resources.provider import DEFAULT_PROVIDERS, Provider
from evener.resources.quota import LIMITED
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.store.database import Database


@dataclass(frozen=True, slots=True)
class Administration:
    """The operations on each."""

    agents: Agents
    amphorae: Amphorae
    configurations: Configurations
    events: Events
    failover: Failover
    flavors: Flavors
    profiled_flavors: FlavorsWithProfiles
    zones: AvailabilityZones
    quotas: Quotas
    providers: Sequence[Provider]


def administration(
    database: Database,
    network: Network,
    bus: Bus,
    providers: Sequence[Provider] = DEFAULT_PROVIDERS,
    secrets: Secrets | None = None,
    limited: Iterable[type[Resource]] = LIMITED,
) -> Administration:
    """Return the operations on what `database` holds, with the `providers`, and quotas of the `limited` kinds."""
    agents = Agents(database, network, bus, secrets)
    failover = Failover(database, network, bus)
    return Administration(
        agents,
        Amphorae(database, failover),
        Configurations(database, bus),
        Events(database),
        failover,
        Flavors(database, providers),
        FlavorsWithProfiles(database, providers),
        AvailabilityZones(database, providers),
        Quotas(database, limited),
        tuple(providers),
    )
