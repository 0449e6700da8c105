"""The kinds of objects that the client knows, as `neutron` 8.1.0 spells their commands. Data only.

What the attributes of each are follows from the descriptions of resources (`options`). What is here is python-
neutronclient's own: its commands, its columns and its oddities (`neutron/v2_0/lb/v2/`, `agent.py`, `flavor/`,
`servicetype.py`, `extension.py`). What goes beyond it is marked "ours".
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evener.cli.descriptions import Spelling, described, load
from evener.cli.resource import Arg, Resource, reference

_DESCRIPTIONS = load(Path(__file__).with_name("resources.json"))
_described = partial(described, _DESCRIPTIONS)
_lbaas = partial(_described, prefix="lbaas/", waits=True)


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


LOADBALANCER = _lbaas(
    "loadbalancer",
    title="load balancer",
    columns="id name vip_address provisioning_status provider",
    cascades=True,
    spelling=Spelling(positional=("vip_subnet_id",), without=frozenset({"vip_network_id"})),
)
LISTENER = _lbaas(
    "listener",
    columns="id default_pool_id name protocol protocol_port admin_state_up status",
    one_of=("default_pool_id", "loadbalancer_id"),
    one_of_message="Either --default-pool or --loadbalancer must be specified.",
    certified=True,
    spelling=Spelling(
        # On update: ours.
        overrides={"sni_container_refs": {"flag": "--sni-container-refs", "repeat": False, "nargs": "+"}}
    ),
)
POOL = _lbaas(
    "pool",
    bulk_name="lbaas_pool",
    columns="id name lb_algorithm protocol admin_state_up",
    inner_ids=("members",),
    one_of=("listener_id", "loadbalancer_id"),
    one_of_message="At least one of --listener or --loadbalancer must be specified.",
    spelling=Spelling(clears={"session_persistence": None}),
)
MEMBER = _lbaas(
    "member",
    bulk_name="lbaas_member",
    columns="id name address protocol_port weight subnet_id admin_state_up status",
)
HEALTHMONITOR = _lbaas(
    "healthmonitor",
    title="health monitor",
    bulk_name="lbaas_healthmonitor",
    columns="id name type admin_state_up",
    spelling=Spelling(overrides={"http_method": {"choices": None}}),
)
L7POLICY = _lbaas(
    "l7policy",
    title="L7 policy",
    bulk_name="lbaas_l7policy",
    columns="id name action redirect_pool_id redirect_url position admin_state_up status",
    inner_ids=("rules",),
    check=_wrong_target,
)
L7RULE = _lbaas(
    "rule",
    title="L7 rule",
    command="lbaas-l7rule",
    bulk_name="lbaas_l7rule",
    columns="id type compare_type invert key value admin_state_up status",
    spelling=Spelling(
        overrides={
            "invert": {
                "flag": "--invert-compare",
                "help": "Match what does not compare. Not given means not inverted, on update as well.",
                "const": True,
                "default": False,
            }
        }
    ),
)
EVENT = _described(  # ours
    "event",
    prefix="lbaas/",
    command="lbaas-event",
    verbs=("list", "show"),
    outlives=True,
    columns="id created_at type resource_type resource_name generation reason",
)
AGENT = _described(
    "agent",
    verbs=("delete", "list", "show", "update"),
    smiles=frozenset({"alive"}),
    json_indent=5,
    columns="id agent_type host availability_zone alive admin_state_up binary",
    spelling=Spelling(
        overrides={"admin_state_up": {"group": "admin_state"}},
        extra=(
            Arg(
                "--admin-state-down",
                "Place no load balancers on the agent from now on.",
                "admin_state_up",
                create=False,
                update=True,
                const=False,
                group="admin_state",
            ),
        ),
    ),
)
FLAVOR = _described(
    "flavor",
    columns="id name service_type enabled",
    spelling=Spelling(positional=("name", "service_type")),
)
SERVICE_PROFILE = _described(
    "service_profile",
    title="flavor profile",
    command="flavor-profile",
    columns="id description enabled metainfo",
)
SERVICE_PROVIDER = Resource(
    kind="service_provider",
    plural="service_providers",
    command="service-provider",
    path="service-providers",
    title="service provider",
    verbs=("list",),
    columns=("service_type", "name", "default"),
    filters={"service_type": "str", "name": "str", "default": "bool"},
)
EXTENSION = Resource(
    kind="extension",
    plural="extensions",
    command="ext",
    path="extensions",
    title="extension of the API",
    verbs=("list", "show"),
    named=False,
    columns=("alias", "name"),
)
KINDS = (
    *(LOADBALANCER, LISTENER, POOL, MEMBER, HEALTHMONITOR, L7POLICY, L7RULE, EVENT),
    *(AGENT, FLAVOR, SERVICE_PROFILE, SERVICE_PROVIDER, EXTENSION),
    *(reference("network", "networks"), reference("subnet", "subnets")),
)
BY_KIND = {resource.kind: resource for resource in KINDS}
