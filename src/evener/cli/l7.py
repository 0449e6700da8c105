"""L7 policies and rules as commands: arguments, choices and columns of `neutron` 8.1.0. Data only.

Source: python-neutronclient 8.1.0, `neutron/v2_0/lb/v2/l7policy.py` and `l7rule.py`.
"""

from collections.abc import Mapping
from typing import Any

from evener.cli.describe import Arg, Resource, upper
from evener.cli.lbaas import admin_state, name_and_description

ACTIONS = ("REJECT", "REDIRECT_TO_POOL", "REDIRECT_TO_URL")
RULE_TYPES = ("HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE")
COMPARE_TYPES = ("REGEX", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO")


def _wrong_target(given: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the target of a new policy. On update the server knows the other half."""
    action, url, pool = given.get("action"), given.get("redirect_url"), given.get("redirect_pool_id")
    if url and action != "REDIRECT_TO_URL":
        return "Action must be REDIRECT_TO_URL"
    if pool and action != "REDIRECT_TO_POOL":
        return "Action must be REDIRECT_TO_POOL"
    if action == "REDIRECT_TO_URL" and not url:
        return "Redirect URL must be specified"
    if action == "REDIRECT_TO_POOL" and not pool:
        return "Redirect pool must be specified"
    return None


L7POLICY = Resource(
    kind="l7policy",
    plural="l7policies",
    command="lbaas-l7policy",
    path="lbaas/l7policies",
    title="L7 policy",
    bulk_name="lbaas_l7policy",
    columns=(
        "id",
        "name",
        "action",
        "redirect_pool_id",
        "redirect_url",
        "position",
        "admin_state_up",
        "status",
    ),
    filters=(
        "name",
        "description",
        "action",
        "listener_id",
        "redirect_pool_id",
        "redirect_url",
        "position",
        "admin_state_up",
    ),
    switches=frozenset({"admin_state_up"}),
    inner_ids=("rules",),
    waits=True,
    check=_wrong_target,
    args=(
        *name_and_description("policy"),
        *admin_state("policy"),
        Arg(
            "--action",
            f"What happens to requests that match all rules: {', '.join(ACTIONS)}.",
            update=True,
            required=True,
            type=upper,
            choices=ACTIONS,
            metavar="ACTION",
        ),
        Arg(
            "--redirect-pool",
            "Name or id of the pool, for REDIRECT_TO_POOL.",
            attr="redirect_pool_id",
            update=True,
            refers="pool",
        ),
        Arg("--redirect-url", "URL, for REDIRECT_TO_URL.", update=True),
        Arg(
            "--position",
            "Place among the listener's policies, from 1; the last where not given.",
            update=True,
            type=int,
        ),
        Arg(
            "--listener",
            "Name or id of the listener the policy belongs to.",
            attr="listener_id",
            required=True,
            metavar="LISTENER",
            refers="listener",
        ),
    ),
)

L7RULE = Resource(
    kind="rule",
    plural="rules",
    command="lbaas-l7rule",
    path="lbaas/l7policies/{parent}/rules",
    title="L7 rule",
    bulk_name="lbaas_l7rule",
    parent="l7policy",
    named=False,
    columns=("id", "type", "compare_type", "invert", "key", "value", "admin_state_up", "status"),
    filters=("type", "compare_type", "invert", "key", "value", "admin_state_up"),
    switches=frozenset({"invert", "admin_state_up"}),
    waits=True,
    args=(
        *admin_state("rule"),
        Arg(
            "--type",
            "What part of a request is compared.",
            update=True,
            required=True,
            type=upper,
            choices=RULE_TYPES,
        ),
        Arg(
            "--compare-type",
            "How it is compared.",
            update=True,
            required=True,
            type=upper,
            choices=COMPARE_TYPES,
        ),
        Arg(
            "--invert-compare",
            "Match what does not compare. Not given means not inverted, on update as well.",
            attr="invert",
            update=True,
            const=True,
            default=False,
        ),
        Arg("--key", "Name of the header or cookie, for HEADER and COOKIE.", update=True),
        Arg("--value", "What it is compared with.", update=True, required=True),
    ),
)

RESOURCES = (L7POLICY, L7RULE)
