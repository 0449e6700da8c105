"""`evener-dashboard`: serves the dashboard, on an address of its own or a socket that standalone gives it."""

import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from oslo_config import cfg

from evener import config, config_check, daemon
from evener.dashboard import rights, settings, templates
from evener.dashboard.app import make_app
from evener.dashboard.asked import MOUNT
from evener.dashboard.cloud import Cloud, CloudError, Reached
from evener.dashboard.sessions import Sessions

BACKLOG = 2048
GRACE_S = 1  # for answers that are on their way; events have no end


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exits 1 with a line on stderr when it cannot."""
    conf = settings.load(sys.argv[1:])
    if conf.check_config:
        for setting in config_check.unknown(conf):
            sys.stderr.write(f"{settings.PROGRAM}: there is no setting {setting}\n")
        sys.stdout.write(config_check.GOOD)
        return
    if conf.os_cloud:
        _serve_own(conf)
        return
    auth_url = (conf.identity_url or conf.dashboard.auth_url).rstrip("/")
    if not auth_url:
        sys.exit(
            f"{settings.PROGRAM}: [dashboard] auth_url says where the identity service is; or name a cloud of a"
            " clouds.yaml, for yourself alone: --os-cloud NAME"
        )
    daemon.log_to_file(conf, config.state_path(conf) / f"{settings.PROGRAM}.log")
    ours = conf.dashboard
    cloud = Cloud(Reached(auth_url, ours.cafile, ours.interface, ours.region, conf.api_socket))
    # Whoever comes by standalone's socket is its HAProxy.
    trusted = "*" if conf.listen_fd >= 0 else list(ours.proxy_addresses)
    _serve(conf, _config(conf, make_app(cloud, _sessions(conf)), trusted))


def _serve_own(conf: cfg.ConfigOpts) -> None:
    """Serve who has started it, and nobody else."""
    from evener.dashboard import own  # what it needs is slow to load

    conf.set_default("use_stderr", default=True)
    daemon.log_to_file(conf, config.state_path(conf) / f"{settings.PROGRAM}.log")
    try:
        if conf.listen_fd >= 0:
            raise own.Unusable("--os-cloud and --listen-fd do not go together")
        own.check_address(conf.dashboard.bind_host)
        user = own.Own(conf.os_cloud)
        login = user.log_in()
    except (own.Unusable, CloudError) as error:
        sys.exit(f"{settings.PROGRAM}: {error}")
    sessions = _sessions(conf)
    user.keep_logged_in(sessions, login)

    def tell(listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        place = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"Open http://{place}:{port}{MOUNT}/login?key={user.key}\n")
        sys.stdout.flush()

    _serve(conf, _config(conf, make_app(Cloud(user.reached), sessions, user), []), tell)


def _sessions(conf: cfg.ConfigOpts) -> Sessions:
    return Sessions(conf.dashboard.idle_minutes * 60)


def _config(conf: cfg.ConfigOpts, app: Any, trusted: list[str] | str) -> uvicorn.Config:
    """Return how `app` is served; the proxies at `trusted` addresses are believed who asks."""
    return uvicorn.Config(
        app,
        host=conf.dashboard.bind_host,
        port=conf.dashboard.bind_port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        forwarded_allow_ips=trusted,
    )


def _serve(
    conf: cfg.ConfigOpts, serving: uvicorn.Config, tell: Callable[[socket.socket], None] = lambda _: None
) -> None:
    listening = socket.socket(fileno=conf.listen_fd) if conf.listen_fd >= 0 else serving.bind_socket()
    listening.listen(BACKLOG)  # so that who comes from now on is answered
    if conf.socket_group >= 0:
        templates.load_all()
        serving.load()
        serving.get_loop_factory()
        rights.leave(conf.socket_group)
    daemon.serving("Serving the dashboard")
    tell(listening)
    uvicorn.Server(serving).run(sockets=[listening])


if __name__ == "__main__":
    main()
