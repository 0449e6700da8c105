"""Network namespaces by name, on the real kernel."""

import gc
import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from evener.host import netns
from evener.host.errors import HostError, NamespaceMissing, NameTaken
from waiting import eventually

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def _leave_nothing() -> Iterator[None]:
    yield
    for path in Path("/run/netns").iterdir():
        netns.delete(path.name)
    assert netns.names() == frozenset()


@contextmanager
def process_in(namespace: str) -> Iterator[subprocess.Popen[bytes]]:
    with netns.inside(namespace):
        process = subprocess.Popen(["sleep", "60"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def here() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_a_namespace_is_created_once_and_ip_netns_knows_it():
    assert netns.ensure("qlbaas-1") is True
    first = netns.identity("qlbaas-1")
    assert netns.ensure("qlbaas-1") is False
    assert netns.identity("qlbaas-1") == first
    assert first is not None
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert "qlbaas-1" in listed
    assert netns.names() == {"qlbaas-1"}


def test_a_namespace_that_ip_netns_made_is_a_namespace():
    subprocess.run(["ip", "netns", "add", "theirs"], check=True)
    assert netns.exists("theirs")
    assert netns.ensure("theirs") is False


def test_loopback_is_up_and_is_brought_up_again():
    netns.ensure("qlbaas-1")
    for _ in range(2):
        with netns.inside("qlbaas-1"), socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=30).close()
        subprocess.run(["ip", "-n", "qlbaas-1", "link", "set", "lo", "down"], check=True)
        netns.ensure("qlbaas-1")


def test_a_leftover_file_is_no_namespace_and_is_repaired():
    netns.ensure("other")
    Path("/run/netns/qlbaas-1").touch()
    assert not netns.exists("qlbaas-1")
    assert "qlbaas-1" not in netns.names()
    with pytest.raises(NamespaceMissing), netns.inside("qlbaas-1"):
        pass
    assert netns.ensure("qlbaas-1") is True
    assert netns.exists("qlbaas-1")


def test_deleting_is_idempotent_and_takes_leftovers_too():
    netns.ensure("qlbaas-1")
    assert netns.delete("qlbaas-1") is True
    assert netns.delete("qlbaas-1") is False
    Path("/run/netns/qlbaas-2").touch()
    assert netns.delete("qlbaas-2") is True
    assert list(Path("/run/netns").iterdir()) == []


def test_only_the_calling_thread_goes_inside_and_comes_back():
    netns.ensure("qlbaas-1")
    home = here()
    with ThreadPoolExecutor(1) as other:
        assert other.submit(here).result() == home
        with netns.inside("qlbaas-1"):
            assert here() == netns.identity("qlbaas-1")[1]
            assert other.submit(here).result() == home
    assert here() == home


def test_an_error_inside_does_not_leave_the_thread_there():
    netns.ensure("qlbaas-1")
    home = here()
    with pytest.raises(ZeroDivisionError), netns.inside("qlbaas-1"):
        _ = 1 // 0
    assert here() == home


def test_processes_started_inside_belong_there():
    netns.ensure("qlbaas-1")
    with process_in("qlbaas-1") as process:
        assert netns.identity_of(process.pid) == netns.identity("qlbaas-1")
    assert netns.identity_of(process.pid) is None


def test_the_thread_that_creates_stays_where_it_is():
    home = here()
    netns.ensure("qlbaas-1")
    assert here() == home
    assert netns.identity("qlbaas-1")[1] != home


def test_going_inside_a_namespace_that_does_not_exist_is_told():
    with pytest.raises(NamespaceMissing, match="qlbaas-9"), netns.inside("qlbaas-9"):
        pass


def test_a_namespace_with_a_living_process_gets_its_name_back():
    netns.ensure("qlbaas-1")
    before = netns.identity("qlbaas-1")
    with process_in("qlbaas-1") as process:
        subprocess.run(["ip", "netns", "delete", "qlbaas-1"], check=True)
        assert not netns.exists("qlbaas-1")
        assert netns.rebind("qlbaas-1", process.pid) is True
        assert netns.identity("qlbaas-1") == before
        assert netns.rebind("qlbaas-1", process.pid) is False


def test_a_namespace_that_took_the_name_meanwhile_loses_it():
    netns.ensure("qlbaas-1")
    before = netns.identity("qlbaas-1")
    with process_in("qlbaas-1") as process:
        netns.delete("qlbaas-1")
        netns.ensure("qlbaas-1")
        assert netns.identity("qlbaas-1") != before
        assert netns.rebind("qlbaas-1", process.pid) is True
        assert netns.identity("qlbaas-1") == before


def test_our_own_namespace_never_gets_a_load_balancers_name():
    netns.ensure("other")
    with pytest.raises(NameTaken, match="of its own"):
        netns.rebind("qlbaas-1", os.getpid())
    assert not netns.exists("qlbaas-1")


def test_a_process_that_is_gone_has_no_namespace_to_name():
    netns.ensure("other")
    with process_in("other") as process:
        pass
    with pytest.raises(HostError, match=str(process.pid)):
        netns.rebind("qlbaas-1", process.pid)


def test_many_threads_make_one_namespace_once_and_many_namespaces_apart():
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: netns.ensure("same"), range(32))) == 1
        assert all(pool.map(lambda i: netns.ensure(f"n{i}"), range(32)))
    assert len({netns.identity(f"n{i}") for i in range(32)}) == 32


def test_no_file_descriptor_is_left_open():
    netns.ensure("qlbaas-1")
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with netns.inside("qlbaas-1"):
            pass
        netns.ensure("qlbaas-2")
        netns.delete("qlbaas-2")
    # Other threads of this process may be at work.
    eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)
