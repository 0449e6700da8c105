"""The settings of the dashboard, which stand in the same file as all others."""

import os
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from evener import config, config_check

PROGRAM, GROUP = "evener-dashboard", "dashboard"
OPTS = [
    cfg.StrOpt("auth_url", default="", help="URL of the identity service; standalone's own says itself."),
    cfg.StrOpt("cafile", default="", help="PEM file with the authorities of the cloud's certificates."),
    cfg.StrOpt("interface", default="public", help="Which endpoints of the catalogue: public or internal."),
    cfg.StrOpt("region", default="", help="Region of the endpoints; any, where empty."),
    cfg.StrOpt("bind_host", default="127.0.0.1", help="Address evener-dashboard listens on."),
    cfg.PortOpt("bind_port", default=9878, help="Port evener-dashboard listens on."),
    cfg.ListOpt(
        "proxy_addresses",
        default=[],
        help="Addresses of proxies in front of evener-dashboard, whose word on who asks is taken.",
    ),
    cfg.IntOpt("idle_minutes", default=60, min=1, help="Minutes after which an unused session ends."),
]
OWN_CLOUD = cfg.StrOpt(
    "os-cloud",
    default="",
    help="Name of a cloud in clouds.yaml: a dashboard for yourself, logged in as that file says, on loopback alone.",
)
# What standalone tells the dashboard that it starts.
STARTED_BY_OTHERS = [
    cfg.IntOpt("listen-fd", default=-1, help="Descriptor of a socket that listens, instead of an address."),
    cfg.StrOpt("api-socket", default="", help="Socket of the API on this machine, for all its services."),
    cfg.IntOpt(
        "socket-group", default=-1, help="Group that may speak with that socket; all other rights are left."
    ),
    cfg.StrOpt("identity-url", default="", help="Instead of [dashboard] auth_url."),
]


def load(argv: Sequence[str]) -> cfg.ConfigOpts:
    """Return all settings from `argv`; see `evener.config.load`.

    Raises:
        SystemExit: with a message on stderr, for an unknown option or a value out of range.
    """
    options = [config_check.OPTION, OWN_CLOUD, *STARTED_BY_OTHERS]
    files: Sequence[Path] = (config.DEFAULT_FILE,)
    if any(each.partition("=")[0] == f"--{OWN_CLOUD.name}" for each in argv):
        files = [
            each for each in files if os.access(each, os.R_OK)
        ]  # it is the service's, with secrets in it
    return config.load(argv, PROGRAM, options, others={GROUP: OPTS}, files=files)
