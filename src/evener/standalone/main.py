"""`evener-standalone`: a cloud's load balancer without the cloud, on one host, from one command."""

import fcntl
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from oslo_config import cfg
from oslo_log import log
from waitress.server import BaseWSGIServer, create_server

from evener import config
from evener.host.errors import HostError
from evener.standalone.assembly import Assembly
from evener.standalone.purge import purge

LOG = logging.getLogger(__name__)
CLI_OPTS = [cfg.BoolOpt("purge", default=False, help="Remove every trace of Evener on this host, and exit.")]
LOG_MEGABYTES, LOG_FILES = 10, 5


def main() -> None:
    """Serve until SIGTERM or SIGINT; traffic goes on afterwards. Exits 1 when another one runs already."""
    conf = config.load(sys.argv[1:], "evener-standalone", CLI_OPTS)
    state = config.state_path(conf)
    if conf.purge and not state.exists():
        return
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = _only_one(state)
    log_to_file(conf, state)
    if conf.purge:
        _purge(conf)
        return
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    _serve(conf)


def _purge(conf: cfg.ConfigOpts) -> None:
    try:
        purge(conf)
    except HostError as error:
        sys.exit(f"evener-standalone: not all is removed: {error}")


def _only_one(state: Path) -> TextIO:
    """Take the lock of the state directory, held until the process ends."""
    lock = (state / "standalone.pid").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"evener-standalone runs already on {state}; stop it first")
    lock.seek(0)
    lock.truncate()
    return lock


def log_to_file(conf: cfg.ConfigOpts, state: Path) -> None:
    """Log to `evener.log` in `state`, unless the settings say something else."""
    if not conf.log_file and not conf.use_stderr:
        conf.set_default("log_file", str(state / "evener.log"))
        conf.set_default("log_rotation_type", "size")
        conf.set_default("max_logfile_size_mb", LOG_MEGABYTES)
        conf.set_default("max_logfile_count", LOG_FILES)
    log.setup(conf, "evener")


def listen(conf: cfg.ConfigOpts, app: Any) -> BaseWSGIServer:
    """Return a server of the WSGI application `app` that listens; `run` serves."""
    return create_server(
        app,
        host=conf.api.bind_host,
        port=conf.api.bind_port,
        threads=conf.api.threads,
        max_request_body_size=conf.api.max_body_bytes,
        ident="evener",
        clear_untrusted_proxy_headers=True,
    )


def _serve(conf: cfg.ConfigOpts) -> None:
    assembly = Assembly(conf)
    server = listen(conf, assembly.app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    assembly.start()
    LOG.info("Serving on http://%s:%d", conf.api.bind_host, conf.api.bind_port)
    try:
        server.run()
    finally:
        server.close()
        assembly.stop()
        LOG.info("Stopped; traffic goes on")


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
