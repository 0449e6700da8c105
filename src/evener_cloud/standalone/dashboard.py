"""The dashboard beside standalone: a process of its own, which asks the API as everybody does, by its socket."""

import grp
import os
import subprocess
import sys
from typing import Any

from oslo_config import cfg

from evener import config
from evener.serving import front
from evener.serving.server import DIRECTORY, Server

ERRORS = "dashboard.err"


def _group(conf: cfg.ConfigOpts) -> list[str]:
    """Say which group may speak with the API's socket, so that the dashboard needs no right of root's."""
    if os.geteuid() != 0 or not conf.haproxy.user_group:
        return []
    return ["--socket-group", str(grp.getgrnam(conf.haproxy.user_group).gr_gid)]


def start(conf: cfg.ConfigOpts, server: Server) -> front.Kept | None:
    """Start it, and again whenever it ends; None where it is not wanted, or no HAProxy leads to it."""
    listening = server.dashboard_socket
    if listening is None:
        return None
    files = [part for file in conf.config_file or () for part in ("--config-file", str(file))]
    program = [
        *(sys.executable, "-m", "evener.dashboard.main", *files),
        *("--listen-fd", str(listening.fileno())),
        *("--api-socket", f"/proc/self/fd/{server.api_directory}/{front.SOCKET}"),
        *_group(conf),
        *("--identity-url", f"{config.public_url(conf)}/identity/v3"),
    ]

    def run(output: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *program],
            cwd="/",
            pass_fds=(listening.fileno(), server.api_directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    return front.Kept("The dashboard", run, config.state_path(conf) / DIRECTORY / ERRORS)
