"""What control takes for many agents with many load balancers: real control, database and RabbitMQ, agents on paper.

At three sizes, one after the other in the same server: what a change takes until it is applied, and what control and
its database take at rest, in processor and in statements. Every tenth load balancer has traffic. With the environment's
AGENTS there are so many, each with a hundred load balancers.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rabbitmq import RabbitMQ, with_a_node
from sqlalchemy import func, select, update
from standalone import Standalone

from bench import counted_server, report, seeding
from bench.api import OCTAVIA, Api, Made
from bench.many_agents import BUSY_EACH, Served
from bench.report import Result
from bench.topology import END_S, MEMBERS, wait_for
from evener.control.controller import BusController
from evener.store.database import Database, Transaction
from evener.store.schema import agents, bindings, listeners, loadbalancers, member_health, members

PORT = 19880
# Load balancers, and agents, of which 100 take a machine of more than two processors.
AGENTS = int(os.environ.get("AGENTS", "20"))
SIZES = ((10, 2), (AGENTS * 25, max(AGENTS // 4, 3)), (AGENTS * 100, AGENTS))
IN_TESTS = "periodic_interval = 1"
SETTINGS = """[DEFAULT]
transport_url = {url}
[standalone]
agent = false
dashboard = false
"""
CIDR, FIRST, LAST = "10.64.0.0/15", "10.64.16.0", "10.65.255.254"
AT_ONCE = 500  # rows in a statement
# Six of the agents' intervals: they tell counters in each, and ask for networks in one of six.
CHANGES, REST_S, SETTLED_S = 60, 60.0, 5.0
IN_A_PROCESS = 25  # agents, whose threads wait for each other otherwise
HEARD_WITHIN_S, ACTIVE_WITHIN_S, POLL_S = 240.0, 30.0, 0.003
SLOWER_AT_MOST, MORE_AT_MOST = 1.5, 1.1
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Site:
    """The server with its database, and where its agents keep what they have."""

    server: Standalone
    api: Api
    database: Database
    controller: BusController
    made: Made
    directory: Path
    processes: list[subprocess.Popen[bytes]]  # with the agents

    @property
    def statements(self) -> Path:
        """Return the file in which is counted."""
        return self.directory / "statements"


@dataclass(frozen=True)
class Change:
    """The seconds until it is applied, and those of processor meanwhile: control's and its agents'."""

    seconds: float
    control: float
    agents: float


@dataclass(frozen=True)
class Rest:
    """The processor's seconds, and the statements, that control takes in one second while nobody asks it anything."""

    processor: float
    statements: float


@dataclass(frozen=True)
class Measured:
    """Of one size: changes, and the seconds until control had heard of all."""

    change: Change
    heard_s: float


def measure() -> Iterator[Result]:
    """Measure each size."""
    found = {}
    with _site() as site, ExitStack() as stack:
        rests = [_at_rest(site)]
        balancers = hosts = 0
        for wanted in SIZES:
            more = [f"paper-{number}" for number in range(hosts, wanted[1])]
            _seed(site, balancers, wanted[0], more)
            start = time.monotonic()
            for first in range(0, len(more), IN_A_PROCESS):
                stack.enter_context(_running(site, more[first : first + IN_A_PROCESS]))
            _wait_until_heard(site, wanted[0])
            heard_s = time.monotonic() - start
            time.sleep(SETTLED_S)
            found[wanted] = Measured(_change(site), heard_s)
            if wanted != SIZES[0]:
                rests.append(_at_rest(site))
            balancers, hosts = wanted
    few, _, many = (found[each] for each in SIZES)
    (n_few, a_few), (n_some, a_some), (n_many, a_many) = SIZES
    name = (
        f"a change until it is applied, with {n_many} load balancers on {a_many} agents / {n_few} on {a_few}"
    )
    yield report.aimed(name, many.change.seconds / few.change.seconds, "", report.AT_MOST, SLOWER_AT_MOST)
    yield report.result(f"  with {n_many}", many.change.seconds * 1000, "ms")
    for number, taken in ((n_few, few.change), (n_many, many.change)):
        yield report.result(f"  processor of control, with {number}", taken.control * 1000, "ms")
        yield report.result(f"  processor of all agents, with {number}", taken.agents * 1000, "ms")
    # Besides what it takes without any: agents are as many for each load balancer then, which they tell of together.
    for what, unit, values in (
        ("processor of control and database", "%", [each.processor * 100 for each in rests]),
        ("statements of control", "/s", [each.statements for each in rests]),
    ):
        each_some = (values[1] - values[0]) * 1000 / n_some
        each_many = (values[2] - values[0]) * 1000 / n_many
        name = f"{what} for 1000 load balancers at rest, of {n_many} on {a_many} agents"
        yield report.result(name, each_many, unit)
        name = f"  the same / of {n_some} on {a_some}"
        yield report.aimed(name, each_many / each_some, "", report.AT_MOST, MORE_AT_MOST)
    name = f"{a_many - a_some} agents start with {n_many - n_some} load balancers: until control has heard of all"
    yield report.result(name, many.heard_s * 1000, "ms")


@contextmanager
def _site() -> Iterator[Site]:
    # On a disk, as its users have it.
    with tempfile.TemporaryDirectory(prefix="evener-bench-", dir="/var/tmp") as state, ExitStack() as stack:
        rabbitmq: RabbitMQ = stack.enter_context(with_a_node())
        directory = Path(state)
        counted = (sys.executable, "-m", "bench.counted_server", str(directory / "statements"))
        server = Standalone(directory / "control", PORT, counted)
        text = server.config.read_text().replace(IN_TESTS, "periodic_interval = 10")
        server.config.write_text(text + SETTINGS.format(url=rabbitmq.url))
        (directory / "agents.conf").write_text(
            f"[DEFAULT]\nstate_path = {directory / 'agents'}\ntransport_url = {rabbitmq.url}\n"
        )
        stack.callback(server.purge)
        server.start()
        api = Api(PORT, server.state)
        api.lift_quotas()
        database = Database(f"sqlite:///{server.state / 'evener.sqlite'}")
        stack.callback(database.close)
        controller = seeding.agent(database)
        _, subnet = api.network(CIDR, FIRST, LAST)
        made = api.balancer(subnet, MEMBERS)
        seeding.tag(api, made)
        seeding.report(controller, made)
        yield Site(server, api, database, controller, made, directory, [])


def _seed(site: Site, had: int, number: int, hosts: Sequence[str]) -> None:
    """Have so many load balancers, of which what is new is on new agents, applied, and write down what they have."""
    seeding.copies(site.api, site.database, site.made, number - had, after=had)
    for host in hosts:
        site.controller.heartbeat(host, {})
    with site.database.write() as tx:
        first = tx.scalar(select(agents.c.id).where(agents.c.host == seeding.HOST))
        new = set(tx.scalar_ids(select(bindings.c.loadbalancer_id).where(bindings.c.agent_id == first)))
        new = sorted(new - {site.made.loadbalancer})  # which nobody serves: the others are copies of it
        left = _left(tx)
        for place, host in enumerate(hosts):
            agent_id = tx.scalar(select(agents.c.id).where(agents.c.host == host))
            its = new[place :: len(hosts)]
            for start in range(0, len(its), AT_ONCE):
                some = its[start : start + AT_ONCE]
                for table in (bindings, member_health):
                    mine = table.c.loadbalancer_id.in_(some)
                    tx.execute(update(table).where(mine).values(agent_id=agent_id))
            (site.directory / f"{host}.json").write_text(json.dumps({each: left[each] for each in its}))
        generation = select(loadbalancers.c.generation).where(
            loadbalancers.c.id == bindings.c.loadbalancer_id
        )
        tx.execute(update(bindings).values(applied_generation=generation.scalar_subquery()))
        kept = {"reached_generation": loadbalancers.c.generation, "standing": "ACTIVE"}
        tx.execute(update(loadbalancers).values(**kept))


def _left(tx: Transaction) -> dict[str, Served]:
    """Return what is served of each load balancer."""
    below: dict[Any, dict[str, list[str]]] = {listeners: {}, members: {}}
    for table, found in below.items():
        for row in tx.execute(select(table.c.id, table.c.loadbalancer_id)):
            found.setdefault(row.loadbalancer_id, []).append(row.id)
    ports = tx.execute(select(loadbalancers.c.id, loadbalancers.c.vip_port_id).order_by(loadbalancers.c.id))
    return {
        row.id: Served(
            row.vip_port_id,
            below[listeners].get(row.id, []),
            below[members].get(row.id, []),
            number % BUSY_EACH == 0,
        )
        for number, row in enumerate(ports)
    }


@contextmanager
def _running(site: Site, hosts: Sequence[str]) -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "bench.many_agents",
        str(site.directory / "agents.conf"),
        str(site.directory),
    ]
    process = subprocess.Popen([*command, *hosts], stdin=subprocess.DEVNULL)
    site.processes.append(process)
    try:
        yield
    finally:
        process.kill()
        process.wait(END_S)


def _wait_until_heard(site: Site, number: int) -> None:
    heard = select(func.count()).where(bindings.c.reported_run.is_not(None)).select_from(bindings)

    def all_heard() -> bool:
        time.sleep(0.2)
        with site.database.read() as tx:
            return bool((tx.scalar(heard) or 0) >= number)

    wait_for(all_heard, HEARD_WITHIN_S, f"Of {number} load balancers not all are heard of")


def _change(site: Site) -> Change:
    """Return what a change takes: the median of several, of load balancers that are drawn, and their processor."""
    with site.database.read() as tx:
        every = list(
            tx.scalar_ids(select(loadbalancers.c.id).where(loadbalancers.c.id != site.made.loadbalancer))
        )
    took, control, its_agents = [], _control_s(site), _agents_s(site)
    for number in range(CHANGES):
        path = f"{OCTAVIA}/loadbalancers/{random.choice(every)}"
        start = time.monotonic()
        status, document = site.api.call("PUT", path, {"loadbalancer": {"description": f"change {number}"}})
        if status != 200:
            raise RuntimeError(f"PUT {path}: {status} {document}")
        applied = partial(_is_active, site.api, path)
        wait_for(applied, ACTIVE_WITHIN_S, f"{path} is not ACTIVE")
        took.append(time.monotonic() - start)
    used = (_control_s(site) - control, _agents_s(site) - its_agents)
    return Change(median(took), *(each / CHANGES for each in used))


def _is_active(api: Api, path: str) -> bool:
    return bool(api.call("GET", path)[1]["loadbalancer"]["provisioning_status"] == "ACTIVE")


def _at_rest(site: Site) -> Rest:
    start, used, sent = time.monotonic(), _control_s(site), counted_server.statements(site.statements)
    time.sleep(REST_S)
    rest_s = time.monotonic() - start
    sent = counted_server.statements(site.statements) - sent
    return Rest((_control_s(site) - used) / rest_s, sent / rest_s)


def _control_s(site: Site) -> float:
    assert site.server.process is not None
    return _used_s(site.server.process)


def _agents_s(site: Site) -> float:
    return sum(map(_used_s, site.processes))


def _used_s(process: "subprocess.Popen[bytes]") -> float:
    """Return the seconds of processor that a process has used."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, stat[11:13])) / TICKS
