"""The watcher on real processes, files, links and sockets."""

import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import eventually

from evener.host import netns
from evener.host.errors import HostError
from evener.host.watch import Watcher

pytestmark = pytest.mark.root
SOON_S = 30.0


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    one = Watcher()
    one.start()
    yield one
    one.stop()


class Heard:
    """A callback that keeps what it was told."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, *arguments: Any) -> None:
        self.events.put(arguments)

    def next(self) -> tuple[Any, ...]:
        return self.events.get(timeout=SOON_S)

    def until(self, wanted: Callable[[tuple[Any, ...]], bool]) -> tuple[Any, ...]:
        while True:
            event = self.next()
            if wanted(event):
                return event

    def nothing(self) -> bool:
        try:
            self.events.get(timeout=0.2)
        except queue.Empty:
            return True
        return False


def test_the_end_of_a_process_is_told_once_even_of_one_that_is_not_ours(watcher):
    heard = Heard()
    parent = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE)
    grandchild = int(parent.stdout.readline())
    watcher.process(grandchild, heard)
    assert heard.nothing()
    os.kill(grandchild, 9)
    assert heard.next() == (grandchild,)
    assert heard.nothing()
    parent.wait()
    parent.stdout.close()


def test_a_process_that_has_ended_already_is_told_too(watcher):
    heard = Heard()
    process = subprocess.Popen(["true"])
    process.wait()
    watcher.process(process.pid, heard)
    assert heard.next() == (process.pid,)
    assert heard.nothing()


def test_a_cancelled_watch_is_silent_and_leaves_no_file_descriptor(watcher, tmp_path):
    heard = Heard()
    process = subprocess.Popen(["sleep", "60"])
    here, there = socket.socketpair()
    before = len(list(Path("/proc/self/fd").iterdir()))
    cancels = [
        watcher.process(process.pid, heard),
        watcher.path(tmp_path, heard),
        watcher.links(heard),
        watcher.reader(here, heard),
    ]
    for cancel in cancels:
        cancel()
        cancel()
    (tmp_path / "file").write_text("x")
    there.send(b"x")
    subprocess.run(["ip", "link", "add", "br-x", "type", "bridge"], check=True)
    subprocess.run(["ip", "link", "del", "br-x"], check=True)
    process.kill()
    process.wait()
    assert heard.nothing()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    here.close()
    there.close()


def test_files_written_moved_and_deleted_are_told_by_name(watcher, tmp_path):
    heard = Heard()
    watcher.path(tmp_path, heard)
    (tmp_path / "a").write_text("x")
    assert heard.next() == ("a",)
    (tmp_path / "a").rename(tmp_path / "b")
    assert {heard.next(), heard.next()} == {("a",), ("b",)}
    (tmp_path / "b").unlink()
    assert heard.next() == ("b",)


def test_two_watches_of_one_directory_are_told_both_and_end_apart(watcher, tmp_path):
    first, second = Heard(), Heard()
    cancel = watcher.path(tmp_path, first)
    watcher.path(tmp_path, second)
    (tmp_path / "a").write_text("x")
    assert (first.next(), second.next()) == (("a",), ("a",))
    cancel()
    (tmp_path / "a").write_text("y")
    assert second.next() == ("a",)
    assert first.nothing()


def test_a_directory_that_goes_is_told_with_an_empty_name(watcher, tmp_path):
    heard = Heard()
    directory = tmp_path / "lb"
    directory.mkdir()
    watcher.path(directory, heard)
    directory.rmdir()
    assert heard.next() == ("",)
    with pytest.raises(HostError, match="lb"):
        watcher.path(directory, heard)


def test_a_namespace_that_loses_its_name_is_told(watcher):
    heard = Heard()
    netns.ensure("qlbaas-1")
    watcher.path(netns.DIRECTORY, heard)
    subprocess.run(["ip", "netns", "delete", "qlbaas-1"], check=True)
    assert heard.until(lambda event: event == ("qlbaas-1",))
    assert not netns.exists("qlbaas-1")


def test_links_that_change_move_away_or_go_are_told(watcher):
    heard = Heard()
    netns.ensure("elsewhere")
    watcher.links(heard)
    subprocess.run(["ip", "link", "add", "tap1", "type", "veth", "peer", "name", "tap2"], check=True)
    assert heard.until(lambda event: event == ("tap1", "down"))
    subprocess.run(["ip", "link", "set", "tap1", "up"], check=True)
    assert heard.until(lambda event: event == ("tap1", "changed"))
    subprocess.run(["ip", "link", "set", "tap2", "netns", "elsewhere"], check=True)
    assert heard.until(lambda event: event == ("tap2", "deleted"))
    subprocess.run(["ip", "link", "del", "tap1"], check=True)
    assert heard.until(lambda event: event == ("tap1", "deleted"))
    netns.delete("elsewhere")


def test_a_port_that_leaves_its_bridge_is_released_and_not_deleted(watcher):
    heard = Heard()
    for command in (
        "add br-x type bridge",
        "add tap1 type veth peer name tap2",
        "set tap1 master br-x",
    ):
        subprocess.run(["ip", "link", *command.split()], check=True)
    watcher.links(heard)
    subprocess.run(["ip", "link", "set", "tap1", "nomaster"], check=True)
    assert heard.until(lambda event: event == ("tap1", "released"))
    assert heard.nothing() or ("tap1", "deleted") not in list(heard.events.queue)
    for name in ("tap1", "br-x"):
        subprocess.run(["ip", "link", "del", name], check=True)


def test_a_datagram_socket_is_read_by_its_callback(watcher):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard = Heard()
    watcher.reader(here, lambda channel: heard(channel.recv(100)))
    for word in (b"one", b"two"):
        there.send(word)
        assert heard.next() == (word,)
    here.close()
    there.close()


def test_a_callback_that_fails_is_logged_and_harms_no_other(watcher, tmp_path, caplog):
    heard = Heard()

    def fail(name: str) -> None:
        raise ZeroDivisionError(name)

    watcher.path(tmp_path, fail)
    watcher.path(tmp_path, heard)
    for _ in range(2):
        (tmp_path / "a").write_text("x")
        assert heard.next() == ("a",)
    assert "ZeroDivisionError" in caplog.text


def test_callbacks_may_register_and_cancel(watcher, tmp_path):
    heard = Heard()
    process = subprocess.Popen(["true"])
    process.wait()

    def ended(_pid: int) -> None:
        cancels.append(watcher.path(tmp_path, heard))
        registered.set()

    cancels: list[Callable[[], None]] = []
    registered = threading.Event()
    watcher.process(process.pid, ended)
    assert registered.wait(SOON_S)
    (tmp_path / "a").write_text("x")
    assert heard.next() == ("a",)


def test_what_is_registered_before_the_start_is_watched_after_it(tmp_path):
    heard = Heard()
    one = Watcher()
    one.path(tmp_path, heard)
    (tmp_path / "early").write_text("x")
    one.start()
    assert heard.next() == ("early",)
    one.stop()


def test_many_threads_register_at_once(watcher):
    heard = Heard()
    processes = [subprocess.Popen(["sleep", "60"]) for _ in range(40)]
    threads = [threading.Thread(target=watcher.process, args=(p.pid, heard)) for p in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.kill()
        process.wait()
    assert {heard.next()[0] for _ in processes} == {process.pid for process in processes}


@pytest.mark.parametrize("started", [True, False])
def test_stopping_leaves_no_thread_and_no_file_descriptor(tmp_path, started):
    before = len(list(Path("/proc/self/fd").iterdir()))
    threads = threading.active_count()
    process = subprocess.Popen(["sleep", "60"])
    one = Watcher()
    if started:
        one.start()
    one.process(process.pid, Heard())
    one.path(tmp_path, Heard())
    one.links(Heard())
    one.stop()
    one.links(Heard())()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() == threads
    process.kill()
    process.wait()


def test_a_process_that_ends_before_it_is_watched_is_told_once_and_its_descriptor_is_closed_once(caplog):
    before = len(list(Path("/proc/self/fd").iterdir()))
    watcher = Watcher()
    watcher.start()
    told: queue.Queue[int] = queue.Queue()
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the watcher's thread comes in between wherever it can
    try:
        ended = subprocess.Popen(["true"])
        ended.wait()
        cancels = [watcher.process(ended.pid, told.put) for _ in range(300)]
        kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]  # take the numbers of what was closed
        for cancel in cancels[::2]:
            cancel()
        cancelled = len(cancels[::2])
        eventually(lambda: told.qsize() >= len(cancels) - cancelled)  # a watcher that ends tells nothing more
    finally:
        sys.setswitchinterval(switch)
        watcher.stop()
    assert told.qsize() <= len(cancels)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    for fd in kept:
        os.close(fd)  # fails for one that somebody else has closed
    assert len(list(Path("/proc/self/fd").iterdir())) == before
