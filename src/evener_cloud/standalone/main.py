"""`evener-standalone`: a cloud's load balancer without the cloud, on one host, from one command."""

import gc

gc.disable()  # while code is loaded: none of it is garbage, and to look again and again is a quarter of a start

import logging
import sys
from contextlib import AbstractContextManager, nullcontext

from alembic.util.exc import CommandError
from oslo_config import cfg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from evener import config, config_check, daemon, logs
from evener.agent import memory
from evener.agent.errors import AgentError
from evener.dataplane.base import DataPlaneError
from evener.host.errors import HostError
from evener.resources.errors import Unavailable
from evener.serving.errors import StartError
from evener.serving.server import Server, certificate, in_front
from evener.store.database import reason
from evener_cloud import config as cloud
from evener_cloud.standalone import dashboard
from evener_cloud.standalone.assembly import Assembly
from evener_cloud.standalone.purge import purge

gc.enable()

LOG = logging.getLogger(__name__)
CLI_OPTS = [
    cfg.BoolOpt("purge", default=False, help="Remove every trace of Evener on this host, and exit."),
    config.ACCEPT_DATABASE,
    config_check.OPTION,
]
PROGRAM = "evener-standalone"
UNFINISHED = "a backup was being restored when the host ended: run evener-db-manage restore FILE again"
TURN_S = 0.001  # of a thread that computes while others wait; Python's own 5 ms made requests wait beside large graphs


def main() -> None:
    """Serve until SIGTERM or SIGINT; traffic goes on afterwards. Exits 1 with a line on stderr when it cannot."""
    conf = cloud.load(sys.argv[1:], PROGRAM, CLI_OPTS)
    if conf.check_config:
        _check(conf)
        return
    state = config.state_path(conf)
    if conf.accept_database:
        memory.accept(config.agent_lock(conf).parent, conf.accept_database)
        return
    if conf.purge and not state.exists():
        return
    busy = f"{PROGRAM} runs already on {state}; stop it first"
    with daemon.only_one(cloud.standalone_lock(conf), busy), _agents_place(conf):
        if config.unfinished_restore(conf).exists() and not conf.purge:
            sys.exit(f"{PROGRAM}: {UNFINISHED}")
        daemon.log_to_file(conf, state / "evener.log")
        try:
            purge(conf) if conf.purge else _serve(conf)
        except (StartError, HostError, DataPlaneError, AgentError, Unavailable) as error:
            reason = f"not all is removed: {error}" if conf.purge else str(error)
            LOG.error("It ends: %s", reason)
            sys.exit(f"{PROGRAM}: {reason}")
        except (SQLAlchemyError, CommandError) as error:
            LOG.exception("The database keeps it from starting")
            sys.exit(f"{PROGRAM}: {_of_database(conf, error)}")
        except Exception as error:
            LOG.exception("It cannot start, or go on")
            more = f"; the log has more: {conf.log_file}" if conf.log_file else ""
            sys.exit(f"{PROGRAM}: {type(error).__name__}: {logs.escaped(str(error))}{more}")


def _of_database(conf: cfg.ConfigOpts, error: Exception) -> str:
    """Say in one line what is to be done about a database that does not serve."""
    where = make_url(config.database_url(conf)).render_as_string(hide_password=True)
    if isinstance(error, CommandError):
        return f"the database {where} is not one of this version: {error}"
    return f"the database {where} does not serve: {logs.escaped(reason(error))}; see [database] connection"


def _check(conf: cfg.ConfigOpts) -> None:
    """Say what is wrong with the settings, and exit 1 where it would keep the program from starting."""
    for setting in config_check.unknown(conf):
        sys.stderr.write(f"{PROGRAM}: there is no setting {setting}\n")
    try:
        certificate(conf.api.certificate, conf.api.key)
        in_front(conf)
    except StartError as error:
        sys.exit(f"{PROGRAM}: {error}")
    sys.stdout.write(config_check.GOOD)


def _agents_place(conf: cfg.ConfigOpts) -> AbstractContextManager[object]:
    """Take the lock of the state directory's agent, where an agent is to run here or its work is to go."""
    if not (conf.standalone.agent or conf.purge):
        return nullcontext()
    lock = config.agent_lock(conf)
    return daemon.only_one(lock, f"{PROGRAM}: an evener-agent runs already on {lock.parent}; stop it first")


def _serve(conf: cfg.ConfigOpts) -> None:
    sys.setswitchinterval(TURN_S)
    daemon.hangups_are_harmless()
    daemon.open_many_files()
    server = Server(conf, has_dashboard=conf.standalone.dashboard)
    assembly = Assembly(conf)
    daemon.on_signals(server.leave, server.reload)
    daemon.pass_over_what_is_loaded()
    assembly.start()
    beside = dashboard.start(conf, server)
    try:
        server.serve(assembly.app, lambda: daemon.serving(f"Serving on {config.public_url(conf)}"))
    finally:
        if beside is not None:
            beside.retire()
        assembly.stop()
        LOG.info("Stopped; traffic goes on")
