"""Processes of a real HAProxy are killed, at any moment: it is noticed, and repaired at once."""

import contextlib
import ctypes
import os
import signal
import threading
import time
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import meter, process, runtime
from evener.dataplane.haproxy.errors import Refused, SocketError
from evener.dataplane.haproxy.plan import Reload, Start
from evener.host import processes
from haproxy_rig import Shop
from waiting import eventually

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


@pytest.mark.parametrize("known_by", ["looking", "asking", "a change"])
def test_a_frozen_worker_is_out_and_replaced_and_its_clients_are_told(rig, monkeypatch, known_by):
    """It may be stopped, as the kernel tells, or answer nobody for another reason, as nothing does."""
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    before = rig.instance.processes
    channel = rig.socket()
    os.kill(before[1].pid, signal.SIGSTOP)
    eventually(lambda: processes.is_halted(before[1]))
    if known_by != "looking":
        monkeypatch.setattr(processes, "is_halted", lambda _: False)
        monkeypatch.setattr(meter, "ANSWER_S", 1.0)
        monkeypatch.setattr(runtime.tell, "__defaults__", (1.0,))
    if known_by == "a change":
        shop.change(0, weight=2)
    else:
        eventually(lambda: rig.instance.observe().members == {g.nth(10): "OFFLINE", g.nth(11): "OFFLINE"})
        assert rig.instance.is_frozen
        assert not rig.instance.check()
    assert shop.apply() == [Reload]
    monkeypatch.undo()
    assert not processes.alive(before[1])
    assert processes.alive(before[0])
    assert {rig.get()[0] for _ in range(10)} == {200}
    assert rig.instance.check()
    assert not rig.instance.is_frozen
    with channel, contextlib.suppress(ConnectionResetError):
        assert channel.recv(1) == b""


@pytest.mark.parametrize("change", ["start", "reload"])
def test_a_worker_that_is_stopped_while_it_starts_is_not_waited_for(rig, change):
    """Nothing would come of it, and what was served before is served on."""
    shop = Shop(rig)
    if change == "reload":
        shop.apply()
        shop.change(0, backup=True)
    before = process.processes_of(rig.instance.paths, surely=True)
    done = threading.Event()

    def stop_the_first() -> None:
        while not done.is_set():
            for pid in process.processes_of(rig.instance.paths, surely=True) - before:
                if processes.parent(pid) != os.getpid():
                    os.kill(pid, signal.SIGSTOP)
                    return

    stopper = threading.Thread(target=stop_the_first)
    stopper.start()
    began = time.monotonic()
    with contextlib.suppress(Refused):
        shop.apply()
    took_s = time.monotonic() - began
    done.set()
    stopper.join()
    assert took_s < process.READY_S
    shop.apply()
    assert rig.get()[0] == 200
    assert rig.instance.check()


def test_a_frozen_master_is_replaced(rig):
    shop = Shop(rig)
    shop.apply()
    os.kill(rig.instance.pid, signal.SIGSTOP)
    eventually(lambda: not rig.instance.check())
    before = process.processes_of(rig.instance.paths)
    assert shop.apply() == [Start]
    assert not before & process.processes_of(rig.instance.paths)
    assert rig.get()[0] == 200


@pytest.mark.parametrize("moment", ["before it hears of it", "once it has"])
def test_a_master_that_is_stopped_in_the_middle_of_a_reload_is_replaced_at_once(rig, monkeypatch, moment):
    shop = Shop(rig)
    shop.apply()
    master, ask = rig.instance.pid, runtime.ask

    def asked(path, command, *args, **more):
        if command != "reload":
            return ask(path, command, *args, **more)
        if moment == "once it has":
            with contextlib.suppress(SocketError):
                ask(path, command, *args, **more)
        os.kill(master, signal.SIGSTOP)
        eventually(lambda: processes.is_halted(processes.of(master)))
        return ask(path, command, *args, **more)

    shop.change(0, backup=True)
    monkeypatch.setattr(runtime, "ask", asked)
    began = time.monotonic()
    assert shop.apply() == [Start]
    assert time.monotonic() - began < process.READY_S
    assert rig.instance.pid != master
    assert rig.get()[0] == 200
    assert rig.instance.check()


@pytest.mark.parametrize("adopts", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("haproxy.pid",),
        ("haproxy.sock",),
        ("master.sock",),
        ("haproxy.sock", "master.sock", "haproxy.pid"),
        ("*",),
    ],
)
def test_whatever_is_deleted_by_hand_there_is_one_haproxy_and_it_serves_what_is_wanted(rig, names, adopts):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    client = rig.connection()
    client.request("GET", "/")
    kept = client.getresponse().read()
    for path in [path for name in names for path in rig.directory.glob(name) if not path.is_dir()]:
        path.unlink()
    if adopts:
        rig.instance.close()
        rig.instance = rig.another()
    assert not rig.instance.check()
    del shop.members[0]
    shop.apply()
    assert rig.instance.check()
    assert {rig.get() for _ in range(8)} == {(200, "w2")}
    if names != ("*",):  # else nobody knows what ran
        client.request("GET", "/")
        assert client.getresponse().read() == kept
    client.close()
    rig.instance.observe()
    master, worker = (each.pid for each in rig.instance.processes)
    eventually(lambda: process.processes_of(rig.instance.paths, surely=True) == {master, worker})


def test_a_removed_load_balancer_leaves_no_process_though_its_files_were_deleted(rig):
    shop = Shop(rig)
    shop.apply()
    for path in [path for path in rig.directory.iterdir() if not path.is_dir()]:
        path.unlink()
    rig.instance.remove()
    assert process.processes_of(rig.instance.paths, surely=True) == set()


def kill_the_first_worker(paths, within_s):
    def children():
        with contextlib.suppress(OSError, ValueError):
            master = int(paths.pid_file.read_text())
            return Path(f"/proc/{master}/task/{master}/children").read_text().split()

    pid = int(eventually(children)[0])
    time.sleep(within_s)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
