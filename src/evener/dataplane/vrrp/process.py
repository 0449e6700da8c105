"""keepalived's processes: start in a namespace, find again, have it read its file anew, end.

A parent that does nothing but watch, and a child that speaks VRRP. They do not depend on us: they have their own
session, write to files, and outlive us.
"""

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from evener import threads
from evener.dataplane import files
from evener.dataplane.launching import launch
from evener.dataplane.vrrp.errors import StartFailed
from evener.dataplane.vrrp.paths import Paths
from evener.host import processes
from evener.host.processes import Process

READY_S = 20.0
POLL_S = 0.002
_LARGEST_LOG = 262_144  # bytes
# capabilities(7): KILL, NET_ADMIN, NET_RAW.
_CAPABILITIES = (5, 12, 13)


@dataclass(frozen=True, slots=True)
class Pair:
    """keepalived's parent and child; neither does anything without the other."""

    parent: Process
    child: Process


def is_installed(binary: str = "keepalived") -> bool:
    """Return whether keepalived can be started here."""
    return shutil.which(binary, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin") is not None


def find(paths: Paths) -> Pair | None:
    """Return the processes that run the configuration in `paths`; None where not both of them do."""
    found = processes_of(paths)
    for pid in found:
        parent, child = processes.of(processes.parent(pid)), processes.of(pid)
        if parent is not None and child is not None and parent.pid in found:
            return Pair(parent, child)
    return None


def processes_of(paths: Paths) -> set[int]:
    """Return the ids of all living processes that run the configuration in `paths`.

    Where nothing in the directory says that one was ever started, none is looked for.
    """
    if not any(each.exists() for each in (paths.conf, paths.log, paths.pid_file, paths.vrrp_pid_file)):
        return set()
    noted = {pid for each in (paths.pid_file, paths.vrrp_pid_file) if (pid := _number(each)) is not None}
    found = {pid for pid in noted if _runs(pid, paths)}
    if len(found) == 2:
        return found
    return {pid for pid in processes.ids() if _runs(pid, paths)}


def _number(path: Path) -> int | None:
    with contextlib.suppress(ValueError):
        return int(files.read(path) or "")
    return None


def _runs(pid: int, paths: Paths) -> bool:
    arguments = processes.arguments(pid)
    return "--vrrp_pid" in arguments and str(paths.conf) in arguments and processes.started(pid) is not None


def start(paths: Paths, namespace: str, binary: str) -> Pair:
    """Start keepalived in `namespace`, and return its processes once they listen to signals.

    Whatever still runs with this configuration is ended first, at once.

    Raises:
        StartFailed: with keepalived's words; nothing is left running.
        HostError: when there is no such namespace.
    """
    end(paths)
    command = [binary, "--dont-fork", "--dont-respawn", "--vrrp", "--log-console", "--no-syslog"]
    command += ["--use-file", str(paths.conf), "--pid", str(paths.pid_file)]
    command += ["--vrrp_pid", str(paths.vrrp_pid_file)]
    fd = os.open(paths.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, files.PRIVATE)
    try:
        offset = _begin_log(fd)
        child = threads.aside(lambda: launch(command, namespace, paths.directory, (fd, fd), _CAPABILITIES))
        processes.keep(child)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and child.poll() is None:
            pair = find(paths) if paths.vrrp_pid_file.exists() else None
            if pair is not None:
                return pair
            time.sleep(POLL_S)
        end(paths)
        said = os.pread(fd, _LARGEST_LOG, offset).decode(errors="replace")
    except (FileNotFoundError, PermissionError) as error:
        raise StartFailed(f"{binary}: {error.strerror}") from error
    finally:
        os.close(fd)
    lines = [text.partition(": ")[2].strip() for text in said.split("\n")]
    raise StartFailed("; ".join(filter(None, lines[-3:])) or "keepalived did not come up")


def _begin_log(fd: int) -> int:
    """Return where what keepalived says next will begin; a log that has grown long is begun anew."""
    size = os.fstat(fd).st_size
    if size <= _LARGEST_LOG:
        return size
    os.truncate(fd, 0)
    return 0


def read_again(pair: Pair) -> None:
    """Have keepalived read its configuration anew; who has the VIP keeps it."""
    processes.send([pair.parent.pid], signal.SIGHUP)


def end(paths: Paths) -> None:
    """End whatever runs with this configuration at once; what it did to the kernel stays."""
    processes.kill(processes_of(paths))
    for leftover in (paths.pid_file, paths.vrrp_pid_file):
        leftover.unlink(missing_ok=True)
