"""`evener-dashboard`: serves the dashboard, on an address of its own or a socket that standalone gives it."""

import socket
import sys

import uvicorn
from oslo_config import cfg

from evener import config, config_check, daemon
from evener.dashboard import rights, settings, templates
from evener.dashboard.app import make_app
from evener.dashboard.cloud import Cloud, Reached
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
    auth_url = (conf.identity_url or conf.dashboard.auth_url).rstrip("/")
    if not auth_url:
        sys.exit(f"{settings.PROGRAM}: [dashboard] auth_url says where the identity service is")
    daemon.log_to_file(conf, config.state_path(conf) / f"{settings.PROGRAM}.log")
    ours = conf.dashboard
    cloud = Cloud(Reached(auth_url, ours.cafile, ours.interface, ours.region, conf.api_socket))
    _serve(
        conf,
        uvicorn.Config(
            make_app(cloud, Sessions(ours.idle_minutes * 60)),
            host=ours.bind_host,
            port=ours.bind_port,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
            # Whoever comes by standalone's socket is its HAProxy.
            forwarded_allow_ips="*" if conf.listen_fd >= 0 else list(ours.proxy_addresses),
        ),
    )


def _serve(conf: cfg.ConfigOpts, serving: uvicorn.Config) -> None:
    listening = socket.socket(fileno=conf.listen_fd) if conf.listen_fd >= 0 else serving.bind_socket()
    listening.listen(BACKLOG)  # so that who comes from now on is answered
    if conf.socket_group >= 0:
        templates.load_all()
        serving.load()
        serving.get_loop_factory()
        rights.leave(conf.socket_group)
    daemon.serving("Serving the dashboard")
    uvicorn.Server(serving).run(sockets=[listening])


if __name__ == "__main__":
    main()
