"""What the kernel says of processes, looked at often: of each that very process, and of no later one."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from evener.host import processes
from evener.host.processes import Process
from waiting import eventually

IDLE = [sys.executable, "-c", "import signal; signal.pause()"]
BUSY = [sys.executable, "-c", "while True: pass"]


def test_what_a_process_is_at_is_read_anew_each_time_and_of_no_later_one():
    with subprocess.Popen(IDLE) as child:
        known = processes.of(child.pid)
        assert known is not None
        eventually(lambda: known.state() == "S")
        assert processes.alive(known)
        assert not processes.was_working(known)
        os.kill(child.pid, signal.SIGSTOP)
        eventually(lambda: processes.is_halted(known))
        os.kill(child.pid, signal.SIGCONT)
        eventually(lambda: not processes.is_halted(known))
        assert not processes.alive(Process(child.pid, known.started + 1))
        child.kill()
        eventually(lambda: not processes.alive(known))  # nobody has waited for it: it is a zombie
        assert processes.of(child.pid) is None
    assert known.state() == "X"
    assert not processes.is_halted(known)


def test_who_computes_was_at_work_when_it_was_looked_at():
    with subprocess.Popen(BUSY) as child:
        known = processes.of(child.pid)
        assert known is not None
        assert not processes.was_working(known)  # nobody has looked
        eventually(lambda: not processes.is_halted(known) and processes.was_working(known))
        child.kill()


def opened():
    """Return what this process has open."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # what is looked with has been closed
            found.add(str(each.readlink()))
    return found


def test_looking_at_processes_leaves_no_file_open():
    with subprocess.Popen(IDLE) as child:
        for _ in range(100):
            known = processes.of(child.pid)
            assert known is not None
            assert processes.alive(known)
        del known
        assert f"/proc/{child.pid}/stat" not in opened()
        child.kill()
