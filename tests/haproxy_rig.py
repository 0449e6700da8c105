"""A namespace with members that answer, and clients in it, for tests of a real HAProxy."""

import contextlib
import http.client
import os
import socket
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.base import Busy
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.settings import Settings, most_files, probe
from evener.host import netns

VIP = "127.0.1.1"
PATIENCE_S = 30.0  # what anybody waits for an answer that has to come
DEBIAN_13 = "/run/haproxy-3.0/haproxy"  # where tests/sandbox has what scripts/haproxy-3.0 brings


def settings_of(binary: str) -> Settings:
    return Settings(version=probe(binary), binary=binary, files=most_files())


SETTINGS = settings_of(os.environ.get("HAPROXY", "haproxy"))  # of this machine's


class Web:
    """An HTTP server in the namespace; answers its name, with `status`, and remembers what it was asked."""

    def __init__(self, rig: "Rig", name: str, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.name, self.address, self.port = name, address, port
        self.status, self.delay_s, self.cookie = 200, 0.0, None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answered: list[str] = []  # paths
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.requests.append((self.command, self.path, headers))
                time.sleep(web.delay_s)
                web.may_answer.wait()
                web.answered.append(self.path)
                body = web.name.encode()
                self.send_response(web.status)
                if web.cookie:
                    self.send_header("Set-Cookie", web.cookie)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_OPTIONS = _answer  # noqa: N815

            def log_message(self, *args) -> None:
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *args) -> None:
                pass

            def server_bind(self) -> None:
                # Not that of HTTPServer, which asks a name server for its own name, and waits for it.
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = self.server_address[:2]

            def get_request(self):
                connection, peer = super().get_request()
                if tls is not None:
                    connection.settimeout(5)
                    connection = tls.wrap_socket(connection, server_side=True)
                return connection, peer

        with netns.inside(rig.namespace):
            self.server = Server((address, port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.may_answer.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def checks(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, headers in self.requests if "x-forwarded-for" not in headers]


class Peer:
    """A TCP server in the namespace that lets `talk` have each connection, in a thread of its own."""

    def __init__(self, rig: "Rig", talk: Callable[[socket.socket], None], address: str) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(2 * PATIENCE_S)
                with contextlib.suppress(OSError):
                    talk(self.request)

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = allow_reuse_address = True
            request_queue_size = 256

        with netns.inside(rig.namespace):
            self.server = Server((address, 0), Handler)
        self.address, self.port = address, self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class PatientInstance(Instance):
    """Asks again while HAProxy is busy, as the agent does."""

    def apply(self, graph):
        while True:
            try:
                return super().apply(graph)
            except Busy:
                time.sleep(0.02)


class Rig:
    """A namespace of its own, an `Instance` in it, and everything a test starts."""

    def __init__(self, tmp_path: Path, name: str, settings: Settings = SETTINGS) -> None:
        self.namespace, self.settings = name, settings
        self.directory = tmp_path / "lbaas" / g.nth(1)
        self.webs: dict[str, Web] = {}
        self.peers: list[Peer] = []
        netns.ensure(name)
        self.instance = self.another()

    def another(self) -> Instance:
        return PatientInstance(self.directory, self.namespace, self.settings)

    def web(self, name: str, *, address="127.0.2.1", port=0, tls=None) -> Web:
        self.webs[name] = Web(self, name, address, port, tls)
        return self.webs[name]

    def peer(self, talk: Callable[[socket.socket], None], address="127.0.3.1") -> Peer:
        self.peers.append(Peer(self, talk, address))
        return self.peers[-1]

    def close(self) -> None:
        for web in [*self.webs.values(), *self.peers]:
            web.stop()
        self.instance.remove()
        netns.delete(self.namespace)

    # -- clients -----------------------------------------------------------------------------------------

    def connection(self, port=80, address=VIP, timeout_s=PATIENCE_S) -> http.client.HTTPConnection:
        client = http.client.HTTPConnection(address, port, timeout=timeout_s)
        with netns.inside(self.namespace):
            client.connect()
        return client

    def get(self, port=80, address=VIP, headers=None, path="/", timeout_s=PATIENCE_S) -> tuple[int, str]:
        client = self.connection(port, address, timeout_s)
        try:
            client.request("GET", path, headers=headers or {})
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        finally:
            client.close()

    def spread(self, requests: int, **given) -> Counter:
        return Counter(self.get(**given)[1] for _ in range(requests))

    def socket(self, port=80, address=VIP, source="") -> socket.socket:
        with netns.inside(self.namespace):
            return socket.create_connection((address, port), PATIENCE_S, (source, 0) if source else None)

    # -- HAProxy -----------------------------------------------------------------------------------------

    def health(self) -> dict[str, str]:
        observation = self.instance.observe()
        return {} if observation is None else {k: str(v) for k, v in observation.members.items()}


class Shop:
    """A graph that tests vary: one HTTP listener, one pool, members w1 and w2."""

    def __init__(self, rig: Rig, protocol="HTTP", **pool) -> None:
        self.rig = rig
        self.webs = [rig.web("w1", address="127.0.2.1"), rig.web("w2", address="127.0.2.2")]
        self.pool = g.pool(protocol=protocol, **pool)
        self.listener = g.listener(protocol=protocol, default_pool_id=self.pool.id)
        self.members = [member_of(web, id=g.nth(10 + n)) for n, web in enumerate(self.webs)]
        self.monitor, self.spare = None, 100

    def graph(self, **given):
        values = {"listeners": [self.listener], "addresses": [VIP]} | given
        pools = [(self.pool, self.members, self.monitor), g.spare_pool(self.spare)]
        return g.graph(id=g.nth(1), pools=pools, **values)

    def apply(self, **given):
        return [type(step) for step in self.rig.instance.apply(self.graph(**given)).steps]

    def change(self, number, **given):
        self.members[number] = self.members[number].model_copy(update=given)


def member_of(web: Web | Peer, **given):
    return g.member(address=web.address, protocol_port=web.port, **given)


def on_each_haproxy(metafunc: pytest.Metafunc) -> None:
    """Have a test that is marked so run on Debian 13's HAProxy too, where this machine has another."""
    marked = metafunc.definition.get_closest_marker("each_haproxy")
    if marked and "haproxy" in metafunc.fixturenames and SETTINGS.version[:2] != (3, 0):
        ids = ("{}.{}.{}".format(*SETTINGS.version), "3.0")
        metafunc.parametrize("haproxy", (SETTINGS.binary, DEBIAN_13), ids=ids, indirect=True, scope="module")


@pytest.fixture(scope="module")
def haproxy(request: pytest.FixtureRequest) -> Settings:
    """Return the settings of the HAProxy that the test is about: this machine's, unless it is marked `each_haproxy`."""
    binary = getattr(request, "param", SETTINGS.binary)
    if binary == DEBIAN_13 and not Path(binary).exists():
        pytest.skip("Debian 13's HAProxy is not here; scripts/haproxy-3.0 says why")
    return settings_of(binary)


@pytest.fixture
def rig(tmp_path: Path, haproxy: Settings) -> Iterator[Rig]:
    """Return a rig of the test's own, of which no process is left afterwards."""
    opened = Rig(tmp_path, "qlbaas-test", haproxy)
    yield opened
    opened.close()
    assert process.processes_of(opened.instance.paths) == set()
