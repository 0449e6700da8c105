"""Processes of the host, whoever made them: which live, what they are at, how they end. Starts none."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# What processes are at, by proc(5)'s letters.
HALTED, WORKING, ENDED = ("T", "t"), ("R", "D"), ("Z", "X")
KILLED_S = 1.0  # how long a process that was killed may take to end

# Children of ours: kept so that their end is taken notice of, and no zombie stays.
_children: dict[int, subprocess.Popen[bytes]] = {}


class _StatusFile:
    """What the kernel says of one process, held open: whoever looks often takes a third of the time to read it so."""

    def __init__(self, pid: int) -> None:
        self.state = ""  # as it was read last
        self._fd = -1  # where the next line fails
        self._fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def read(self, size: int) -> bytes:
        """Return so many bytes; of a process that has ended, an OSError."""
        return os.pread(self._fd, size, 0)


@dataclass(frozen=True)
class Process:
    """A running process; `started` (clock ticks since boot) tells it from a later one with its id."""

    pid: int
    started: int
    _status: list[_StatusFile] = field(default_factory=list, init=False, repr=False, compare=False)

    def state(self) -> str:
        """Return the letter for what it is at (proc(5)); X where it does not live."""
        try:
            if not self._status:
                file = _StatusFile(self.pid)
                if int(_fields(file.read(4096))[19]) != self.started:
                    return "X"
                self._status.append(file)
            file = self._status[0]
            # Its id, its name of 16 bytes at most (TASK_COMM_LEN), and its state.
            file.state = _fields(file.read(64))[0]
            return file.state
        except (OSError, IndexError):
            for each in self._status:
                each.state = "X"
            return "X"


def of(pid: int | None) -> Process | None:
    """Return the process with that id; None where it does not live."""
    since = None if pid is None else started(pid)
    return None if pid is None or since is None else Process(pid, since)


def alive(process: Process) -> bool:
    """Return whether the very process still runs; a zombie does not."""
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        _children.pop(process.pid, None)  # another thread may have seen it, too
    return process.state() not in ENDED


def started(pid: int) -> int | None:
    """Return when process `pid` started, or None when it does not live (proc(5), /proc/pid/stat)."""
    state, *rest = _status(pid)
    return None if state in ENDED else int(rest[18])


def is_halted(process: Process) -> bool:
    """Return whether the process was stopped, by a signal or a tracer: it lives, and does nothing."""
    return process.state() in HALTED


def was_working(process: Process) -> bool:
    """Return whether it did more than wait when it was looked at last: computed, or made a call that nothing ends."""
    return any(each.state in WORKING for each in process._status)  # noqa: SLF001 - it is ours


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
    try:
        return _fields(_StatusFile(pid).read(4096)) or ["X"]
    except OSError:
        return ["X"]


def _fields(text: bytes) -> list[str]:
    return text.rpartition(b")")[2].decode("ascii").split()


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
