"""What surrounds the load balancers: agents, flavors and their profiles, providers, extensions. Data only.

Source: python-neutronclient 8.1.0, `neutron/v2_0/agent.py`, `flavor/`, `servicetype.py` and `extension.py`.
"""

from evener.cli.describe import Arg, Resource, true_or_false

READ = ("list", "show")


def _enabled(what: str) -> Arg:
    return Arg(
        "--enabled",
        f"Let the {what} be used (True) or not (False).",
        update=True,
        type=true_or_false,
        metavar="{True,False}",
    )


AGENT = Resource(
    kind="agent",
    plural="agents",
    command="agent",
    path="agents",
    title="agent",
    verbs=("delete", "list", "show", "update"),
    named=False,
    smiles=frozenset({"alive"}),
    json_indent=5,
    columns=("id", "agent_type", "host", "availability_zone", "alive", "admin_state_up", "binary"),
    filters=("agent_type", "binary", "host", "description", "alive", "admin_state_up"),
    switches=frozenset({"alive", "admin_state_up"}),
    args=(
        Arg(
            "--admin-state-down",
            "Place no load balancers on the agent from now on.",
            attr="admin_state_up",
            create=False,
            update=True,
            const=False,
            group="admin_state",
        ),
        Arg(
            "--admin-state-up",
            "Whether load balancers may be placed on the agent from now on.",
            create=False,
            update=True,
            type=true_or_false,
            metavar="{True,False}",
            group="admin_state",
        ),
        Arg("--description", "Description of the agent.", create=False, update=True),
    ),
)

FLAVOR = Resource(
    kind="flavor",
    plural="flavors",
    command="flavor",
    path="flavors",
    title="flavor",
    columns=("id", "name", "service_type", "enabled"),
    filters=("name", "description", "service_type", "enabled"),
    switches=frozenset({"enabled"}),
    args=(
        Arg("name", "Name of the flavor.", metavar="NAME"),
        Arg(
            "service_type",
            "Service type it is for: LOADBALANCERV2 (service-provider-list shows which there are).",
            metavar="SERVICE_TYPE",
        ),
        Arg("--name", "New name of the flavor.", create=False, update=True),
        Arg("--description", "Description of the flavor.", update=True),
        _enabled("flavor"),
    ),
)

SERVICE_PROFILE = Resource(
    kind="service_profile",
    plural="service_profiles",
    command="flavor-profile",
    path="service_profiles",
    title="flavor profile",
    named=False,
    columns=("id", "description", "enabled", "metainfo"),
    filters=("description", "driver", "enabled", "metainfo"),
    switches=frozenset({"enabled"}),
    args=(
        Arg("--description", "Description of the flavor profile.", update=True),
        Arg("--driver", "Driver that the profile selects, as service-provider-list calls it.", update=True),
        Arg("--metainfo", "Settings for the driver.", update=True),
        _enabled("flavor profile"),
    ),
)

SERVICE_PROVIDER = Resource(
    kind="service_provider",
    plural="service_providers",
    command="service-provider",
    path="service-providers",
    title="service provider",
    verbs=("list",),
    columns=("service_type", "name", "default"),
    filters=("service_type", "name", "default"),
    switches=frozenset({"default"}),
)

EXTENSION = Resource(
    kind="extension",
    plural="extensions",
    command="ext",
    path="extensions",
    title="extension of the API",
    verbs=READ,
    named=False,
    columns=("alias", "name"),
)

RESOURCES = (AGENT, FLAVOR, SERVICE_PROFILE, SERVICE_PROVIDER, EXTENSION)
