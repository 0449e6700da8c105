"""Many agents in one process, real but for the kernel: all that agents ask and tell control, and nothing on a host.

    python -m bench.many_agents CONFIGURATION_FILE DIRECTORY HOST...

`DIRECTORY/HOST.json` says what each host serves already, as `Served` by load balancers' ids.
"""

import itertools
import json
import logging
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from oslo_config import cfg

from evener import config
from evener.agent import balancers, service
from evener.agent.balancer import Outcome, Tools
from evener.agent.journal import Journal
from evener.agent.service import AgentService
from evener.bus.messaging import MessagingBus
from evener.resources.facts import Counters, Observation
from evener.resources.graph import Graph
from evener.resources.types import OperatingStatus

BUSY_EACH = 10  # every so manieth load balancer has traffic


class Served(NamedTuple):
    """What an agent before this one has left: a port, listeners and members, and whether anybody calls."""

    port: str
    listeners: list[str]
    members: list[str]
    busy: bool


class OnPaper:
    """In place of `evener.agent.balancer.Balancer`: what is to be done is noted, and what is observed made up."""

    known: Mapping[str, Served] = {}
    wired_elsewhere = leaving = is_working = is_one_of_two = False
    sure = serves = plugged = True
    halted = None

    def __init__(self, loadbalancer_id: str, tools: Tools) -> None:
        self.id, self._tools = loadbalancer_id, tools
        self.reporting = threading.Lock()
        self.generation: int | None = None
        served = self.known.get(loadbalancer_id, Served("", [], [], busy=False))
        self.port_id, self._listeners, self._members, self._busy = served
        self._connections = itertools.count(1)

    def apply(self, graph: Graph) -> Outcome:
        """Take a graph for applied."""
        self._tools.journal.note_loadbalancer(self.id, graph.port.id)
        self.port_id, self.generation = graph.port.id, graph.generation
        self._listeners = [each.id for each in graph.listeners]
        self._members = [member.id for node in graph.pools for member in node.members]
        return Outcome(changed=True)

    def adopt(self, generation: int) -> bool:
        """Have served it before."""
        self.generation = generation
        return True

    def observe(self, *, servers: bool = False, wait_s: float | None = None) -> Observation:  # noqa: ARG002
        """Return that all members are well, and, where it is busy, more connections than the last time."""
        total = next(self._connections) if self._busy else 0
        counted = Counters(total_connections=total, bytes_in=total * 100, bytes_out=total * 1000)
        members = dict.fromkeys(self._members, OperatingStatus.ONLINE)
        return Observation(members=members, listeners=dict.fromkeys(self._listeners, counted))

    def remove(self) -> None:
        """Serve it no more."""
        self._tools.journal.forget_loadbalancer(self.id)

    def repair(self, *, restore: bool) -> None:
        """Find nothing to be repaired."""

    def confirm(self) -> bool:
        """Find all as it was left."""
        return False

    def doubt(self, *, closely: bool = True) -> None:
        """Do nothing."""

    def forget(self) -> None:
        """Do nothing."""


class NoKernel:
    """In place of a watcher, an interface driver and an underlay: hears nothing, and has nothing to do."""

    def __init__(self, *_: object) -> None:
        """Take whatever those take."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **_named: None


def main() -> None:
    """Serve until SIGTERM."""
    settings, directory, *hosts = sys.argv[1:]
    conf = config.load(["--config-file", settings], "evener-agent", (), config.AGENT_GROUPS)
    balancers.Balancer = OnPaper  # type: ignore[assignment,misc]
    service.Watcher = NoKernel  # type: ignore[assignment,misc]
    service.TAKEN_AT_ONCE = service.ADOPTED_AT_ONCE = 1  # threads are many as it is
    logging.getLogger("oslo_messaging").setLevel(logging.ERROR)  # it warns of many calls at once
    bus = MessagingBus(conf)
    agents = [_agent(conf, bus, Path(directory), host) for host in hosts]
    for each in agents:
        each.start()
    signal.sigwait({signal.SIGTERM})


def _agent(conf: cfg.ConfigOpts, bus: MessagingBus, directory: Path, host: str) -> AgentService:
    journal = Journal(directory / host / "lbaas")
    left = json.loads((directory / f"{host}.json").read_text())
    OnPaper.known = {**OnPaper.known, **{key: Served(*values) for key, values in left.items()}}
    for key, values in left.items():
        journal.note_loadbalancer(key, values[0])
    intervals = service.Intervals(conf.periodic_interval, conf.resync_interval)
    nothing: Any = NoKernel()
    agent = AgentService(
        host, bus.controller(), journal, nothing, (), intervals, {}, {}, workers=1, underlay=NoKernel
    )
    bus.serve_agent(host, agent)
    return agent


if __name__ == "__main__":
    main()
