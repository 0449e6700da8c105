"""Where everything runs: a bridge with a client, servers and load balancers, each in a namespace.

Only for use in tests/sandbox, with which all of it ends.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from evener.host.linuxbridge import bridge_name

STATE = Path("/var/lib/evener/bench")
CONFIGURATION = f"[DEFAULT]\nstate_path = {STATE}\n"
API_HOST, API_PORT = "127.0.0.1", 9876
URL = f"http://{API_HOST}:{API_PORT}"
OUTPUT = Path("/tmp/bench-standalone.out")  # the sandbox's own
SETTINGS = Path("/tmp/bench.conf")
PROGRAM = (str(Path(sys.executable).with_name("evener-standalone")), "--config-file", str(SETTINGS))
START_S, BRIDGE_S, END_S = 30.0, 10.0, 10.0

CIDR, GATEWAY, LENGTH = "10.90.0.0/16", "10.90.0.1", 16
FIRST, LAST = "10.90.1.0", "10.90.4.250"  # for load balancers; below are the namespaces' addresses
CLIENT, SERVERS = "bench-client", "bench-servers"
CLIENT_ADDRESS, SERVER_ADDRESS, BARE_ADDRESS = "10.90.0.10", "10.90.0.11", "10.90.0.12"
BARE_MAC = "fa:16:3e:90:00:12"
PORTS = (8001, 8002, 8003)  # a server each; its answer is its port
MEMBERS = tuple((SERVER_ADDRESS, port) for port in PORTS[:2])
BARE_SCRIPT = Path(__file__).with_name("bare.sh")
HTTP, TCP, TLS = 80, 81, 443  # where a load balancer listens


@dataclass(frozen=True)
class Bare:
    """A load balancer by hand: its name, and a file with a certificate and its key where it is to end TLS as well."""

    name: str
    certificate: Path | None = None
    extra: Path | None = None  # more of its configuration


def run(*command: str) -> None:
    """Run a command.

    Raises:
        CalledProcessError: when it fails.
    """
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Standalone:
    """`evener-standalone` as a process, which may be started anew."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when its API answers."""
        with OUTPUT.open("wb") as output:
            self._process = process = subprocess.Popen(
                PROGRAM, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        ends = "evener-standalone does not answer"
        wait_for(lambda: healthy(URL) or process.poll() is not None, START_S, ends)

    def stop(self) -> None:
        """Stop it; show what it has printed, which should be nothing."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=END_S)
        if self._process.returncode or OUTPUT.stat().st_size:
            print(
                f"evener-standalone: {self._process.returncode} {OUTPUT.read_text()[-4000:]}", file=sys.stderr
            )
        self._process = None


@contextmanager
def standalone(more: str = "") -> Iterator[Standalone]:
    """Run `evener-standalone`, with more of `[DEFAULT]` in its settings, and leave nothing of it."""
    SETTINGS.write_text(CONFIGURATION + more)
    server = Standalone()
    try:
        server.start()
        yield server
    finally:
        server.stop()
        subprocess.run([*PROGRAM, "--purge"], check=True, stdout=subprocess.DEVNULL)


def healthy(url: str) -> bool:
    """Say whether the server at `url` answers that it is well."""
    try:
        with urllib.request.urlopen(f"{url}/healthcheck", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(ready: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Return once `ready` says so; raise `RuntimeError(otherwise)` when it has not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.01)


@contextmanager
def hosts(network_id: str) -> Iterator[str]:
    """Give the network's bridge, with the client and the servers on it."""
    bridge = bridge_name(network_id)
    wait_for(Path("/sys/class/net", bridge).exists, BRIDGE_S, f"The bridge {bridge} does not appear")
    try:
        _plug(CLIENT, CLIENT_ADDRESS, bridge)
        _plug(SERVERS, SERVER_ADDRESS, bridge)
        # The client asks for an address that is not there yet a hundred times a second, not once.
        ask_anew = "echo 10 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms"
        run("ip", "netns", "exec", CLIENT, "sh", "-c", ask_anew)
        run("ip", "netns", "exec", SERVERS, "haproxy", "-D", "-f", str(_server_configuration()))
        yield bridge
    finally:
        for name in (CLIENT, SERVERS):
            remove(name)


def _plug(name: str, address: str, bridge: str) -> None:
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    tap = name.removeprefix("bench-")
    run("ip", "link", "add", f"tap-{tap}", "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", f"tap-{tap}", "master", bridge, "up")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "address", "add", f"{address}/{LENGTH}", "dev", "eth0")


def _server_configuration() -> Path:
    """Write the servers' file: HAProxy answers by itself, faster than it could ask another."""
    lines = ["defaults", "  mode http", "  timeout client 50s", "global", "  maxconn 8000"]
    for port in PORTS:
        lines += [f"frontend web{port}", f"  bind {SERVER_ADDRESS}:{port}"]
        lines += [f"  http-request return status 200 content-type text/plain string {port}"]
    path = STATE / "servers.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def bare_directory(name: str) -> Path:
    """Return the directory of the load balancer by hand with that name."""
    return STATE / "bare" / name


def make_bare(bare: Bare, bridge: str, members: Sequence[tuple[str, int]]) -> None:
    """Make a load balancer by hand, at `BARE_ADDRESS`, serving when the call returns."""
    fixed = [bare.name, f"{BARE_ADDRESS}/{LENGTH}", BARE_MAC, GATEWAY, bridge, str(bare_directory(bare.name))]
    files = {"CERTIFICATE": bare.certificate, "EXTRA": bare.extra}
    more = {name: str(path) for name, path in files.items() if path is not None}
    command = ["sh", str(BARE_SCRIPT), *fixed, *(f"{address}:{port}" for address, port in members)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env={**os.environ, **more})


def remove(name: str) -> None:
    """Remove a namespace with all processes in it, if it exists."""
    if not Path("/run/netns", name).exists():
        return
    for pid in _pids(name):
        with suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not _pids(name), END_S, f"The processes in {name} do not end")
    run("ip", "-n", name, "link", "delete", "eth0")
    run("ip", "netns", "delete", name)


def _pids(name: str) -> list[int]:
    listed = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True).stdout
    return [int(pid) for pid in listed.split()]
