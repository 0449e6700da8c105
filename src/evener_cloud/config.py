"""The settings of standalone that load balancing does not have. They stand in the same file as `evener.config`'s."""

import sys
from collections.abc import Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from oslo_config import cfg

from evener import config
from evener.dashboard import settings as dashboard
from evener.resources.quota import default_limits
from evener.resources.types import validate_uuid
from evener_cloud.network.resources import KINDS

LONGEST_PREFIX = 30  # of a range with room for the host and somebody else

IDENTITY_OPTS = [
    cfg.StrOpt(
        "admin_project",
        default="admin",
        help="Project, of the domain default, whose administrators are everybody's; those of others are of their own.",
    ),
    cfg.IntOpt("min_password_length", default=8, min=1, help="Characters of a new password, at least."),
    cfg.IntOpt("token_lifetime", default=3600, min=60, max=604_800, help="Seconds a token is valid."),
]
QUOTA_OPTS = [
    *config.quota_opts(default_limits(KINDS)),
    # Barbican's names, but for the bytes.
    cfg.IntOpt("quota_secrets", default=10_000, min=-1, help="Secrets a project may have; -1 is any number."),
    cfg.IntOpt(
        "quota_secret_bytes",
        default=67_108_864,
        min=-1,
        help="Bytes that a project's secrets may take in the database, encrypted; -1 is any number.",
    ),
    cfg.IntOpt("quota_containers", default=5_000, min=-1, help="Containers of secrets a project may have."),
    cfg.IntOpt("quota_consumers", default=20_000, min=-1, help="Consumers a project's secrets may have."),
]
STANDALONE_OPTS = [
    cfg.BoolOpt("agent", default=True, help="Serve load balancers on this machine as well."),
    cfg.BoolOpt(
        "dashboard", default=True, help="Serve the dashboard at /dashboard/, where HAProxy is in front."
    ),
    cfg.DictOpt(
        "host_addresses",
        default={},
        help="NETWORK_ID:ADDRESS/LENGTH,…: addresses of this host on networks; none, unless you say so.",
    ),
]
GROUPS = {
    "identity": IDENTITY_OPTS,
    "quotas": QUOTA_OPTS,
    "standalone": STANDALONE_OPTS,
    dashboard.GROUP: dashboard.OPTS,
}


def load(argv: Sequence[str], prog: str, cli_opts: Sequence[cfg.Opt] = ()) -> cfg.ConfigOpts:
    """Return all settings from `argv`; see `evener.config.load`.

    Raises:
        SystemExit: with a message on stderr, for an unknown option or a value out of range.
    """
    conf = config.load(argv, prog, cli_opts, others=GROUPS)
    try:
        host_addresses(conf)
    except ValueError as error:
        sys.exit(f"{prog}: [standalone] host_addresses: {error}")
    return conf


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return these settings, for `oslo-config-generator --namespace evener_cloud`."""
    return [(group, list(options)) for group, options in GROUPS.items() if group != dashboard.GROUP]


def limits(conf: cfg.ConfigOpts) -> dict[str, int]:
    """Return how many of each kind a project may have where nobody has said otherwise."""
    return config.limits(conf) | config.limits(conf, default_limits(KINDS))


def secrets_key_file(conf: cfg.ConfigOpts) -> Path:
    """Return the file with the keys that seal the payloads of secrets."""
    return config.state_path(conf) / "secrets.key"


def standalone_lock(conf: cfg.ConfigOpts) -> Path:
    """Return the file that the one standalone of a state directory holds a lock on."""
    return config.state_path(conf) / "standalone.pid"


def secret_bounds(conf: cfg.ConfigOpts) -> dict[str, int]:
    """Return how many secrets and so on a project may have."""
    return {
        name: conf.quotas[f"quota_{name}"] for name in ("secrets", "secret_bytes", "containers", "consumers")
    }


def host_addresses(conf: cfg.ConfigOpts) -> dict[str, IPv4Interface]:
    """Return the addresses that this host is to have on networks, by the networks' ids.

    Raises:
        ValueError: naming the entry and what it may be.
    """
    found = {}
    for network_id, text in conf.standalone.host_addresses.items():
        try:
            interface = IPv4Interface(text)
            network = interface.network
            valid = "/" in text and 1 < network.prefixlen <= LONGEST_PREFIX
            valid = valid and interface.ip not in (network.network_address, network.broadcast_address)
            found[validate_uuid(network_id)] = interface
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(
                f"{network_id}:{text}: write NETWORK_ID:ADDRESS/LENGTH, an IPv4 address as 10.0.0.1/24"
            )
    if found and conf.interface_driver != "linuxbridge":
        raise ValueError(
            "only interface_driver linuxbridge has a bridge per network, which an address can be on"
        )
    return found
