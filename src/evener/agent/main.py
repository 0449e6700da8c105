"""`evener-agent`: what serves load balancers on a network node, told what to do over RabbitMQ.

Next to Neutron's agents it has another name, `neutron-lbaasv2-agent`, and reads and writes where that agent did.
"""

import gc

gc.disable()  # while code is loaded: none of it is garbage, and to look again and again is a quarter of a start

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_log import log
from prometheus_client import CollectorRegistry

from evener import config, config_check, daemon, threads
from evener.agent import memory
from evener.agent.assembly import make_agent
from evener.agent.errors import AgentError, NoTransport
from evener.agent.purge import purge
from evener.bus.base import Bus
from evener.dataplane.base import DataPlaneError
from evener.host.errors import HostError
from evener.resources.agent import BINARY
from evener.resources.errors import Unavailable

gc.enable()

LOG = log.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """What goes with a name of this program: the files it reads, defaults, and its log, in state_path where None."""

    name: str
    files: tuple[Path, ...]
    defaults: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    log: Path | None = None

    def settings(self, argv: Sequence[str]) -> cfg.ConfigOpts:
        """Return the settings from `argv` and files.

        Raises:
            SystemExit: as `config.load`.
        """
        return config.load(
            argv, self.name, CLI_OPTS, config.AGENT_GROUPS, files=self.files, defaults=self.defaults
        )

    def log_file(self, conf: cfg.ConfigOpts) -> Path:
        """Return where it logs to where nothing else is said."""
        return self.log or config.state_path(conf) / f"{self.name}.log"


OWN = Program("evener-agent", (config.DEFAULT_FILE,))
# As Neutron-LBaaS's agent had it.
BESIDE_NEUTRON = Program(
    BINARY,
    (Path("/etc/neutron/neutron.conf"), Path("/etc/neutron/lbaas_agent.ini")),
    {("DEFAULT", "state_path"): "/var/lib/neutron", ("neutron", "report_state"): True},
    Path(f"/var/log/neutron/{BINARY}.log"),
)
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
    _main(OWN)


def main_beside_neutron() -> None:
    """Do the same with the files of Neutron's agents."""
    _main(BESIDE_NEUTRON)


def _main(program: Program) -> None:
    conf = program.settings(sys.argv[1:])
    if conf.check_config:
        _check(conf, program.name)
        return
    lock = config.agent_lock(conf)
    if conf.accept_database:
        memory.accept(lock.parent, conf.accept_database)
        return
    if conf.purge and not lock.exists():
        return
    with daemon.only_one(lock, f"{program.name}: an agent runs already on {lock.parent}; stop it first"):
        daemon.log_to_file(conf, program.log_file(conf))
        try:
            _purge(conf, lock) if conf.purge else _serve(conf)
        except (AgentError, HostError, DataPlaneError, Unavailable) as error:
            reason = f"not all is removed: {error}" if conf.purge else str(error)
            LOG.error("It ends: %s", reason)
            sys.exit(f"{program.name}: {reason}")


def _check(conf: cfg.ConfigOpts, name: str) -> None:
    """Say what is wrong with the settings as far as they tell by themselves, and exit 1 where something is."""
    if not conf.transport_url:
        sys.exit(f"{name}: {NO_TRANSPORT}")
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
    from evener.bus.messaging import MessagingBus
    from evener.bus.neutron_reports import keep_reporting

    bus = MessagingBus(conf)
    agent = make_agent(conf, bus.controller())
    bus.serve_agent(conf.host, agent)
    closing = threading.Thread(target=_close_after, args=(ended, bus), daemon=True)  # noqa: TID251 - ends with the call
    closing.start()
    registry = CollectorRegistry()
    registry.register(agent.metrics.registry)
    daemon.show_metrics(conf, registry)
    daemon.pass_over_what_is_loaded()
    agent.start()  # it may take a while until control is heard, and end at once when the bus is closed
    daemon.serving(f"Serving load balancers as the agent on {conf.host}")
    if conf.neutron.report_state:
        telling = (bus, conf.host, conf.agent.report_interval, lambda: agent.configurations, ended)
        threads.lasting("neutron", lambda: keep_reporting(*telling)).start()
    closing.join()
    agent.stop()
    LOG.info("Stopped; traffic goes on")


def _close_after(ended: threading.Event, bus: Bus) -> None:
    ended.wait()
    bus.close()


if __name__ == "__main__":
    main()
