"""Who may do what by Octavia's API: the names of its rules, and what they say (octavia/policies, release 19).

Both of its models of roles hold at once, as in Octavia: who satisfies either passes. Holds no rule about one object.
"""

from collections.abc import Mapping

from evener.api.dialects.base import Grants
from evener.resources.amphora import Amphora
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.availability_zone_profile import AvailabilityZoneProfile
from evener.resources.describe import Resource
from evener.resources.flavor_profile import FlavorProfile
from evener.resources.l7rule import L7Rule

READ, READ_GLOBAL = "rule:load-balancer:read", "rule:load-balancer:read-global"
WRITE, ADMIN = "rule:load-balancer:write", "rule:load-balancer:admin"
READ_QUOTA, READ_QUOTA_GLOBAL = "rule:load-balancer:read-quota", "rule:load-balancer:read-quota-global"
WRITE_QUOTA = "rule:load-balancer:write-quota"

_READERS = "role:reader or role:member or role:load-balancer_observer or role:load-balancer_member"
_WRITERS = "role:member or role:load-balancer_member"
# What other rules are made of.
_BASE: Mapping[str, tuple[str, str]] = {
    "load-balancer:owner": ("project_id:%(project_id)s", "Who is in the object's project"),
    "load-balancer:admin": ("role:admin or role:load-balancer_admin", "Administrators of load balancing"),
    "load-balancer:read": (
        f"rule:load-balancer:read-global or (rule:load-balancer:owner and ({_READERS}))",
        "Who reads objects of the own project",
    ),
    "load-balancer:read-global": (
        f"{ADMIN} or role:load-balancer_global_observer",
        "Who reads objects of all projects",
    ),
    "load-balancer:write": (
        f"{ADMIN} or (rule:load-balancer:owner and ({_WRITERS}))",
        "Who changes objects of the own project",
    ),
    "load-balancer:read-quota": (
        f"{READ_QUOTA_GLOBAL} or (rule:load-balancer:owner and ({_READERS}))",
        "Who reads the own project's quotas",
    ),
    "load-balancer:read-quota-global": (
        f"{READ_GLOBAL} or role:load-balancer_quota_admin",
        "Who reads the quotas of all projects",
    ),
    "load-balancer:write-quota": (f"{ADMIN} or role:load-balancer_quota_admin", "Who sets quotas"),
}
GRANTS = Grants(READ, WRITE, ADMIN, _BASE, by_project=True)

VERBS = {
    "list": "get_all",
    "get": "get_one",
    "create": "post",
    "update": "put",
    "stats": "get_stats",
    "status": "get_status",
    "failover": "put_failover",
    "config": "put_config",
}
NAMES: Mapping[type[Resource], str] = {
    L7Rule: "l7rule",
    FlavorProfile: "flavor-profile",
    AvailabilityZone: "availability-zone",
    AvailabilityZoneProfile: "availability-zone-profile",
    Amphora: "amphora",
}


def named(kind: str, verb: str) -> str:
    """Return the name of a rule: `os_load-balancer_api:pool:post`."""
    return f"os_load-balancer_api:{kind}:{verb}"


def rule_name(verb: str, cls: type[Resource]) -> str:
    """Return the name of the rule for an operation on a kind."""
    return named(NAMES.get(cls, cls.KIND), VERBS.get(verb, verb))


_GLOBAL = ("loadbalancer", "listener", "pool", "healthmonitor", "l7policy")
# What is no operation on a collection, or only for administrators where others read.
RULES: Mapping[str, tuple[str, str]] = {
    **{named(kind, "get_all-global"): (READ_GLOBAL, f"List each {kind} of all projects") for kind in _GLOBAL},
    named("loadbalancer", "get_stats"): (READ, "Show the counters of a load balancer"),
    named("loadbalancer", "get_status"): (READ, "Show the statuses of a load balancer and all below it"),
    named("loadbalancer", "put_failover"): (ADMIN, "Have a load balancer served anew"),
    named("loadbalancer", "get_configuration"): (
        ADMIN,
        "Show by what a load balancer is configured on its hosts",
    ),
    named("listener", "get_stats"): (READ, "Show the counters of a listener"),
    named("quota", "get_all"): (READ_QUOTA, "List the own project's quotas"),
    named("quota", "get_all-global"): (READ_QUOTA_GLOBAL, "List the quotas of all projects"),
    named("quota", "get_one"): (READ_QUOTA, "Show a project's quotas"),
    named("quota", "get_defaults"): (READ_QUOTA, "Show the default quotas"),
    named("quota", "put"): (WRITE_QUOTA, "Set a project's quotas"),
    named("quota", "delete"): (WRITE_QUOTA, "Give a project the default quotas again"),
    named("provider", "get_all"): (READ, "List the providers"),
    named("provider-flavor", "get_all"): (ADMIN, "List what flavor profiles can say"),
    named("provider-availability-zone", "get_all"): (ADMIN, "List what availability zone profiles can say"),
    named("flavor-profile", "get_all"): (ADMIN, "List flavor profiles"),
    named("flavor-profile", "get_one"): (ADMIN, "Show a flavor profile"),
    named("availability-zone-profile", "get_all"): (ADMIN, "List availability zone profiles"),
    named("availability-zone-profile", "get_one"): (ADMIN, "Show an availability zone profile"),
    named("amphora", "get_all"): (ADMIN, "List the places where load balancers are served"),
    named("amphora", "get_one"): (ADMIN, "Show such a place"),
    named("amphora", "get_stats"): (ADMIN, "Show what listeners counted there"),
    named("amphora", "put_config"): (ADMIN, "Have its agent look again"),
    named("amphora", "put_failover"): (ADMIN, "Have its load balancer served anew"),
}
