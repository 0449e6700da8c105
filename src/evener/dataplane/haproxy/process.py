"""HAProxy's master process: start in a namespace, find again, reload, stop. Knows nothing of what it serves.

The process does not depend on ours: it has its own session, writes to files, and outlives us.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from evener import threads
from evener.dataplane import files
from evener.dataplane.haproxy import access, runtime, stats
from evener.dataplane.haproxy.errors import ReloadFailed, SocketError, StartFailed
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.launching import launch
from evener.host import netns, processes
from evener.host.processes import Process

READY_S = 20.0  # a machine that starts hundreds at once after a boot is slow
POLL_S = 0.002
SETTLED_S = 2.0
FOLLOWS_S = 0.5  # how long a master may take to notice that its worker has ended, and to end too
TERMINATE_S = 1.0
STOPPED_S = 3.0  # what a worker gets to stop listening once another serves
_STARTING_S = (
    1.0  # what one that has just started gets to answer, before it is looked at whether it is stopped
)
_LARGEST_STDERR = 262_144  # bytes
# capabilities(7): KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT, SYS_RESOURCE. Workers, of other users, have none.
_CAPABILITIES = (5, 6, 7, 10, 18, 24)
_LABEL = re.compile(r"^\[(\w+)\]\s+\((?:\d+)\)\s*: ?")


@dataclass(frozen=True)
class Pair:
    """A master, and the worker of it that takes new connections; None where none does."""

    master: Process
    worker: Process | None


def find(paths: Paths) -> Process | None:
    """Return the master that runs the configuration in `paths`, by its pid file, else by looking everywhere."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(paths.pid_file.read_text(encoding="ascii"))
        started = processes.started(pid)
        if started is not None and _runs(pid, paths) and _is_master(pid, paths):
            return Process(pid, started)
    for pid in sorted(processes_of(paths)):
        started = processes.started(pid)
        if started is not None and _is_master(pid, paths):
            return Process(pid, started)
    return None


def serving(paths: Paths, timeout_s: float = runtime.TIMEOUT_S) -> Process | None:
    """Return the worker that answers on the command socket; None where nobody does in `timeout_s` seconds."""
    try:
        return processes.of(stats.worker_pid(runtime.ask(paths.socket, stats.WHO, timeout_s)))
    except SocketError:
        return None


def ends_too(master: Process) -> bool:
    """Return whether a master whose worker has ended ends as well; one that misses it lives on and serves nothing.

    A master that executes itself anew, as it does once after a start, hears of no end meanwhile.
    """
    return not processes.wait([master.pid], FOLLOWS_S)


def processes_of(paths: Paths, *, surely: bool = False) -> set[int]:
    """Return the ids of all living processes that run the configuration in `paths`, masters and workers.

    Where nothing in the directory says that one was ever started, only those that it `surely` has are looked for:
    looking through all processes would cost a start too much.
    """
    if not surely and not any(trace.exists() for trace in (*_leftovers(paths), paths.stderr, paths.graph)):
        return set()
    return {pid for pid in processes.ids() if _runs(pid, paths) and processes.started(pid) is not None}


def foreign_of(paths: Paths, *, surely: bool = False) -> set[int]:
    """Return the ids of the processes by which Neutron-LBaaS's agent serves this load balancer.

    Its directory is the same, and so is the file's name. Where its socket is not there, only those are looked for that
    it `surely` has.
    """
    if not surely and not paths.foreign_socket.exists():
        return set()
    return {
        pid
        for pid in processes.ids()
        if str(paths.conf) in (arguments := processes.arguments(pid)) and not {"-W", "-c"} & {*arguments}
    }


def reachable(paths: Paths) -> bool:
    """Return whether HAProxy's sockets are there: without them, it can be told nothing."""
    return paths.socket.exists() and paths.master_socket.exists()


def _leftovers(paths: Paths) -> tuple[Path, ...]:
    return (paths.pid_file, paths.socket, paths.master_socket)


def _runs(pid: int, paths: Paths) -> bool:
    arguments = processes.arguments(pid)
    # Not `haproxy -c`: a check of a file serves nobody.
    return "-W" in arguments and str(paths.conf) in arguments


def _is_master(pid: int, paths: Paths) -> bool:
    """Tell it by where it is, not by its sockets, which somebody may have removed.

    A worker's parent is its master, or, where that was killed, another process; but it is in its chroot then.
    """
    if _runs(processes.parent(pid), paths):
        return False
    try:
        root = Path(f"/proc/{pid}/root").readlink()
    except OSError:
        return False
    return not root.is_relative_to(paths.directory)


def start(paths: Paths, namespace: str, binary: str) -> Pair:
    """Start a master in `namespace` and return it with its worker, once that serves.

    Whatever still runs with this configuration, such as workers whose master was killed, is ended first. What serves
    in the manner of Neutron-LBaaS goes on until this one does, at the same ports (SO_REUSEPORT), and then finishes
    the connections that it has.

    Raises:
        StartFailed: with HAProxy's words; nothing is left running.
        HostError: when there is no such namespace.
    """
    processes.kill(processes_of(paths, surely=_is_known_to(namespace, paths)))
    for leftover in _leftovers(paths):
        leftover.unlink(missing_ok=True)
    command = [binary, "-W", "-S", f"unix@{paths.master_socket.name},mode,600"]
    command += ["-p", str(paths.pid_file), "-f", str(paths.conf)]
    fd = os.open(paths.stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, files.PRIVATE)
    served = access.opened(paths)
    try:
        child = threads.aside(
            lambda: launch(command, namespace, paths.directory, (served, fd), _CAPABILITIES)
        )
    except (FileNotFoundError, PermissionError) as error:
        raise StartFailed(f"{binary}: {error.strerror}") from error
    finally:
        os.close(fd)
        os.close(served)
    processes.keep(child)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and child.poll() is None:
        worker = ready(paths)
        master = processes.of(child.pid)
        if worker is not None and master is not None:
            processes.send(foreign_of(paths), signal.SIGUSR1)
            paths.foreign_socket.unlink(missing_ok=True)
            return Pair(master, worker)
        listed = _listed(paths)
        if _all_ended(listed) or _any_halted((child.pid, *listed)):
            break
        time.sleep(POLL_S)
    processes.kill(processes_of(paths) | {child.pid})
    child.wait()
    raise StartFailed(said(files.read(paths.stderr) or "", paths) or "HAProxy did not come up")


def _is_known_to(namespace: str, paths: Paths) -> bool:
    """Return whether a HAProxy of this name is bound to a socket there, though no file be left of it (proc(5))."""
    with netns.inside(namespace):
        sockets = Path("/proc/thread-self/net/unix").read_text(encoding="utf-8", errors="replace")
    return paths.master_socket.name in sockets


def ready(paths: Paths) -> Process | None:
    """Return the worker that serves, once its master listens.

    A master executes itself once more after it has made a worker; meanwhile it misses signals and commands.
    """
    worker = serving(paths, _STARTING_S)
    return worker if worker is not None and worker.pid in _listed(paths) else None


def _listed(paths: Paths) -> tuple[int, ...]:
    """Return the workers that the master takes for the current ones; none while it does not answer."""
    with contextlib.suppress(SocketError):
        return workers(paths).current
    return ()


def _all_ended(pids: Collection[int]) -> bool:
    return bool(pids) and all(processes.started(pid) is None for pid in pids)


def _any_halted(pids: Iterable[int]) -> bool:
    return any(processes.is_halted(each) for pid in pids if (each := processes.of(pid)) is not None)


def workers(paths: Paths) -> stats.Processes:
    """Return the master's workers.

    Raises:
        SocketError: when the master does not answer.
    """
    return stats.processes(runtime.ask(paths.master_socket, "show proc"))


def has_room(paths: Paths, most: int) -> bool:
    """Return whether fewer than `most` old workers live.

    Raises:
        SocketError: when the master does not answer.
    """
    return len(_old(paths)) < most


def make_room(paths: Paths, most: int) -> None:
    """End the oldest of the old workers, until fewer than `most` live.

    Raises:
        SocketError: when the master does not answer.
    """
    old = _old(paths)
    by_age = sorted(old, key=lambda pid: (processes.started(pid) or 0, pid))
    surplus = by_age[: max(0, len(old) - most + 1)]
    processes.send(surplus, signal.SIGTERM)
    processes.wait(surplus, TERMINATE_S)


def _old(paths: Paths) -> list[int]:
    """Return the old workers that live; the master lists those that ended until it hears of it."""
    return [pid for pid in _settled(paths).old if processes.started(pid) is not None]


def reload(
    master: Process, paths: Paths, untouched: Callable[[], bool] = lambda: True, *, ends_at_once: bool = False
) -> Process:
    """Let the master read its configuration anew, and return the new worker once that, and no other, serves.

    The old one finishes what it has, but where it is frozen, or `ends_at_once`.

    Gives up when the configuration is not `untouched` any more: what HAProxy has read then, nobody knows.

    Raises:
        ReloadFailed: with HAProxy's words; the old worker goes on serving.
        SocketError: when the master does not answer.
    """
    before = _settled(paths)
    offset = _begin_stderr(paths)
    # 2.7 and later answer once the new file is loaded; 2.6 hangs up at once.
    answer = ""
    with contextlib.suppress(SocketError):
        answer = runtime.ask(
            paths.master_socket, "reload", READY_S, hopes=lambda: not processes.is_halted(master)
        )
    if answer.startswith("Success=0"):
        raise ReloadFailed(_reload_words(paths, offset))
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and processes.alive(master):
        if processes.is_halted(master):  # nobody would hear from it for as long as that lasts
            raise ReloadFailed("HAProxy's master process was stopped in the middle of it")
        now = None
        with contextlib.suppress(SocketError):
            now = workers(paths)
        if now is not None and now.failed_reloads > before.failed_reloads:
            raise ReloadFailed(_reload_words(paths, offset))
        fresh = set(now.current) - set(before.workers) if now is not None else set()
        worker = serving(paths, _STARTING_S) if fresh else None
        if worker is not None and worker.pid in fresh:
            processes.kill(before.current if ends_at_once else _never_stopped(paths, before.current))
            return worker
        if _any_halted(fresh):
            processes.kill(fresh)
        if fresh and not untouched():
            raise ReloadFailed(f"{paths.conf.name} was written during a reload")
        if _all_ended(fresh):
            break
        time.sleep(POLL_S)
    raise ReloadFailed(_reload_words(paths, offset) or "no new worker came up")


def _never_stopped(paths: Paths, replaced: Iterable[int]) -> set[int]:
    """Wait until workers that were `replaced` listen no more; return those that do not in `STOPPED_S` seconds.

    A new worker listens on the very sockets of the old one, which goes on until it has heard that it is to stop: until
    then it may be the one that takes a command. One that is frozen would do so for ever, and keep clients waiting.
    """
    deadline = time.monotonic() + STOPPED_S
    listening = set(replaced)
    for pid in replaced:
        while (left_s := deadline - time.monotonic()) > 0:
            if processes.started(pid) is None:
                listening.discard(pid)
                break
            with contextlib.suppress(SocketError):
                if stats.is_stopping(runtime.ask(paths.master_socket, f"@!{pid} {stats.WHO}", left_s)):
                    listening.discard(pid)
                    break
            time.sleep(POLL_S)
    return listening


def _settled(paths: Paths) -> stats.Processes:
    """Return the workers, once the master answers: it does not while it reads a file or re-executes itself."""
    deadline = time.monotonic() + SETTLED_S
    while True:
        try:
            return workers(paths)
        except SocketError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def _begin_stderr(paths: Paths) -> int:
    """Return where what HAProxy says next will begin."""
    with contextlib.suppress(OSError):
        size = paths.stderr.stat().st_size
        if size <= _LARGEST_STDERR:
            return size
        os.truncate(paths.stderr, 0)  # HAProxy appends, so it goes on at the new end
    return 0


def _reload_words(paths: Paths, offset: int) -> str:
    try:
        with paths.stderr.open("rb") as file:
            file.seek(offset)
            return said(file.read().decode(errors="replace"), paths)
    except OSError:
        return ""


def said(output: str, paths: Paths) -> str:
    """Return the errors in what HAProxy printed, as one line, with file names in place of paths."""
    found: dict[str, list[str]] = {}
    label = ""
    for text in output.split("\n"):
        match = _LABEL.match(text)
        label = match[1] if match else label
        found.setdefault(label, []).append(text[match.end() :].strip() if match else text.strip())
    lines = found.get("ALERT") or found.get("WARNING") or [text for texts in found.values() for text in texts]
    joined = "; ".join(dict.fromkeys(text for text in lines if text))
    return joined.replace(str(paths.candidate), paths.conf.name).replace(f"{paths.directory}/", "")


def stop(paths: Paths, grace_s: float) -> None:
    """End the master and all its workers; those with connections get `grace_s` seconds to finish them."""
    master = find(paths)
    pids = processes_of(paths, surely=True)
    if master is not None and grace_s > 0:
        processes.send([master.pid], signal.SIGUSR1)
        pids = processes.wait(pids, grace_s)
    if master is not None and pids:
        processes.send([master.pid], signal.SIGTERM)
        pids = processes.wait(pids, TERMINATE_S)
    processes.kill(pids | processes_of(paths, surely=True) | foreign_of(paths, surely=True))
    for leftover in _leftovers(paths):
        leftover.unlink(missing_ok=True)
