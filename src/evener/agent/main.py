"""`evener-agent`: what serves load balancers on a network node, told what to do over RabbitMQ."""

import sys
import threading
from contextlib import suppress
from pathlib import Path

from oslo_config import cfg
from oslo_log import log
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from evener import config, config_check, daemon
from evener.agent import memory
from evener.agent.assembly import make_agent
from evener.agent.errors import AgentError, NoTransport
from evener.agent.purge import purge
from evener.agent.service import AgentService
from evener.bus.base import Bus, load
from evener.dataplane.base import DataPlaneError
from evener.host.errors import HostError
from evener.resources.errors import Unavailable

LOG = log.getLogger(__name__)
PROGRAM = "evener-agent"
NO_TRANSPORT = (
    "There is no transport_url: say in [DEFAULT] where RabbitMQ is, as rabbit://USER:PASSWORD@HOST:5672/"
)
CLI_OPTS = [
    cfg.BoolOpt(
        "purge", default=False, help="Remove everything that this agent has made on the host, and exit."
    ),
    config.ACCEPT_DATABASE,
    config_check.OPTION,
]


def main() -> None:
    """Serve until SIGTERM or SIGINT; traffic goes on afterwards. Exits 1 with a line on stderr when it cannot."""
    conf = config.load(sys.argv[1:], PROGRAM, CLI_OPTS, config.AGENT_GROUPS)
    if conf.check_config:
        _check(conf)
        return
    lock = config.agent_lock(conf)
    if conf.accept_database:
        memory.accept(lock.parent, conf.accept_database)
        return
    if conf.purge and not lock.exists():
        return
    with daemon.only_one(lock, f"{PROGRAM}: an agent runs already on {lock.parent}; stop it first"):
        daemon.log_to_file(conf, config.state_path(conf) / f"{PROGRAM}.log")
        try:
            _purge(conf, lock) if conf.purge else _serve(conf)
        except (AgentError, HostError, DataPlaneError, Unavailable) as error:
            reason = f"not all is removed: {error}" if conf.purge else str(error)
            LOG.error(reason)
            sys.exit(f"{PROGRAM}: {reason}")


def _check(conf: cfg.ConfigOpts) -> None:
    """Say what is wrong with the settings as far as they tell by themselves, and exit 1 where something is."""
    if not conf.transport_url:
        sys.exit(f"{PROGRAM}: {NO_TRANSPORT}")
    sys.stdout.write(config_check.GOOD)


def _purge(conf: cfg.ConfigOpts, lock: Path) -> None:
    purge(conf)
    lock.unlink()
    with suppress(OSError):  # whatever else is there is not ours
        lock.parent.rmdir()


def _serve(conf: cfg.ConfigOpts) -> None:
    if not conf.transport_url:
        raise NoTransport(NO_TRANSPORT)
    daemon.open_many_files()
    ended = threading.Event()
    daemon.on_signals(ended.set, lambda: daemon.reload(conf))
    bus = load("messaging", conf)
    agent = make_agent(conf, bus.controller())
    bus.serve_agent(conf.host, agent)
    closing = threading.Thread(target=_close_after, args=(ended, bus), daemon=True)  # noqa: TID251 - ends with the call
    closing.start()
    _show_metrics(conf, agent)
    daemon.pass_over_what_is_loaded()
    agent.start()  # it may take a while until control is heard, and end at once when the bus is closed
    LOG.info("Serving load balancers as the agent on %s", conf.host)
    closing.join()
    agent.stop()
    LOG.info("Stopped; traffic goes on")


def _show_metrics(conf: cfg.ConfigOpts, agent: AgentService) -> None:
    """Serve `/metrics`, where that is wanted; load balancers are served without it as well."""
    if not conf.metrics_port:
        return
    registry = CollectorRegistry()
    registry.register(agent.metrics.registry)
    ProcessCollector(registry=registry)
    try:
        start_http_server(conf.metrics_port, conf.metrics_host, registry)
    except OSError as error:
        LOG.warning(
            "No metrics are shown: port %d of %s: %s; see metrics_port and metrics_host",
            conf.metrics_port,
            conf.metrics_host,
            error,
        )


def _close_after(ended: threading.Event, bus: Bus) -> None:
    ended.wait()
    bus.close()


if __name__ == "__main__":
    main()
