"""What operators see of Octavia's API: quotas, providers, flavors, availability zones, amphorae, failover."""

from evener.api.dialects.octavia_paths import LBAAS
from evener.api.documented import View
from evener.api.octavia_quotas import QuotaViews
from evener.api.policy import Policy
from evener.control.administration import Administration
from evener.resources.quota import LIMITED

VIEWS = (
    View(f"{LBAAS}/quotas", QuotaViews),
    View(f"{LBAAS}/quotas/{{project_id}}", QuotaViews, "one"),
    View(f"{LBAAS}/quotas/{{project_id}}/default", QuotaViews, "default"),
)


def handlers_of(administration: Administration, policy: Policy, largest_body: int) -> tuple[object, ...]:
    """Return what answers at the views."""
    return (QuotaViews(administration.quotas.of_kinds(LIMITED), policy, largest_body),)
