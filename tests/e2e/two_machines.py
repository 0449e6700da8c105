"""Two machines that serve load balancers of one control, on one network: how they are made, and who calls.

The second machine is a network namespace with a view of its own of what is mounted.
"""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Self

from existing_bridge import BRIDGE, Existing, Machine, make_bridge
from node import HOST, PROGRAM, Node
from rabbitmq import RabbitMQ
from standalone import Balancer, Cloud, Standalone, haproxies, ip

from waiting import OwnTime, eventually, patience

OCTAVIA = "/load-balancer/v2"
MACHINE = "machine2"
# Its namespaces are in a directory that no other machine sees.
ON_MACHINE = (
    "ip",
    "netns",
    "exec",
    MACHINE,
    "sh",
    "-c",
    'mount -t tmpfs tmpfs /run/netns && exec "$@"',
    "sh",
)
MAPPINGS = "[linux_bridge]\nphysical_interface_mappings = virt:eth1\n"
WITHIN_S = 30.0
PAIR = "ACTIVE_STANDBY"
EVERY_S, AT_ONCE_S, CALLS_AT_ONCE = 0.005, 0.3, 80


@contextmanager
def joined(rabbitmq: RabbitMQ) -> Iterator[str]:
    """Make a bridge that both machines are on, and a way from the second one to RabbitMQ."""
    make_bridge()
    ip(
        f"netns add {MACHINE}",
        f"link add up1 type veth peer name eth1 netns {MACHINE}",
        f"link set up1 master {BRIDGE} up",
        f"link add manage type veth peer name eth0 netns {MACHINE}",
        "address add 10.99.0.1/24 dev manage",
        "link set manage up",
    )
    for command in (
        "link set lo up",
        "link set eth1 up",
        "address add 10.99.0.2/24 dev eth0",
        "link set eth0 up",
    ):
        on_node("ip", *command.split())
    try:
        yield f"""[DEFAULT]
transport_url = {rabbitmq.url}
[linux_bridge]
bridge_mappings = virt:{BRIDGE}
"""
    finally:
        ip(f"netns delete {MACHINE}", f"link delete {BRIDGE}")


def on_node(*command: str) -> None:
    """Run a command in the network of the second machine."""
    subprocess.run(["ip", "netns", "exec", MACHINE, *command], check=True)


def node_on(rabbitmq: RabbitMQ, directory: Path, program: Sequence[str] = (PROGRAM,), more: str = "") -> Node:
    """Return the agent of the second machine, which is not started; `more` are settings of its own."""
    url = rabbitmq.url_of(HOST, "PASSWORD", "10.99.0.1")
    return Node(directory, url, (*ON_MACHINE, *program), MAPPINGS + more)


def cloud_of_both(standalone: Standalone, cidr: str = "10.44.0.0/24") -> Cloud:
    """Return the cloud once both agents are heard of."""
    made = Existing(standalone, cidr, host=Machine)
    eventually(
        lambda: len(made.api.request("GET", "/networking/v2.0/agents").json()["agents"]) == 2, WITHIN_S
    )
    return made


class Caller:
    """Opens a connection each 5 ms, whatever has become of those before, and notes when one was answered at once."""

    def __init__(self, cloud: Cloud, vip: str) -> None:
        self._cloud, self._vip = cloud, vip
        self._ended, self._good, self._time = threading.Event(), deque[float](), OwnTime()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE)

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._time.look()
            self._calls.submit(self._call)

    def _call(self) -> None:
        with suppress(Exception):
            self._cloud.client.get(self._vip, timeout_s=AT_ONCE_S * patience())
            self._good.append(self._time.now_s)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: len(self._good) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        answered = len(self._good)
        try:
            eventually(lambda: len(self._good) > answered + 20, WITHIN_S)
        finally:
            self._ended.set()
            self._thread.join()
            self._calls.shutdown()

    @property
    def longest_gap_s(self) -> float:
        """The longest time without an answer, of that in which calls were made."""
        return max(after - before for before, after in pairwise(sorted(self._good)))


class Pair:
    """The load balancer, and where it is served."""

    def __init__(self, cloud: Cloud, standalone: Standalone, node: Node, balancer: Balancer) -> None:
        self.cloud, self.standalone, self.node, self.balancer = cloud, standalone, node, balancer
        self.vip = balancer.vip

    @property
    def path(self) -> str:
        """Where Octavia's API has it."""
        return f"lbaas/loadbalancers/{self.balancer.lb['id']}"

    def serving(self, name: str) -> dict[str, list[int]]:
        """Return the processes of a program that serve it, by host."""
        found: dict[str, list[int]] = {HOST: [], self.standalone_host: []}
        for pid, command in processes_of(name, self.balancer.lb["id"]).items():
            found[HOST if str(self.node.state) in command else self.standalone_host].append(pid)
        return found

    @property
    def standalone_host(self) -> str:
        return os.uname().nodename

    def owners(self) -> list[str]:
        """Return the hosts that have the VIP."""
        found = []
        for host, pids in self.serving("haproxy").items():
            for pid in pids[:1]:
                command = ["nsenter", "-t", str(pid), "-n", "ip", "-o", "address"]
                shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
                found += [host] if f" {self.vip}/" in shown else []
        return found

    def is_well(self) -> bool:
        """Say whether both serve, none frozen, and one has the VIP."""
        serving = [pids for name in ("haproxy", "keepalived") for pids in self.serving(name).values()]
        both = all(serving) and not any(_is_stopped(pid) for pids in serving for pid in pids)
        return both and all(map(self._may_have_vip, (self.node, self.standalone))) and len(self.owners()) == 1

    def _may_have_vip(self, host: Node | Standalone) -> bool:
        """Say whether a host's keepalived was told that HAProxy serves there."""
        weight = host.state / "lbaas" / "v2" / self.balancer.lb["id"] / "keepalived.weight"
        with suppress(FileNotFoundError):
            return int(weight.read_text()) >= 0
        return False

    def have(self, host: str) -> None:
        """See that this host has the VIP, for a second at least."""
        eventually(lambda: self._has(host), WITHIN_S)

    def _has(self, host: str) -> bool:
        """Return whether this host has the VIP; where the other has it, take it from there.

        It may get it back at once: who was started a moment ago is told last that it serves.
        """
        eventually(self.is_well, WITHIN_S)
        owners = self.owners()
        if owners != [host]:
            for each in owners:
                self.kill("haproxy", each)
        time.sleep(1)
        return owners == [host] == self.owners() and self.is_well()

    def kill(self, name: str, host: str, number: int = signal.SIGKILL) -> None:
        """Send a program's processes on a host a signal, which ends or stops them; return once it has."""
        signal_all(self.serving(name)[host], number)


def signal_all(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send processes a signal that ends or stops them, and return once it has: on a busy machine that takes a while."""
    told = []
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            told.append(pid)
    eventually(lambda: not any(map(_runs, told)), WITHIN_S, lambda: told)


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "TtZX"
    return False


def processes_of(name: str, balancer_id: str) -> dict[int, str]:
    if name == "haproxy":
        return haproxies(balancer_id)
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if command.startswith(name) and balancer_id in command:
                found[int(entry.name)] = command
    return found


def _is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


@contextmanager
def paired(cloud: Cloud, standalone: Standalone, node: Node) -> Iterator[Pair]:
    """Have a load balancer that both serve."""
    balancer = cloud.balancer("paired")
    change = {"loadbalancer": {"topology": PAIR}}
    path = f"{OCTAVIA}/lbaas/loadbalancers/{balancer.lb['id']}"
    assert cloud.api.request("PUT", path, change).json()["loadbalancer"]["topology"] == PAIR
    cloud.api.wait_active(balancer.lb, WITHIN_S)
    yield Pair(cloud, standalone, node, balancer)
    cloud.delete(balancer, wait=False)
    cloud.api.wait_gone(balancer.lb, WITHIN_S)
