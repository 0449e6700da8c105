"""`evener-standalone`: a cloud's load balancer without the cloud, on one host, from one command."""

import logging
import sys
from contextlib import AbstractContextManager, nullcontext

from oslo_config import cfg

from evener import config, daemon
from evener.agent import memory
from evener.agent.errors import AgentError
from evener.dataplane.haproxy.errors import HaproxyError
from evener.host.errors import HostError
from evener.resources.errors import Unavailable
from evener.standalone.assembly import Assembly
from evener.standalone.errors import StartError
from evener.standalone.purge import purge
from evener.standalone.serving import Server

LOG = logging.getLogger(__name__)
CLI_OPTS = [
    cfg.BoolOpt("purge", default=False, help="Remove every trace of Evener on this host, and exit."),
    config.ACCEPT_DATABASE,
]
PROGRAM = "evener-standalone"


def main() -> None:
    """Serve until SIGTERM or SIGINT; traffic goes on afterwards. Exits 1 with a line on stderr when it cannot."""
    conf = config.load(sys.argv[1:], PROGRAM, CLI_OPTS)
    state = config.state_path(conf)
    if conf.accept_database:
        memory.accept(config.agent_lock(conf).parent, conf.accept_database)
        return
    if conf.purge and not state.exists():
        return
    busy = f"{PROGRAM} runs already on {state}; stop it first"
    with daemon.only_one(state / "standalone.pid", busy), _agents_place(conf):
        daemon.log_to_file(conf, state / "evener.log")
        try:
            purge(conf) if conf.purge else _serve(conf)
        except (StartError, HostError, HaproxyError, AgentError, Unavailable) as error:
            reason = f"not all is removed: {error}" if conf.purge else str(error)
            LOG.error(reason)
            sys.exit(f"{PROGRAM}: {reason}")


def _agents_place(conf: cfg.ConfigOpts) -> AbstractContextManager[object]:
    """Take the lock of the state directory's agent, where an agent is to run here or its work is to go."""
    if not (conf.standalone.agent or conf.purge):
        return nullcontext()
    lock = config.agent_lock(conf)
    return daemon.only_one(lock, f"{PROGRAM}: an evener-agent runs already on {lock.parent}; stop it first")


def _serve(conf: cfg.ConfigOpts) -> None:
    daemon.hangups_are_harmless()
    daemon.open_many_files()
    server = Server(conf)
    assembly = Assembly(conf)
    daemon.on_signals(server.leave, lambda: _reload(conf, server))
    daemon.pass_over_what_is_loaded()
    assembly.start()
    try:
        server.serve(assembly.app, lambda: LOG.info("Serving on %s", config.public_url(conf)))
    finally:
        assembly.stop()
        LOG.info("Stopped; traffic goes on")


def _reload(conf: cfg.ConfigOpts, server: Server) -> None:
    daemon.reload(conf)
    try:
        server.renew_certificate()
    except StartError as error:
        LOG.error("The old certificate stays: %s", error)
