"""The table of docs/policy.md for Octavia's API: what each role gets for each operation, worked out from its rules.

`PYTHONPATH=tests .venv/bin/python -m octavia_policy_table` prints it. A test compares the page with it, and another one
with what the API does.
"""

from collections.abc import Iterable
from typing import NamedTuple

from oslo_config import cfg

from evener.api import octavia
from evener.api.dialects.octavia import OCTAVIA
from evener.api.dialects.octavia_paths import V2
from evener.api.dialects.octavia_policy import named
from evener.api.openapi import METHODS
from evener.api.policy import Policy
from evener.resources.caller import Caller
from evener.resources.describe import columns
from evener.resources.loadbalancer import LoadBalancer
from policy_table import FORBIDDEN, NONE, YES, Line, markdown

OWN = "load-balancer_"
ROLES = (
    *("admin", "member", "reader"),
    *(f"{OWN}{role}" for role in ("admin", "member", "observer", "global_observer", "quota_admin")),
    "no role",
)
STRANGER = "another project's member"
WHO = (*ROLES, STRANGER)
VERBS = {"show": "get", "set": "update"}


class Operation(NamedTuple):
    """A method on a path, and the rule that decides; `verb` of a `kind`, where it is one on a collection.

    What is `of_project` is about objects of one project.
    """

    method: str
    path: str
    rule: str
    verb: str = ""
    kind: str = ""
    of_project: bool = True


def operations() -> list[Operation]:
    """Return every operation of the API that a rule decides."""
    found = []
    for served in octavia.COLLECTIONS:
        for verb in METHODS:
            if verb in served.verbs:
                path = served.path if verb in served.whole_verbs else served.path_of_one
                rule = OCTAVIA.rule(VERBS.get(verb, verb), served.cls)
                of_project = "project_id" in columns(served.cls)
                found.append(Operation(METHODS[verb].upper(), path, rule, verb, served.cls.KIND, of_project))
    lbaas, amphora = octavia.LBAAS, f"{V2}/octavia/amphorae/{{object_id}}"
    quotas = f"{lbaas}/quotas"
    views = (
        ("GET", f"{lbaas}/loadbalancers/{{object_id}}/stats", "loadbalancer", "get_stats", True),
        ("GET", f"{lbaas}/stats", "loadbalancer", "get_all", False),
        ("GET", f"{lbaas}/loadbalancers/{{object_id}}/status", "loadbalancer", "get_status", True),
        (
            "GET",
            f"{lbaas}/loadbalancers/{{object_id}}/configuration",
            "loadbalancer",
            "get_configuration",
            True,
        ),
        ("PUT", f"{lbaas}/loadbalancers/{{object_id}}/failover", "loadbalancer", "put_failover", True),
        ("GET", f"{lbaas}/listeners/{{object_id}}/stats", "listener", "get_stats", True),
        ("GET", quotas, "quota", "get_all", True),
        ("GET", f"{quotas}/{{project_id}}", "quota", "get_one", True),
        ("GET", f"{quotas}/{{project_id}}/default", "quota", "get_defaults", False),
        ("PUT", f"{quotas}/{{project_id}}", "quota", "put", True),
        ("DELETE", f"{quotas}/{{project_id}}", "quota", "delete", True),
        ("GET", f"{lbaas}/providers", "provider", "get_all", False),
        ("GET", f"{lbaas}/providers/{{provider}}/flavor_capabilities", "provider-flavor", "get_all", False),
        (
            *("GET", f"{lbaas}/providers/{{provider}}/availability_zone_capabilities"),
            *("provider-availability-zone", "get_all", False),
        ),
        ("GET", f"{amphora}/stats", "amphora", "get_stats", False),
        ("PUT", f"{amphora}/config", "amphora", "put_config", False),
        ("PUT", f"{amphora}/failover", "amphora", "put_failover", False),
    )
    there = {view.path for view in octavia.VIEWS}
    found += [
        Operation(method, path, named(kind, verb), of_project=of_project)
        for method, path, kind, verb, of_project in views
        if path in there
    ]
    return found


def make_policy() -> Policy:
    """Return the rules as they are where the operator has written no file."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return Policy(conf, octavia.KINDS, octavia.RULES, OCTAVIA)


def answer(policy: Policy, operation: Operation, who: str) -> str:
    """Return what somebody gets who asks for an object of the own project, or a stranger for the same object."""
    role = "member" if who == STRANGER else who
    if not policy.allows(Caller("user", "project", frozenset({role})), operation.rule):
        return FORBIDDEN
    if who != STRANGER or not operation.of_project:
        return YES
    if operation.method == "POST":
        return YES if operation.kind == LoadBalancer.KIND else FORBIDDEN
    whole = operation.verb == "list" or operation.rule == named("quota", "get_all")
    return NONE if whole and "{" not in operation.path else FORBIDDEN


def lines(found: Iterable[Operation], policy: Policy) -> list[Line]:
    """Return a line for each operation."""
    return [
        Line(
            f"`{each.method} {each.path.removeprefix(V2)}`",
            each.rule,
            tuple(answer(policy, each, who) for who in WHO),
        )
        for each in found
    ]


def table() -> str:
    """Return the page's table."""
    heads = ("operation", "rule", *(who.replace(OWN, "…") for who in WHO))
    return markdown(heads, lines(operations(), make_policy())).replace("os_load-balancer_api:", "…")


if __name__ == "__main__":
    print(table())  # noqa: T201 - the program's answer
