"""The services of the cloud that runs here, with all their processes: stopped and going on, ended and started again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RABBITMQ, MARIADB, KEYSTONE, NEUTRON, BARBICAN = (
    "rabbitmq",
    "mysql",
    "keystone",
    "neutron-server",
    "barbican",
)


def children() -> dict[int, list[int]]:
    """Return the processes below each process."""
    found: dict[int, list[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(each.name))
    return found


def processes_of(pid: int) -> list[int]:
    """Return a process and all below it."""
    tree, found = children(), [pid]
    for each in found:
        found += tree.get(each, ())
    return found


def words(pid: int, file: str) -> list[str]:
    """Return what `/proc` has of a process, word by word."""
    return Path(f"/proc/{pid}/{file}").read_bytes().decode().split("\0")[:-1]


class Part:
    """One service, by the name that `cloud/up` gave it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = Path(os.environ["CLOUD"]) / "run" / f"{name}.pid"

    @property
    def pid(self) -> int:
        """The process that all others of it come from."""
        return int(self._file.read_text())

    def _signal(self, number: signal.Signals) -> None:
        for each in processes_of(self.pid):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def stop(self) -> None:
        """Let it do nothing: who asks it waits."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it do what it was doing."""
        self._signal(signal.SIGCONT)

    def kill(self) -> Callable[[], None]:
        """End it at once: who asks it is refused. Return what starts it again."""
        pid = self.pid
        command = words(pid, "cmdline")
        # A program that gives itself a name, as Neutron does, writes it over both of these, in one piece.
        if len(command) == 1:
            command = command[0].split()
        kept = dict(each.split("=", 1) for each in words(pid, "environ") if "=" in each)
        environment = {**os.environ, **kept}
        place, log = Path(f"/proc/{pid}/cwd").readlink(), Path(f"/proc/{pid}/fd/1").readlink()
        doomed = processes_of(self.pid)
        for each in doomed:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        while any(_runs(each) for each in doomed):
            time.sleep(0.05)

        def start() -> None:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    cwd=place,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._file.write_text(f"{process.pid}\n")

        return start


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


PORTS = {RABBITMQ: 5672, MARIADB: 3306, KEYSTONE: 5000, NEUTRON: 9696, BARBICAN: 9311}


def listens(name: str) -> bool:
    """Return whether a service takes connections."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", PORTS[name])) == 0
