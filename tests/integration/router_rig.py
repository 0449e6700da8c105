"""Namespaces with one port each, that call each other; and the routers between them, as an agent makes them."""

import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from evener.agent.journal import Journal
from evener.host import netns, nft_process
from evener.host.linuxbridge import LinuxBridgeDriver
from evener.host.watch import Watcher
from evener.resources.wiring import FixedIP, FloatingAddress, RouterSpec, WiredPort
from evener_cloud.network.node import networks
from evener_cloud.network.node.routers import Routers

PATIENCE_S = 30.0
REFUSED_S = 0.7  # how long one waits for what must not come
OUTER, FLOATING_1, FLOATING_2 = "198.51.100.50", "198.51.100.61", "198.51.100.62"
driver = LinuxBridgeDriver(announcements=1)


def new_id() -> str:
    return str(uuid.uuid4())


def fixed(cidr: str, gateway: str | None = None) -> FixedIP:
    address, _, length = cidr.partition("/")
    return FixedIP(address=address, prefix_length=int(length), gateway=gateway)


def port(network: str, *fixed_ips: FixedIP, prefix: Any = "ns-") -> WiredPort:
    port_id = new_id()
    mac = "fa:16:3e:" + ":".join(port_id[n : n + 2] for n in (0, 2, 4))
    return WiredPort(id=port_id, network_id=network, mac_address=mac, fixed_ips=fixed_ips, prefix=prefix)


class Host:
    """A namespace with one port, that answers and calls."""

    def __init__(self, name: str, network: str, *fixed_ips: FixedIP) -> None:
        self.name, self.port = name, port(network, *fixed_ips)
        self.address = fixed_ips[0].address
        netns.ensure(name)
        driver.plug(name, self.port)
        self._sockets: list[socket.socket] = []

    def open(self, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET) -> socket.socket:
        with netns.inside(self.name):
            return socket.socket(family, kind | socket.SOCK_CLOEXEC)

    def serve(self, port: int = 80) -> "Host":
        """Tell everyone who calls, over TCP, this host's name and the caller's address; then echo."""
        with netns.inside(self.name):
            server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        self._sockets.append(server)
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return self

    def serve_datagrams(self, port: int = 53) -> "Host":
        channel = self.open(socket.SOCK_DGRAM)
        channel.bind(("0.0.0.0", port))
        self._sockets.append(channel)
        threading.Thread(target=self._answer, args=(channel,), daemon=True).start()
        return self

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, peer = server.accept()
            except OSError:
                return
            self._sockets.append(connection)
            connection.sendall(f"{self.name} {peer[0].removeprefix('::ffff:')}\n".encode())
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(100):
                connection.sendall(data)
        except OSError:
            return

    def _answer(self, channel: socket.socket) -> None:
        while True:
            try:
                _, peer = channel.recvfrom(100)
                channel.sendto(f"{self.name} {peer[0]}".encode(), peer)
            except OSError:
                return

    def call(self, address: str, port: int = 80, patience_s: float = PATIENCE_S) -> socket.socket:
        connection = self.open(family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        connection.settimeout(patience_s)
        try:
            connection.connect((address, port))
        except OSError:
            connection.close()
            raise
        return connection

    def hears(self, address: str, port: int = 80) -> str:
        """Return what is answered to a call: the name of who answers, and who it takes us for."""
        with self.call(address, port) as connection:
            return connection.recv(100).decode().strip()

    def reaches(self, address: str, port: int = 80) -> bool:
        try:
            with self.call(address, port, REFUSED_S):
                return True
        except OSError:
            return False

    def remove(self) -> None:
        for each in self._sockets:
            each.close()
        driver.unplug(self.name, self.port.id)
        netns.delete(self.name)


def echoes(connection: socket.socket) -> bool:
    """Say whether a connection to a `Host` that serves still works."""
    try:
        connection.sendall(b"still there?")
        return connection.recv(100) == b"still there?"
    except OSError:
        return False


class Site:
    """The networks, hosts and routers of a test, made as an agent makes them."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory / "lbaas" / "v2")
        self.changed = threading.Event()
        self.watcher = Watcher()
        self.routers = Routers(self.journal, driver, self.watcher, self.changed.set)
        self.watcher.path(netns.DIRECTORY, self._on_namespace)
        self.watcher.start()
        self.hosts: list[Host] = []

    def _on_namespace(self, name: str) -> None:
        self.routers.namespace_changed(name)  # of whichever agent there is by now

    def host(self, name: str, network: str, cidr: str, gateway: str | None = None, *more: FixedIP) -> Host:
        self.hosts.append(Host(name, network, fixed(cidr, gateway), *more))
        self.journal.note_network(network)
        return self.hosts[-1]

    def apply(self, *specs: RouterSpec) -> None:
        self.routers.reconcile(specs)

    def agent_anew(self) -> None:
        """Go on with an agent that knows nothing but the journal."""
        self.routers.forget()
        self.routers = Routers(self.journal, driver, self.watcher, self.changed.set)

    def remove(self) -> None:
        self.routers.reconcile(())
        for host in self.hosts:
            host.remove()
        networks.clear(self.journal, driver, ())
        self.watcher.stop()


def floating(*pairs: tuple[str, str]) -> tuple[FloatingAddress, ...]:
    return tuple(FloatingAddress(floating=outer, fixed=inner) for outer, inner in pairs)


def changed(spec: RouterSpec, **values: Any) -> RouterSpec:
    return spec.model_copy(update=values)


def nft(namespace: str | None, commands: str) -> str:
    """Do what someone does by hand with nft(8), in a namespace or on the host."""
    library = nft_process._library()
    with netns.inside(namespace) if namespace else nullcontext(), nft_process._context(library) as context:
        failed = library.nft_run_cmd_from_buffer(context, commands.encode())
        assert not failed, library.nft_ctx_get_error_buffer(context)
        return library.nft_ctx_get_output_buffer(context).decode()


class Project:
    """A router with two inner networks, a host on each and a second on the first, and someone outside."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.outer_network, self.first, self.second = new_id(), new_id(), new_id()
        inside, outside = "192.168.200", fixed("fd00:51::1/64")
        self.outside = site.host("outside", self.outer_network, "198.51.100.1/24", None, outside).serve()
        six = fixed("fd00:200::9/64", "fd00:200::1")
        self.web1 = site.host("web1", self.first, f"{inside}.9/24", f"{inside}.1", six).serve()
        self.web2 = site.host("web2", self.first, f"{inside}.7/24", f"{inside}.1").serve()
        self.other = site.host("other", self.second, "10.20.0.9/24", "10.20.0.1").serve()
        self.spec = RouterSpec(
            id=new_id(),
            ports=(
                port(self.first, fixed(f"{inside}.1/24"), fixed("fd00:200::1/64"), prefix="qr-"),
                port(self.second, fixed("10.20.0.1/24"), prefix="qr-"),
            ),
            gateway=port(
                self.outer_network,
                fixed(f"{OUTER}/24", "198.51.100.1"),
                fixed("fd00:51::50/64"),
                prefix="qg-",
            ),
            floating_ips=floating((FLOATING_1, "192.168.200.9"), (FLOATING_2, "192.168.200.7")),
        )
        self.namespace = f"qrouter-{self.spec.id}"

    def apply(self, **values: object) -> None:
        self.spec = changed(self.spec, **values)
        self.site.apply(self.spec)

    def ip(self, *command: str) -> str:
        return run("ip", "-n", self.namespace, *command)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def route(host: Host, destination: str, via: str) -> None:
    run("ip", "-n", host.name, "route", "add", destination, "via", via)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.remove()
    assert not [name for name in netns.names() if name.startswith("qrouter-")]
    left = [entry.name for entry in Path("/sys/class/net").iterdir()]
    assert not [name for name in left if name.startswith(("tap", "brq"))]
    assert made.journal.routers() == frozenset()
