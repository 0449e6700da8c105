"""The resources of LBaaS v2 as commands: arguments, choices and columns of `neutron` 8.1.0. Data only.

Source: python-neutronclient 8.1.0, `neutron/v2_0/lb/v2/`. What goes beyond it is marked "ours".
"""

from evener.cli.describe import Arg, Resource, key_values, true_or_false, upper

LISTENER_PROTOCOLS = ("TCP", "HTTP", "HTTPS", "TERMINATED_HTTPS")
POOL_PROTOCOLS = ("HTTP", "HTTPS", "TCP")
ALGORITHMS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP")
MONITOR_TYPES = ("PING", "TCP", "HTTP", "HTTPS")
NO_PARENT = "At least one of --listener or --loadbalancer must be specified."
NO_WAY_TO_LISTENER = "Either --default-pool or --loadbalancer must be specified."


def name_and_description(what: str) -> tuple[Arg, Arg]:
    """Return the two arguments that nearly every resource has."""
    return (
        Arg("--name", f"Name of the {what}.", update=True),
        Arg("--description", f"Description of the {what}.", update=True),
    )


def admin_state(what: str) -> tuple[Arg, Arg]:
    """Return the switch for create and the option for update that set whether an object is in use."""
    down = Arg(
        "--admin-state-down",
        f"Create the {what} out of use (administrative state down).",
        attr="admin_state_up",
        const=False,
        default=True,
    )
    up = Arg(
        "--admin-state-up",
        f"Put the {what} into use (True) or out of use (False).",
        create=False,
        update=True,
        type=true_or_false,
        metavar="{True,False}",
    )
    return down, up


LOADBALANCER = Resource(
    kind="loadbalancer",
    plural="loadbalancers",
    command="lbaas-loadbalancer",
    path="lbaas/loadbalancers",
    title="load balancer",
    columns=("id", "name", "vip_address", "provisioning_status", "provider"),
    filters=(
        "name",
        "description",
        "vip_address",
        "vip_subnet_id",
        "vip_port_id",
        "provisioning_status",
        "operating_status",
        "provider",
        "admin_state_up",
    ),
    switches=frozenset({"admin_state_up"}),
    waits=True,
    args=(
        *name_and_description("load balancer"),
        *admin_state("load balancer"),
        Arg("--provider", "Name of the provider that is to serve the load balancer."),
        Arg("--flavor", "Name or id of the flavor.", attr="flavor_id", refers="flavor"),
        Arg("--vip-address", "IP address for the VIP; one of the subnet's free ones where not given."),
        Arg(
            "vip_subnet",
            "Name or id of the subnet the VIP is on.",
            attr="vip_subnet_id",
            metavar="VIP_SUBNET",
            refers="subnet",
        ),
    ),
)

LISTENER = Resource(
    kind="listener",
    plural="listeners",
    command="lbaas-listener",
    path="lbaas/listeners",
    title="listener",
    columns=("id", "default_pool_id", "name", "protocol", "protocol_port", "admin_state_up", "status"),
    filters=(
        "name",
        "description",
        "protocol",
        "protocol_port",
        "default_pool_id",
        "connection_limit",
        "admin_state_up",
    ),
    switches=frozenset({"admin_state_up"}),
    waits=True,
    one_of=("default_pool_id", "loadbalancer_id"),
    one_of_message=NO_WAY_TO_LISTENER,
    args=(
        *name_and_description("listener"),
        *admin_state("listener"),
        Arg(
            "--connection-limit",
            "Most connections at a time; -1 (the default) is no limit.",
            update=True,
            type=int,
        ),
        Arg(
            "--default-pool",
            "Name or id of the pool that gets the traffic.",
            attr="default_pool_id",
            update=True,
            refers="pool",
        ),
        # On update: ours.
        Arg(
            "--default-tls-container-ref",
            "Reference of the secret container with the certificate, for TERMINATED_HTTPS.",
            update=True,
        ),
        Arg(
            "--sni-container-refs",
            "References of secret containers with certificates for other server names (SNI).",
            update=True,
            nargs="+",
        ),
        Arg(
            "--loadbalancer",
            "Name or id of the load balancer.",
            attr="loadbalancer_id",
            metavar="LOADBALANCER",
            refers="loadbalancer",
        ),
        Arg(
            "--protocol",
            "Protocol that clients speak.",
            required=True,
            type=upper,
            choices=LISTENER_PROTOCOLS,
        ),
        Arg("--protocol-port", "Port on the VIP.", required=True, type=int, metavar="PORT"),
    ),
)

PERSISTENCE_FORM = "type=TYPE[,cookie_name=COOKIE_NAME]"
SESSION_PERSISTENCE = Arg(
    "--session-persistence",
    "Keep a client on one member: type is SOURCE_IP, HTTP_COOKIE, or APP_COOKIE with a cookie_name.",
    update=True,
    type=key_values(("type",), ("cookie_name",)),
    metavar=PERSISTENCE_FORM,
    group="persistence",
)

POOL = Resource(
    kind="pool",
    plural="pools",
    command="lbaas-pool",
    path="lbaas/pools",
    title="pool",
    bulk_name="lbaas_pool",
    columns=("id", "name", "lb_algorithm", "protocol", "admin_state_up"),
    filters=("name", "description", "lb_algorithm", "protocol", "healthmonitor_id", "admin_state_up"),
    switches=frozenset({"admin_state_up"}),
    inner_ids=("members",),
    waits=True,
    one_of=("listener_id", "loadbalancer_id"),
    one_of_message=NO_PARENT,
    args=(
        *name_and_description("pool"),
        *admin_state("pool"),
        Arg(
            "--lb-algorithm",
            "How the members share the traffic.",
            update=True,
            required=True,
            type=upper,
            choices=ALGORITHMS,
        ),
        Arg(
            "--listener",
            "Name or id of the listener whose default pool this becomes.",
            attr="listener_id",
            refers="listener",
        ),
        Arg(
            "--loadbalancer",
            "Name or id of the load balancer the pool belongs to.",
            attr="loadbalancer_id",
            refers="loadbalancer",
        ),
        Arg(
            "--protocol",
            "Protocol spoken with the members.",
            required=True,
            type=upper,
            choices=POOL_PROTOCOLS,
        ),
        SESSION_PERSISTENCE,
        Arg(
            "--no-session-persistence",
            "Keep clients on one member no longer.",
            attr="session_persistence",
            create=False,
            update=True,
            const=None,
            group="persistence",
        ),
    ),
)

MEMBER = Resource(
    kind="member",
    plural="members",
    command="lbaas-member",
    path="lbaas/pools/{parent}/members",
    title="member",
    bulk_name="lbaas_member",
    parent="pool",
    columns=(
        "id",
        "name",
        "address",
        "protocol_port",
        "weight",
        "subnet_id",
        "admin_state_up",
        "status",
    ),
    filters=("name", "address", "protocol_port", "weight", "subnet_id", "admin_state_up"),
    switches=frozenset({"admin_state_up"}),
    waits=True,
    args=(
        Arg("--name", "Name of the member.", update=True),
        *admin_state("member"),
        Arg(
            "--weight",
            "Share of the traffic relative to the other members, 0 to 256; 1 where not given.",
            update=True,
            type=int,
        ),
        Arg(
            "--subnet",
            "Name or id of the subnet the member is reached on.",
            attr="subnet_id",
            required=True,
            refers="subnet",
        ),
        Arg("--address", "IP address of the member.", required=True),
        Arg("--protocol-port", "Port the member listens on.", required=True, type=int),
    ),
)

HEALTHMONITOR = Resource(
    kind="healthmonitor",
    plural="healthmonitors",
    command="lbaas-healthmonitor",
    path="lbaas/healthmonitors",
    title="health monitor",
    bulk_name="lbaas_healthmonitor",
    columns=("id", "name", "type", "admin_state_up"),
    filters=(
        "name",
        "type",
        "delay",
        "timeout",
        "max_retries",
        "http_method",
        "url_path",
        "expected_codes",
        "admin_state_up",
    ),
    switches=frozenset({"admin_state_up"}),
    waits=True,
    args=(
        Arg("--name", "Name of the health monitor.", update=True),
        *admin_state("health monitor"),
        Arg("--delay", "Seconds between two checks of a member.", update=True, required=True, type=int),
        Arg(
            "--timeout",
            "Seconds a check may take; not more than the delay.",
            update=True,
            required=True,
            type=int,
        ),
        Arg(
            "--max-retries",
            "Failed checks in a row that take a member out, 1 to 10.",
            update=True,
            required=True,
            type=int,
        ),
        # Ours: the attribute is younger than the command of neutron.
        Arg(
            "--max-retries-down",
            "Failed checks in a row that take a member out, 1 to 10, where --max-retries is to count only "
            "the good checks that bring it back.",
            update=True,
            type=int,
        ),
        Arg("--http-method", "Method of the request, for HTTP and HTTPS.", update=True, type=upper),
        Arg("--url-path", "Path of the request, beginning with a slash, for HTTP and HTTPS.", update=True),
        Arg(
            "--expected-codes",
            "Status codes of a healthy member: one (200), a list (200,202) or a range (200-299); 200 where "
            "not given.",
            update=True,
        ),
        Arg("--type", "How members are checked.", required=True, choices=MONITOR_TYPES),
        Arg(
            "--pool",
            "Name or id of the pool whose members are checked.",
            attr="pool_id",
            required=True,
            refers="pool",
        ),
    ),
)

RESOURCES = (LOADBALANCER, LISTENER, POOL, MEMBER, HEALTHMONITOR)
