"""What operators see of Octavia's API: quotas, providers, flavors, availability zones, amphorae, failover."""

from collections.abc import Mapping

from evener.api.collections import Operations, Served
from evener.api.configurations import ConfigurationViews
from evener.api.dialects.octavia import OCTAVIA
from evener.api.dialects.octavia_paths import LBAAS, V2
from evener.api.dialects.octavia_policy import named
from evener.api.documented import View
from evener.api.octavia_amphorae import AmphoraViews, FailoverViews
from evener.api.octavia_providers import ProviderViews
from evener.api.octavia_quotas import QuotaViews
from evener.api.policy import Policy
from evener.control.administration import Administration
from evener.resources.amphora import Amphora
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.availability_zone_profile import AvailabilityZoneProfile
from evener.resources.describe import Resource
from evener.resources.flavor import Flavor
from evener.resources.flavor_profile import FlavorProfile
from evener.resources.quota import LIMITED

AMPHORAE = Served(Amphora, f"{V2}/octavia", verbs=frozenset({"list", "show", "delete"}), dialect=OCTAVIA)
COLLECTIONS = (
    *(
        Served(cls, LBAAS, dialect=OCTAVIA)
        for cls in (Flavor, FlavorProfile, AvailabilityZone, AvailabilityZoneProfile)
    ),
    AMPHORAE,
)
VIEWS = (
    View(f"{LBAAS}/quotas", QuotaViews),
    View(f"{LBAAS}/quotas/{{project_id}}", QuotaViews, "one"),
    View(f"{LBAAS}/quotas/{{project_id}}/default", QuotaViews, "default"),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/failover", FailoverViews),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/configuration", ConfigurationViews),
    View(f"{AMPHORAE.path_of_one}/stats", AmphoraViews, "stats"),
    View(f"{AMPHORAE.path_of_one}/config", AmphoraViews, "config"),
    View(f"{AMPHORAE.path_of_one}/failover", AmphoraViews, "failover"),
    View(f"{LBAAS}/providers", ProviderViews),
    View(f"{LBAAS}/providers/{{provider}}/flavor_capabilities", ProviderViews, "flavors"),
    View(f"{LBAAS}/providers/{{provider}}/availability_zone_capabilities", ProviderViews, "zones"),
)


def operations_of(administration: Administration) -> Mapping[type[Resource], Operations]:
    """Return what is behind the collections, by kind."""
    return {
        **dict.fromkeys((Flavor, FlavorProfile), administration.profiled_flavors),
        **dict.fromkeys((AvailabilityZone, AvailabilityZoneProfile), administration.zones),
        Amphora: administration.amphorae,
    }


def handlers_of(administration: Administration, policy: Policy, largest_body: int) -> tuple[object, ...]:
    """Return what answers at the views."""
    return (
        QuotaViews(administration.quotas.of_kinds(LIMITED), policy, largest_body),
        ProviderViews(administration.providers, policy),
        AmphoraViews(administration.amphorae, policy),
        FailoverViews(administration.failover, policy),
        ConfigurationViews(administration.configurations, policy, named("loadbalancer", "get_configuration")),
    )
