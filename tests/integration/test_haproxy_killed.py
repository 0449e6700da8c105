"""Processes of a real HAProxy are killed, at any moment: it is noticed, and repaired at once."""

import contextlib
import ctypes
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.errors import Refused
from evener.dataplane.haproxy.plan import Reload, Start
from haproxy_rig import Shop, eventually

pytestmark = pytest.mark.root


def test_a_killed_master_is_started_again_and_its_workers_do_not_stay(rig):
    shop = Shop(rig)
    shop.apply()
    old = process.processes_of(rig.instance.paths)
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    assert shop.apply() == [Start]
    assert not old & process.processes_of(rig.instance.paths)
    assert rig.get()[0] == 200


def test_a_killed_worker_is_noticed_and_everything_started_again(rig):
    shop = Shop(rig)
    shop.apply()
    (worker,) = process.workers(rig.instance.paths).current
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    shop.apply()
    assert rig.get()[0] == 200
    assert rig.instance.check()


def test_a_worker_whose_end_its_master_misses_is_replaced_by_a_reload(rig):
    shop = Shop(rig)
    shop.apply()
    master = rig.instance.pid
    for _ in range(3):
        (worker,) = set(process.workers(rig.instance.paths).current)
        with unnoticed_end(worker):
            assert not rig.instance.check()
            assert shop.apply() == [Reload]
            assert rig.instance.check()
            assert rig.get()[0] == 200
            assert rig.instance.pid == master


@contextlib.contextmanager
def unnoticed_end(pid):
    """Kill a process as its tracer: its parent hears of it only once the tracer has."""
    libc = ctypes.CDLL(None, use_errno=True)
    seize = 0x4206
    assert libc.ptrace(seize, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    yield
    os.waitpid(pid, 0x40000000)  # __WALL


@pytest.mark.parametrize("within_s", [0, 0.004, 0.007, 0.01])
def test_a_worker_killed_while_it_starts_is_found_missing_at_once(rig, within_s):
    shop = Shop(rig)
    killer = threading.Thread(target=kill_the_first_worker, args=(rig.instance.paths, within_s))
    killer.start()
    with contextlib.suppress(Refused):
        shop.apply()
    killer.join()
    eventually(lambda: not rig.instance.check())
    shop.apply()
    assert rig.get()[0] == 200
    assert rig.instance.check()


def kill_the_first_worker(paths, within_s):
    def children():
        with contextlib.suppress(OSError, ValueError):
            master = int(paths.pid_file.read_text())
            return Path(f"/proc/{master}/task/{master}/children").read_text().split()

    pid = int(eventually(children)[0])
    time.sleep(within_s)
    os.kill(pid, signal.SIGKILL)
