"""The API of standalone on a directory and port of its own, without its agent; or constant bodies, served alike.

    python -m bench.served CONFIGURATION_FILE [constant | counting]

Nothing serves the load balancers there: there can be ten thousand of them, and none of them on this host.
"""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.topology import API_HOST, END_S, START_S, healthy, wait_for
from evener import config, daemon
from evener.serving.server import Server
from evener_cloud import config as cloud
from evener_cloud.standalone.assembly import Assembly


@dataclass(frozen=True)
class Served:
    """A server that answers at `url`, its state in `directory`."""

    port: int
    directory: Path

    @property
    def url(self) -> str:
        """The URL without a path."""
        return f"http://{API_HOST}:{self.port}"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.directory / "evener.sqlite"


@contextmanager
def served(port: int, *mode: str) -> Iterator[Served]:
    """Run this module as a program."""
    # On a disk, as its users have it: in memory, a commit that waits for nothing would be the measure.
    with tempfile.TemporaryDirectory(prefix="evener-bench-", dir="/var/tmp") as state:
        directory = Path(state)
        settings = directory / "evener.conf"
        settings.write_text(f"[DEFAULT]\nstate_path = {directory}\n[api]\nbind_port = {port}\n")
        command = [sys.executable, "-m", "bench.served", str(settings), *mode]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            found = Served(port, directory)
            ends = "bench.served does not answer"
            wait_for(lambda: healthy(found.url) or server.poll() is not None, START_S, ends)
            yield found
        finally:
            server.terminate()
            server.wait(timeout=END_S)


def constant(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI application that answers `/N` with N bytes."""
    size = int(environ["PATH_INFO"].strip("/") or 0) if environ["PATH_INFO"] != "/healthcheck" else 0
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(size))])
    return [b"x" * size]


Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def counting(app: Wsgi) -> Wsgi:
    """Return the application, which also answers `/requests` with how many others it has answered."""
    numbers = itertools.count()

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/requests":
            next(numbers)
            return app(environ, start_response)
        number = str(numbers).removeprefix("count(").removesuffix(")").encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(number)))])
        return [number]

    return counted


def main() -> None:
    """Serve until SIGTERM."""
    settings, *mode = sys.argv[1:]
    conf = cloud.load(["--config-file", settings], "bench-served")
    daemon.log_to_file(conf, config.state_path(conf) / "evener.log")
    app: Wsgi = constant if "constant" in mode else Assembly(conf).app
    Server(conf).serve(counting(app) if "counting" in mode else app)


if __name__ == "__main__":
    main()
