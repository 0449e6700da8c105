"""Processes of the host, whoever made them: which live, what they are at, how they end. Starts none."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KILLED_S = 1.0  # how long a process that was killed may take to end

# Children of ours: kept so that their end is taken notice of, and no zombie stays.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Process:
    """A running process; `started` (clock ticks since boot) tells it from a later one with its id."""

    pid: int
    started: int


def of(pid: int | None) -> Process | None:
    """Return the process with that id; None where it does not live."""
    since = None if pid is None else started(pid)
    return None if pid is None or since is None else Process(pid, since)


def alive(process: Process) -> bool:
    """Return whether the very process still runs; a zombie does not."""
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        _children.pop(process.pid, None)  # another thread may have seen it, too
    return started(process.pid) == process.started


def started(pid: int) -> int | None:
    """Return when process `pid` started, or None when it does not live (proc(5), /proc/pid/stat)."""
    state, *rest = _status(pid)
    return None if state in "ZX" else int(rest[18])


def is_halted(process: Process) -> bool:
    """Return whether the process was stopped, by a signal or a tracer: it lives, and does nothing."""
    text = _stat(process.pid, 64)  # its id, its name of 16 bytes at most (TASK_COMM_LEN), and its state
    return text[text.rfind(b")") + 2 :][:1] in (b"T", b"t")


def is_working(process: Process) -> bool:
    """Return whether the process computes, or is in a call to the kernel that nothing ends: it does not just wait."""
    return _status(process.pid)[0] in "RD"


def parent(pid: int) -> int:
    """Return the id of the process that made `pid`, or 0 where there is no such process."""
    return int((*_status(pid), "0", "0")[1])


def arguments(pid: int) -> list[str]:
    """Return how the process was called; nothing where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
    except OSError:
        return []


def ids() -> set[int]:
    """Return the ids of all processes."""
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def _status(pid: int) -> list[str]:
    """Return what stands behind the name in /proc/pid/stat, first the state; only X where there is no such process."""
    return _stat(pid, 4096).rpartition(b")")[2].decode("ascii").split() or ["X"]


def _stat(pid: int, size: int) -> bytes:
    """Return so many bytes of /proc/pid/stat; nothing where there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)  # often: by the quickest way
        try:
            return os.read(fd, size)
        finally:
            os.close(fd)
    except OSError:
        return b""


def keep(child: subprocess.Popen[bytes]) -> None:
    """Take notice of the end of a child of ours, whoever learns of it."""
    _children[child.pid] = child


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each that lives."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(pids: Iterable[int]) -> None:
    """End these processes at once, and return when they have ended."""
    remaining = set(pids)
    send(remaining, signal.SIGKILL)
    wait(remaining, KILLED_S)


def wait(pids: Iterable[int], timeout_s: float) -> set[int]:
    """Wait until all `pids` have ended; return those that have not after `timeout_s` seconds."""
    descriptors: dict[int, int] = {}
    poll = select.poll()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            descriptors[fd] = pid
            poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + timeout_s
    try:
        while descriptors and (left_s := deadline - time.monotonic()) > 0:
            for fd, _ in poll.poll(left_s * 1000):
                poll.unregister(fd)
                _reap(descriptors.pop(fd))
                os.close(fd)
        return set(descriptors.values())
    finally:
        for fd in descriptors:
            os.close(fd)


def _reap(pid: int) -> None:
    child = _children.pop(pid, None)
    if child is not None:
        child.wait()
