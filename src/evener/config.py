"""The settings of every program, declared once, and the logs they write.

Runs with no file at all. Reads `/etc/evener/evener.conf` where it exists, or the files of `--config-file`.
"""

import socket
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from oslo_config import cfg, types
from oslo_log import log

from evener import config_check, service_manager
from evener.config_agent import AGENT_OPTS, HAPROXY_OPTS, LINUX_BRIDGE_OPTS, OVS_OPTS
from evener.resources import bounds, destinations, provider
from evener.resources.quota import default_limits
from evener.resources.types import validate_uuid

LOG_FORMAT = (
    "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s "
    "[%(request_id)s %(user)s %(project_id)s] %(message)s"
)
DEFAULT_FILE = Path("/etc/evener/evener.conf")
STATE = "/var/lib/evener"

# What the files of a cloud that came from Neutron call the interface drivers.
INTERFACE_DRIVERS = {
    "neutron.agent.linux.interface.BridgeInterfaceDriver": "linuxbridge",
    "neutron.agent.linux.interface.OVSInterfaceDriver": "openvswitch",
}


class InterfaceDriverName(types.String):
    """The name of an interface driver: ours, whichever of its names is given."""

    def __call__(self, value: Any) -> str:
        """Return our name."""
        name: str = super().__call__(value)
        return INTERFACE_DRIVERS.get(name, name)


def quota_opts(limits: Mapping[str, int]) -> list[cfg.Opt]:
    """Return the settings of how many of each kind a project may have."""
    return [
        cfg.IntOpt(
            f"quota_{kind}", default=limit, help=f"How many a project may have: {kind}; -1 is any number."
        )
        for kind, limit in limits.items()
    ]


DEFAULT_OPTS = [
    cfg.StrOpt(
        "state_path",
        default=service_manager.directory("STATE_DIRECTORY", STATE),
        sample_default=STATE,
        help="Directory of all state. A unit of systemd may have another default: its StateDirectory.",
    ),
    cfg.StrOpt(
        "host",
        default=socket.gethostname(),
        sample_default="node-1",
        help="Name of this node; an agent's identity.",
    ),
    cfg.StrOpt(
        "transport_url",
        default="",
        secret=True,
        help="RabbitMQ between control and agents on other machines, as rabbit://USER:PASSWORD@HOST:5672/.",
    ),
    cfg.Opt(
        "interface_driver",
        type=InterfaceDriverName(),
        default="linuxbridge",
        help="How ports are plugged: linuxbridge or openvswitch.",
    ),
    cfg.StrOpt(
        "loadbalancer_topology",
        default="SINGLE",
        choices=[
            ("SINGLE", "one agent serves a load balancer"),
            ("ACTIVE_STANDBY", "two do, in different failure domains, of which the other takes over at once"),
        ],
        help="Topology of new load balancers, where neither their flavor nor who makes them says one.",
    ),
    cfg.IntOpt(
        "heartbeat_timeout",
        default=60,
        min=0,
        help="Seconds in which an agent is not heard of until others serve what it did; 0 is never.",
    ),
    cfg.MultiStrOpt("device_driver", default=["haproxy"], help="What serves load balancers."),
    cfg.BoolOpt("ovs_use_veth", default=False, help="Ignored; of Neutron-LBaaS."),
    cfg.IntOpt("periodic_interval", default=10, min=1, help="Seconds between two readings of counters."),
    cfg.IntOpt(
        "resync_interval",
        default=10,
        min=1,
        help="Seconds between two comparisons with the API; every sixtieth looks at everything on the host.",
    ),
    cfg.IntOpt("agent_workers", default=4, min=1, help="Load balancers worked on at once."),
    cfg.StrOpt("metrics_host", default="127.0.0.1", help="Address evener-agent shows its /metrics on."),
    cfg.PortOpt(
        "metrics_port", default=9877, min=0, help="Port evener-agent shows its /metrics on; 0 is none."
    ),
]
API_OPTS = [
    cfg.StrOpt("bind_host", default="127.0.0.1", help="Address the API listens on."),
    cfg.PortOpt("bind_port", default=9876, help="Port the API listens on."),
    cfg.BoolOpt(
        "front",
        default=True,
        help="Whether HAProxy, where there is one, stands in front of the API: it keeps slow clients from"
        " holding up others.",
    ),
    cfg.StrOpt(
        "certificate",
        default="",
        help="PEM file with the certificate of the API and those of its issuers; with it, the API is HTTPS.",
    ),
    cfg.StrOpt("key", default="", help="PEM file with the certificate's key, where that is another one."),
    cfg.IntOpt(
        "max_connections",
        default=8000,
        min=10,
        help="Connections to the API at once, of which one address has half at most; fewer where this process"
        " may not open two files for each.",
    ),
    cfg.ListOpt(
        "proxy_addresses",
        default=[],
        help="Addresses and blocks that many clients come from: neutron-server with Evener's plugin, a proxy."
        " What one client may do at once is no bound for these.",
    ),
    cfg.IntOpt("threads", default=8, min=1, help="Requests served at once."),
    cfg.IntOpt(
        "max_body_bytes", default=1_048_576, min=1024, help="Bytes of the largest request body accepted."
    ),
    cfg.StrOpt(
        "metrics",
        default="local",
        choices=[
            ("local", "from loopback addresses of this machine only"),
            ("open", "from anywhere"),
            ("off", "not at all"),
        ],
        help="Who may read /metrics, which shows the names of all projects' load balancers.",
    ),
    cfg.StrOpt(
        "public_url", default="", help="URL that clients reach this server by, where it is not its address."
    ),
    cfg.BoolOpt(
        "trust_neutron_url",
        default=False,
        help="Whether links begin with what the header X-Neutron-Url says: for where Evener's plugin in"
        " neutron-server passes requests on.",
    ),
]
DATABASE_OPTS = [
    cfg.StrOpt(
        "connection", default="", secret=True, help="SQLAlchemy URL; SQLite in state_path where empty."
    ),
]
NETWORKING_OPTS = [
    cfg.ListOpt(
        "reserved_ips",
        default=list(destinations.DEFAULT_RESERVED),
        help="Addresses and blocks that no member may be at, besides those that are no host's.",
    ),
]
NEUTRON_AGENT_OPTS = [
    cfg.BoolOpt(
        "report_state",
        default=False,
        help="Whether the agent tells Neutron, over the same RabbitMQ, that it lives; neutron-lbaasv2-agent does.",
    ),
]
SERVICES_OPTS = [
    cfg.StrOpt("identity", default="keystone", help="Who knows callers by their tokens."),
    cfg.StrOpt("network", default="neutron", help="Who has networks, subnets and ports."),
    cfg.StrOpt(
        "secrets",
        default="barbican",
        help="Who keeps certificates; with nothing, there is no TLS termination.",
    ),
]
EVENTS_OPTS = [
    cfg.IntOpt("days", default=30, min=1, help="Days that events of load balancers are kept."),
    cfg.IntOpt("per_loadbalancer", default=1000, min=10, help="Events kept of a load balancer, the newest."),
]
QUOTA_OPTS = quota_opts(default_limits())
LIMIT_OPTS = [
    cfg.IntOpt(name, default=getattr(bounds.DEFAULTS, name), min=1, help=f"At most so many {what}.")
    for name, what in bounds.WHAT.items()
]
PROVIDER_OPTS = [
    cfg.MultiStrOpt(
        "service_provider",
        default=[provider.DEFAULT_DECLARATION],
        help="What load balancers can be asked of: SERVICE_TYPE:NAME:DRIVER[:default].",
    ),
]


class DatabaseName(types.String):
    """What `[database] connection` leads to, as agents name it: a UUID."""

    def __call__(self, value: Any) -> str:
        """Return it, checked."""
        return validate_uuid(super().__call__(value))


ACCEPT_DATABASE = cfg.Opt(
    "accept-database",
    type=DatabaseName(),
    metavar="ID",
    help="Have the agent on this host serve what the database ID says, remove what that does not know, and exit.",
)
GROUPS: dict[str, Any] = {
    "DEFAULT": DEFAULT_OPTS,
    "agent": AGENT_OPTS,
    "api": API_OPTS,
    "database": DATABASE_OPTS,
    "events": EVENTS_OPTS,
    "haproxy": HAPROXY_OPTS,
    "limits": LIMIT_OPTS,
    "linux_bridge": LINUX_BRIDGE_OPTS,
    "networking": NETWORKING_OPTS,
    "neutron": NEUTRON_AGENT_OPTS,
    "ovs": OVS_OPTS,
    "quotas": QUOTA_OPTS,
    "service_providers": PROVIDER_OPTS,
    "services": SERVICES_OPTS,
}
AGENT_GROUPS = (
    "DEFAULT",
    "agent",
    "haproxy",
    "linux_bridge",
    "neutron",
    "ovs",
)  # others may hold what Neutron's programs mean by them


def load(
    argv: Sequence[str],
    prog: str,
    cli_opts: Sequence[cfg.Opt] = (),
    groups: Collection[str] = tuple(GROUPS),
    others: Mapping[str, Sequence[cfg.Opt]] = MappingProxyType({}),
    files: Sequence[Path] = (DEFAULT_FILE,),
    defaults: Mapping[tuple[str, str], Any] = MappingProxyType({}),
) -> cfg.ConfigOpts:
    """Return the settings of `groups` from `argv`, environment-independent, with logging set up from them.

    `others` are settings by group that the program has besides. `files` are read, those that exist, where `argv` names
    none. `defaults`, by group and name, are what this program has in place of our own.

    Raises:
        SystemExit: with a message on stderr, for an unknown option or a value out of range.
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.register_cli_opts(cli_opts)
    conf.set_default("logging_context_format_string", LOG_FORMAT)
    for group in groups:
        conf.register_opts(GROUPS[group], None if group == "DEFAULT" else group)
    for group, options in others.items():
        conf.register_opts(options, group)
    for (group, name), value in defaults.items():
        conf.set_default(name, value, None if group == "DEFAULT" else group)
    config_check.parse(conf, list(argv), prog, [str(each) for each in files if each.exists()])
    checks: tuple[tuple[str, str, Callable[[cfg.ConfigOpts], object]], ...] = (
        ("service_providers", "[service_providers] ", service_providers),
        ("networking", "[networking] reserved_ips: ", reserved_ips),
        ("DEFAULT", "", physical_networks),
    )
    for group, where, check in checks:
        try:
            _ = check(conf) if group in groups else None
        except ValueError as error:
            sys.exit(f"{prog}: {where}{error}")
    return conf


def state_path(conf: cfg.ConfigOpts) -> Path:
    """Return the directory of all state."""
    return Path(conf.state_path)


def unfinished_restore(conf: cfg.ConfigOpts) -> Path:
    """Return the file that is there while a restored backup is not all in its place."""
    return state_path(conf) / "restore-unfinished"


def loadbalancer_path(conf: cfg.ConfigOpts) -> Path:
    """Return the directory that holds a directory per load balancer."""
    return Path(conf.haproxy.loadbalancer_state_path) / "v2"


def agent_lock(conf: cfg.ConfigOpts) -> Path:
    """Return the file that the one agent of a state directory holds a lock on."""
    return Path(conf.haproxy.loadbalancer_state_path) / "agent.pid"


def public_url(conf: cfg.ConfigOpts) -> str:
    """Return the URL, without a slash at its end, that clients reach the API by."""
    host = conf.api.bind_host
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - it is looked for, not listened on
        host = _own_address()
    address = f"[{host}]" if ":" in host else host
    scheme = "https" if conf.api.certificate else "http"
    return str(conf.api.public_url or f"{scheme}://{address}:{conf.api.bind_port}").rstrip("/")


def _own_address() -> str:
    """Return the address that this host has towards others, found without sending anything; else that of loopback."""
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as unsent:
            unsent.connect((far, 9))
            return str(unsent.getsockname()[0])
    return "127.0.0.1"


def database_url(conf: cfg.ConfigOpts) -> str:
    """Return the SQLAlchemy URL of the database."""
    return conf.database.connection or f"sqlite:///{state_path(conf) / 'evener.sqlite'}"


def limits(conf: cfg.ConfigOpts, kinds: Iterable[str] = tuple(default_limits())) -> dict[str, int]:
    """Return how many of each kind a project may have where nobody has said otherwise."""
    return {kind: conf.quotas[f"quota_{kind}"] for kind in kinds}


def largest(conf: cfg.ConfigOpts) -> bounds.Bounds:
    """Return how large one load balancer, and one request, may be."""
    return bounds.Bounds(**{name: conf.limits[name] for name in bounds.WHAT})


def service_providers(conf: cfg.ConfigOpts) -> tuple[provider.Provider, ...]:
    """Return the declared providers.

    Raises:
        ValueError: naming the declaration and what is wrong with it.
    """
    return provider.parse(conf.service_providers.service_provider)


def reserved_ips(conf: cfg.ConfigOpts) -> tuple[destinations.Range, ...]:
    """Return the blocks of addresses that no member may be at.

    Raises:
        ValueError: naming the entry that is no address or block.
    """
    return destinations.ranges(conf.networking.reserved_ips)


def mappings(conf: cfg.ConfigOpts) -> tuple[tuple[str, str, dict[str, str]], ...]:
    """Return the mappings of physical networks that the interface driver uses, with their groups and names."""
    if conf.interface_driver == "openvswitch":
        return (("ovs", "bridge_mappings", conf.ovs.bridge_mappings),)
    names = ("bridge_mappings", "physical_interface_mappings")
    return tuple(("linux_bridge", name, conf.linux_bridge[name]) for name in names)


def physical_networks(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """Return the names of the physical networks that this host knows.

    Raises:
        ValueError: naming the mapping that makes no sense.
    """
    for group, setting, mapping in mappings(conf):
        if not all((*mapping, *mapping.values())) or len(set(mapping.values())) < len(mapping):
            why = "a name is missing, or there twice; write PHYSICAL_NETWORK:NAME,…, each of both once"
            raise ValueError(f"[{group}] {setting}: {why}")
    return tuple(sorted({name for _, _, mapping in mappings(conf) for name in mapping}))
