"""Gets a HAProxy to be reached again whose sockets somebody removed, at no cost to its connections. Decides nothing."""

import contextlib
import os
import signal
import time
from dataclasses import replace

from evener.dataplane import files
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths
from evener.host import processes
from evener.host.processes import Process


def again(master: Process, paths: Paths, last: Config) -> bool:
    """Let a worker with the configuration `last`, but for its command socket's name, take over; return whether it did.

    A master makes its own socket and its pid file anew at each reload. A worker takes over the command socket of the
    one before by its name in the configuration, whether or not there is a file of it: so it needs another name, of the
    same file. The next reload is to bring the right one back.
    """
    name = f"unix@{paths.socket.name}"
    lines = tuple(text.replace(name, f"unix@./{paths.socket.name}") for text in last.global_lines)
    files.replace(paths.conf, replace(last, global_lines=lines).text)
    paths.socket.unlink(missing_ok=True)
    with contextlib.suppress(ProcessLookupError):
        os.kill(master.pid, signal.SIGUSR2)
    deadline = time.monotonic() + process.READY_S
    while time.monotonic() < deadline and processes.alive(master):
        if process.reachable(paths) and process.ready(paths) is not None:
            return True
        time.sleep(process.POLL_S)
    return False
