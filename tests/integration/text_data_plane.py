"""A second data plane, as small as one can be: each listener's port says the listener's description, and hangs up.

A process in the load balancer's namespace does. It tells of each caller, so that there is something to be counted.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from evener.dataplane.base import (
    Applied,
    Busy,
    DataPlaneError,
    Place,
    Watched,
    WatchedDirectory,
    WatchedProcess,
    WatchedSocket,
)
from evener.host import netns, processes
from evener.host.processes import Process
from evener.resources.facts import Counters, Observation
from evener.resources.graph import Graph
from evener.resources.listener import Listener
from evener.resources.types import OperatingStatus

UNSPEAKABLE = "unspeakable"  # a description that is refused
SERVER = """
import json, selectors, socket, sys
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
selector = selectors.DefaultSelector()
for port, (listener, text) in json.loads(sys.argv[2]).items():
    selector.register(socket.create_server(("", int(port)), backlog=64), selectors.EVENT_READ, (listener, text))
print("listening", flush=True)
while True:
    for key, _ in selector.select():
        caller = key.fileobj.accept()[0]
        caller.sendall(key.data[1].encode())
        caller.close()
        try:
            told.sendto(key.data[0].encode(), sys.argv[1])
        except OSError:
            pass  # nobody counts now
"""


class TextDataPlane:
    """Implements `evener.dataplane.base.DataPlane`."""

    title = "text server"

    def __init__(self, place: Place, driver: "TextDriver") -> None:
        self._namespace, self._driver = place.namespace, driver
        self._directory = place.directory / "text"
        self._graph_file, self._note = self._directory / "graph.json", self._directory / "process.json"
        self._path = self._directory / "calls.sock"
        self._calls: socket.socket | None = None
        self._files: tuple[Watched, ...] = ()
        self._counted: dict[str, int] = {}

    def served(self, graph: Graph) -> Sequence[Listener]:
        return [each for each in graph.listeners if each.admin_state_up]

    def apply(self, graph: Graph) -> Applied:
        if self._driver.busy:
            self._driver.busy -= 1
            raise Busy("it clears its throat")
        if any(each.description == UNSPEAKABLE for each in graph.listeners):
            raise DataPlaneError("it does not say such a thing")
        self._directory.mkdir(exist_ok=True)
        if self._calls is None:
            self._path.unlink(missing_ok=True)
            self._calls = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._calls.bind(str(self._path))
            directory = WatchedDirectory(self._directory, self._drift)
            self._files = (WatchedSocket(self._calls, self._read), directory)
        words = {str(each.protocol_port): (each.id, each.description) for each in self.served(graph)}
        before = self._process()
        right = before is None if not words else before is not None and self._is_right(before, words)
        if not right:
            self._end()
            if words:
                self._start(words)
        if self._graph_file.exists() is False or self.last_graph() != graph:
            self._graph_file.write_text(graph.model_dump_json())
        return Applied(steps=() if right else ("Say",))

    def _is_right(self, process: Process, words: Mapping[str, Any]) -> bool:
        said = json.loads(processes.arguments(process.pid)[4])
        here = netns.identity_of(process.pid) == netns.identity(self._namespace)
        return here and said == json.loads(json.dumps(words)) and not processes.is_halted(process)

    def _start(self, words: Mapping[str, Any]) -> None:
        command = (sys.executable, "-c", SERVER, str(self._path), json.dumps(words))
        with netns.inside(self._namespace):
            child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        processes.keep(child)
        with child.stdout as output:
            if not output.readline():
                raise DataPlaneError("its process has ended")
        self._note.write_text(json.dumps([child.pid, processes.started(child.pid)]))

    def _process(self) -> Process | None:
        with suppress(FileNotFoundError):
            process = Process(*json.loads(self._note.read_text()))
            return process if processes.alive(process) else None
        return None

    def _end(self) -> None:
        process = self._process()
        if process is not None:
            processes.kill([process.pid])

    def last_graph(self) -> Graph | None:
        with suppress(FileNotFoundError):
            return Graph.model_validate_json(self._graph_file.read_text())
        return None

    def check(self) -> bool:
        graph, process = self.last_graph(), self._process()
        if graph is None or self._calls is None:
            return False
        return bool(self.served(graph)) == (process is not None and not processes.is_halted(process))

    def observe(self, *, servers: bool = False) -> Observation | None:
        graph = self.last_graph()
        if graph is None:
            return None
        listeners = {
            each.id: Counters(total_connections=self._counted.get(each.id, 0)) for each in graph.listeners
        }
        members = {each.id: OperatingStatus.NO_MONITOR for node in graph.pools for each in node.members}
        return Observation(members=members, listeners=listeners)

    def configuration(self) -> str | None:
        return None

    def watched(self) -> Collection[Watched]:
        process = self._process()
        return (*self._files, *(() if process is None else (WatchedProcess(process, self.title),)))

    def _drift(self, name: str) -> str | None:
        gone = name == self._note.name and not self._note.exists()
        return f"{name} was removed" if gone else None

    def _read(self) -> bool:
        with suppress(BlockingIOError):
            while self._calls is not None:
                listener = self._calls.recv(100).decode()
                self._counted[listener] = self._counted.get(listener, 0) + 1
        return True

    def serves(self) -> bool | None:
        graph = self.last_graph()
        return self._process() is not None if graph is not None and self.served(graph) else None

    def find_process(self) -> int | None:
        process = self._process()
        return None if process is None else process.pid

    @property
    def is_halted(self) -> bool:
        process = self._process()
        return process is not None and processes.is_halted(process)

    @property
    def is_working(self) -> bool:
        return False

    def close(self) -> None:
        if self._calls is not None:
            self._calls.close()
            self._calls, self._files = None, ()

    def stop(self) -> None:
        self._graph_file.unlink(missing_ok=True)
        self.close()
        self._end()


class TextDriver:
    """Implements `evener.dataplane.base.DeviceDriver`; `busy` is how often it is, from now on."""

    name = "text"
    configurations: Mapping[str, Any] = {"language": "English"}

    def __init__(self, protocols: Collection[str] = ("TCP", "HTTP")) -> None:
        self.protocols, self.busy = protocols, 0

    def data_plane(self, place: Place) -> TextDataPlane:
        return TextDataPlane(place, self)

    def stop(self) -> None:
        """Nothing is shared."""

    def remove(self) -> None:
        """Nothing is shared."""


def make(_conf: Any, *, serves: bool) -> TextDriver:
    return TextDriver()


def text_servers(directory: Path) -> set[int]:
    """Return the processes of all load balancers whose directories are in `directory`."""
    return {
        pid
        for pid in processes.ids()
        if any(str(directory) in each for each in processes.arguments(pid)[3:4])
    }


def halt(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
