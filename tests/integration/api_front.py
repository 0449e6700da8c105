"""The way into standalone's API, HAProxy in front and all, with a small application behind it; and slow clients."""

import http.client
import itertools
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

from evener.serving.server import Server
from evener_cloud import config as cloud

_PORTS = itertools.count(21000 + os.getpid() % 1000 * 10)
OPEN_DOCUMENT = 300_000  # bytes, more than the one that anybody may read
CONFIG = """[DEFAULT]
state_path = {state}
[api]
bind_port = {port}
"""


class Counted:
    """How many are inside at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        yield
        with self._lock:
            self.now -= 1


WAITING = Counted()


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application: it says what it heard, and answers `/large` with many bytes."""
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/stats":
        with WAITING.inside():
            time.sleep(0.1)
    heard = {
        "remote": environ["REMOTE_ADDR"],
        "scheme": environ["wsgi.url_scheme"],
        "length": len(body),
        "headers": {name: value for name, value in environ.items() if name.startswith("HTTP_")},
    }
    answer = b"x" * OPEN_DOCUMENT if environ["PATH_INFO"] == "/large" else json.dumps(heard).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def free_port() -> int:
    """Return a port that nobody has, nor gets by chance: none of those that the kernel gives to who calls."""
    while True:
        port = next(_PORTS)
        with suppress(OSError), socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(("127.0.0.1", port))
            return port


class Entrance:
    """A running server."""

    def __init__(self, directory: Path, settings: str = "") -> None:
        self.port, self.directory = free_port(), directory
        file = directory / "evener.conf"
        file.write_text(CONFIG.format(state=directory / "state", port=self.port) + settings)
        self.server = Server(cloud.load(["--config-file", str(file)], "evener-test"))

    def client(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """Return a connection that stays open."""
        if context is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
        """Return what the application heard of a request on a connection of its own."""
        with self.answer(path, method, body, headers) as answer:
            assert answer.status == 200, answer.read()
            return json.loads(answer.read())

    @contextmanager
    def answer(
        self, path: str, method: str, body: bytes | None, headers: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request."""
        client = self.client()
        try:
            client.request(
                method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
            )
            yield client.getresponse()
        finally:
            client.close()

    def median_ms(self, number: int = 100) -> float:
        """Return the time of an answer, on connections that stay open as clients' do."""
        client, seconds = self.client(), []
        for _ in range(number):
            start = time.perf_counter()
            client.request("GET", "/")
            client.getresponse().read()
            seconds.append(time.perf_counter() - start)
            time.sleep(0.003)
        client.close()
        return median(seconds) * 1000

    @contextmanager
    def slow_clients(self, number: int, *beginnings: bytes) -> Iterator[list[socket.socket]]:
        """Hold connections on which a beginning of a request was sent each, in turn, and no more."""
        opened = []
        try:
            for turn in range(number):
                opened.append(one := socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.settimeout(10)
                one.connect(("127.0.0.1", self.port))
                with suppress(ConnectionError, TimeoutError):  # closed already: there are limits
                    one.sendall(beginnings[turn % len(beginnings)])
            yield opened
        finally:
            for one in opened:
                one.close()


@contextmanager
def entrance(directory: Path, settings: str = "") -> Iterator[Entrance]:
    """Serve the application meanwhile."""
    opened = Entrance(directory, settings)
    ready = threading.Event()
    serving = threading.Thread(target=opened.server.serve, args=(echo, ready.set), daemon=True)
    serving.start()
    try:
        assert ready.wait(90)
        yield opened
    finally:
        opened.server.leave()
        serving.join(90)
        assert not serving.is_alive()
