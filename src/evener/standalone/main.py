"""`evener-standalone`: a cloud's load balancer without the cloud, on one host, from one command."""

import logging
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any, NoReturn

from oslo_config import cfg
from waitress.server import BaseWSGIServer, create_server

from evener import config, daemon
from evener.agent.errors import AgentError
from evener.dataplane.haproxy.errors import HaproxyError
from evener.host.errors import HostError
from evener.resources.errors import Unavailable
from evener.standalone.assembly import Assembly
from evener.standalone.purge import purge

LOG = logging.getLogger(__name__)
CLI_OPTS = [cfg.BoolOpt("purge", default=False, help="Remove every trace of Evener on this host, and exit.")]
PROGRAM = "evener-standalone"


def main() -> None:
    """Serve until SIGTERM or SIGINT; traffic goes on afterwards. Exits 1 with a line on stderr when it cannot."""
    conf = config.load(sys.argv[1:], PROGRAM, CLI_OPTS)
    state = config.state_path(conf)
    if conf.purge and not state.exists():
        return
    busy = f"{PROGRAM} runs already on {state}; stop it first"
    with daemon.only_one(state / "standalone.pid", busy), _agents_place(conf):
        daemon.log_to_file(conf, state / "evener.log")
        try:
            purge(conf) if conf.purge else _serve(conf)
        except (HostError, HaproxyError, AgentError, Unavailable) as error:
            reason = f"not all is removed: {error}" if conf.purge else str(error)
            LOG.error(reason)
            sys.exit(f"{PROGRAM}: {reason}")


def _agents_place(conf: cfg.ConfigOpts) -> AbstractContextManager[object]:
    """Take the lock of the state directory's agent, where an agent is to run here or its work is to go."""
    if not (conf.standalone.agent or conf.purge):
        return nullcontext()
    lock = config.agent_lock(conf)
    return daemon.only_one(lock, f"{PROGRAM}: an evener-agent runs already on {lock.parent}; stop it first")


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
        asyncore_use_poll=True,  # select(2) ends with descriptor 1,023: that of the 200th load balancer
    )


def _serve(conf: cfg.ConfigOpts) -> None:
    daemon.open_many_files()
    assembly = Assembly(conf)
    server = listen(conf, assembly.app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    daemon.pass_over_what_is_loaded()
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
