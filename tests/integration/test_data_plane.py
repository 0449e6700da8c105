"""An agent lives with a data plane that it knows by the protocol alone, and with two of them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from text_data_plane import UNSPEAKABLE, TextDriver, halt, text_servers

import haproxy_graphs as g
from evener.agent.journal import Journal
from evener.agent.service import AgentService, Intervals
from evener.dataplane.haproxy.driver import HaproxyDriver
from evener.host import netns
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name
from evener.resources.errors import Unavailable
from evener.resources.facts import Heard
from evener.resources.wiring import FixedIP, WiredPort
from haproxy_rig import SETTINGS
from waiting import eventually, eventually_there

pytestmark = pytest.mark.root
LB, TCP, HTTP = g.nth(1), g.nth(2), g.nth(3)
NS, VIP = f"qlbaas-{LB}", "10.46.0.5"
PORT = WiredPort(
    id="0000000b-5c1e-4c58-9a80-3a3f3d4a1b2c",
    network_id="0b3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11",
    mac_address="fa:16:3e:00:04:01",
    fixed_ips=(FixedIP(address=VIP, prefix_length=24),),
)
CLIENT = PORT.model_copy(
    update={
        "id": "0000000c-5c1e-4c58-9a80-3a3f3d4a1b2c",
        "mac_address": "fa:16:3e:00:04:02",
        "fixed_ips": (FixedIP(address="10.46.0.6", prefix_length=24),),
    }
)


class Control:
    """What control answers to the one agent, and hears of it."""

    def __init__(self) -> None:
        self.graphs, self.reports, self.configurations = {}, [], {}
        self.answers = True

    def _answer(self, value):
        if not self.answers:
            raise Unavailable("Control does not answer")
        return value

    def heartbeat(self, _host, configurations, *_):
        self.configurations = configurations
        return self._answer(Heard(database="database"))

    def assigned(self, *_):
        return self._answer({key: graph.generation for key, graph in self.graphs.items()})

    def settled(self, *_):
        last = {
            each.loadbalancer_id: each for each in self.reports if each.applied_generation or each.failure
        }
        applied = {key: each.applied_generation for key, each in last.items() if each.failure is None}
        return {key: number for key, number in self.assigned().items() if applied.get(key) == number}

    def graph(self, _host, loadbalancer_id, *_):
        return self._answer(self.graphs.get(loadbalancer_id))

    def networks(self, *_):
        return self._answer(None)

    def routers(self, *_):
        return self._answer(None)

    def departed(self, _host, ids, *_):
        return self._answer(frozenset(ids) - self.graphs.keys())

    def report_all(self, host, reports, *_):
        return [self.report(host, each) for each in reports]

    def report(self, _host, report, *_):
        self.reports.append(self._answer(report))
        return True


class Node:
    """A host with an agent, a client on the load balancer's network, and control."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "lbaas" / "v2"
        self.control, self.plug = Control(), LinuxBridgeDriver(0)
        self.agent: AgentService | None = None
        self.generation = 0
        netns.ensure("client")
        self.plug.plug("client", CLIENT)

    def start(self, *drivers) -> None:
        self.agent = AgentService(
            host="node",
            controller=self.control,
            journal=Journal(self.directory),
            driver=self.plug,
            device_drivers=drivers or [TextDriver()],
            intervals=Intervals(1, 600),
            configurations={},
            sysctls={},
        )
        self.agent.start()

    def stop(self) -> None:
        if self.agent is not None:
            self.agent.stop()
            self.agent = None

    def want(self, *listeners, **given):
        """Have control want another graph, and return its generation."""
        self.generation += 1
        graph = g.graph(id=LB, listeners=listeners, generation=self.generation, **given)
        self.control.graphs[LB] = graph.model_copy(update={"vip_port": PORT})
        if self.agent is not None:
            self.agent.look(LB)
        return self.generation

    def applied(self, generation: int):
        """Wait until that has been applied, and return the report that says so."""
        found = lambda: [each for each in self.control.reports if each.applied_generation == generation]  # noqa: E731
        return eventually(found)[-1]

    def serve(self, *listeners, **given):
        return self.applied(self.want(*listeners, **given))

    def failure(self):
        return eventually(lambda: [each.failure for each in self.control.reports if each.failure])[-1]

    def remove(self) -> None:
        self.control.graphs.clear()
        before = len(self.control.reports)
        self.agent.look(LB)
        eventually(lambda: any(each.gone for each in self.control.reports[before:]))

    def says(self, port: int) -> str | None:
        """Return what a client hears on that port of the VIP, or None where nobody lets it in."""
        with suppress(OSError), netns.inside("client"):
            caller = socket.create_connection((VIP, port), 1)
            with caller:
                caller.settimeout(30)
                caller.sendall(b"GET / HTTP/1.0\r\n\r\n") if port in (80, 8080) else None
                return b"".join(iter(lambda: caller.recv(1000), b"")).decode()
        return None

    @property
    def servers(self) -> set[int]:
        return text_servers(self.directory)


@pytest.fixture
def node() -> Iterator[Node]:
    with TemporaryDirectory(prefix="node") as directory:  # a socket's path is short
        yield from _node(Path(directory))


def _node(directory: Path) -> Iterator[Node]:
    made = Node(directory)
    yield made
    made.control.answers = True
    if made.agent is None:
        made.start()
    if made.control.graphs:
        made.remove()
    made.stop()
    assert (made.servers, netns.exists(NS), list(made.directory.iterdir())) == (set(), False, [])
    made.plug.unplug("client", CLIENT.id)
    made.plug.remove_network(PORT.network_id)
    netns.delete("client")
    assert not Path("/sys/class/net", bridge_name(PORT.network_id)).exists()


def listener(text: str, port: int = 7000, **given):
    return g.listener(**{"id": TCP, "protocol": "TCP", "protocol_port": port, "description": text} | given)


def test_what_is_wanted_is_applied_changed_let_in_and_removed(node: Node) -> None:
    node.start()
    assert node.serve(listener("one")).failure is None
    assert (node.says(7000), node.says(7001)) == ("one", None)
    node.serve(listener("two", port=7001))
    assert (node.says(7000), node.says(7001)) == (None, "two")
    node.serve(listener("two", port=7001, admin_state_up=False))
    assert (node.says(7001), node.servers) == (None, set())
    node.serve(listener("three"))
    assert node.says(7000) == "three"
    node.remove()
    assert (node.servers, netns.exists(NS)) == (set(), False)


def test_what_it_tells_is_reported_and_what_it_counts_is_shown(node: Node) -> None:
    node.start()
    pool, member = g.pool(id=g.nth(4), protocol="TCP"), g.member(id=g.nth(5))
    node.serve(listener("one"), pools=[(pool, [member], None)])
    for _ in range(3):
        assert node.says(7000) == "one"
    counted = lambda seen: seen is not None and seen.listeners[TCP].total_connections == 3  # noqa: E731
    eventually(lambda: any(counted(each.observation) for each in node.control.reports))
    seen = node.agent.observe(LB)
    assert (seen.members, counted(seen)) == ({member.id: "NO_MONITOR"}, True)


@pytest.mark.parametrize("damage", ["killed", "halted", "forgotten", "without a namespace"])
def test_what_is_not_as_it_was_left_is_repaired(
    node: Node, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    node.start()
    node.serve(listener("one"))
    (before,) = node.servers
    if damage == "killed":
        os.kill(before, signal.SIGKILL)
    elif damage == "halted":
        halt(before)
    elif damage == "forgotten":
        (node.directory / LB / "text" / "process.json").unlink()
        os.kill(before, signal.SIGKILL)
    else:
        netns.delete(NS)
    eventually(lambda: "; repaired" in caplog.text)
    eventually(lambda: node.says(7000) == "one")
    (after,) = node.servers
    assert (after == before) == (damage == "without a namespace")


def test_what_is_refused_is_reported_and_what_was_served_before_still_is(node: Node) -> None:
    node.start()
    node.serve(listener("one"))
    before = node.servers
    generation = node.want(listener(UNSPEAKABLE))
    failure = node.failure()
    assert (failure.generation, failure.reason) == (generation, "it does not say such a thing")
    assert (failure.serving, node.says(7000), node.servers) == (True, "one", before)
    node.serve(listener("two"))
    assert node.says(7000) == "two"


def test_what_has_to_wait_is_no_failure(node: Node) -> None:
    driver = TextDriver()
    driver.busy = 3
    node.start(driver)
    node.serve(listener("one"))
    assert (driver.busy, node.says(7000)) == (0, "one")
    assert all(each.failure is None for each in node.control.reports)


def test_another_agent_takes_over_what_serves_without_starting_it_anew(node: Node) -> None:
    node.start()
    node.serve(listener("one"))
    before = node.servers
    node.stop()
    assert node.says(7000) == "one"
    node.start()
    node.serve(listener("one"))
    assert (node.servers, node.says(7000)) == (before, "one")
    node.serve(listener("two"))
    assert node.says(7000) == "two"


def test_what_served_last_serves_again_after_a_reboot_though_control_does_not_answer(node: Node) -> None:
    node.start()
    node.serve(listener("one"))
    node.stop()
    for each in node.servers:
        os.kill(each, signal.SIGKILL)
    netns.delete(NS)
    node.plug.unplug(NS, PORT.id)
    node.control.answers = False
    node.start()
    eventually(lambda: node.says(7000) == "one")


def test_an_agent_says_which_data_planes_it_has_and_what_none_of_them_carries(node: Node) -> None:
    node.start(TextDriver(["TCP"]))
    web = g.listener(id=HTTP)
    failure = node.serve(listener("one"), web).failure
    assert (failure.objects, failure.reason) == ((HTTP,), "no device driver of this agent carries HTTP")
    assert (node.says(7000), node.says(80)) == ("one", None)


def test_two_data_planes_carry_one_load_balancer_each_its_part(node: Node) -> None:
    node.start(TextDriver(["TCP"]), HaproxyDriver(SETTINGS))
    web = g.listener(id=HTTP)
    node.serve(listener("one"), web)
    assert (node.says(7000), node.says(80)[:12]) == ("one", "HTTP/1.1 503")
    seen = eventually(lambda: (found := node.agent.observe(LB)).listeners[TCP].total_connections and found)
    assert seen.listeners.keys() == {TCP, HTTP}
    # One refuses: the other does what it can.
    node.want(listener(UNSPEAKABLE), g.listener(id=HTTP, protocol_port=8080))
    assert node.failure().serving
    assert (node.says(7000), node.says(80), node.says(8080)[:12]) == ("one", None, "HTTP/1.1 503")
    node.serve(listener("two"), web)
    assert (node.says(7000), node.says(80)[:12]) == ("two", "HTTP/1.1 503")
    # What one of them has lost is repaired, and nothing of the other is touched.
    (before,) = node.servers
    pid_file = node.directory / LB / "haproxy.pid"
    master = pid_file.read_text()
    os.kill(int(master), signal.SIGKILL)
    eventually_there(lambda: pid_file.read_text() not in ("", master))
    eventually(lambda: (node.says(80) or "").startswith("HTTP/1.1 503"))
    assert node.servers == {before}


def test_one_that_is_installed_is_found_by_its_name_and_purged(node: Node, tmp_path: Path) -> None:
    node.start()
    node.serve(listener("one"))
    node.stop()
    (node.directory.parent / "agent.pid").touch()  # an agent has been here
    site = tmp_path / "site" / "text-1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: text\nVersion: 1.0\n")
    (site / "entry_points.txt").write_text("[evener.device_driver]\ntext = text_data_plane:make\n")
    file = tmp_path / "evener.conf"
    file.write_text(f"[DEFAULT]\nstate_path = {node.directory.parent.parent}\ndevice_driver = text\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "evener-agent", "--config-file", file, "--purge"],
        env=os.environ | {"PYTHONPATH": f"{site.parent}:{Path(__file__).parent}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Removed load balancer {LB}\n", "")
    assert (node.servers, netns.exists(NS)) == (set(), False)
    node.control.graphs.clear()
