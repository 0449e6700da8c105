"""Members go out and come back after exactly as many checks as are asked for, also over reloads; a real HAProxy."""

import os
import signal
import socket
import subprocess
import time

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import runtime, stats
from evener.dataplane.haproxy.plan import Reload, Start
from evener.host import processes
from haproxy_rig import Rig, Shop
from waiting import eventually, patience

pytestmark = pytest.mark.root
MEMBER = g.nth(10)


class Checked(Shop):
    """Whose first member is looked at; the log is read all the time, as the agent reads it."""

    def __init__(self, rig: Rig, **monitor) -> None:
        super().__init__(rig)
        self.monitor = g.monitor(type="HTTP", delay=1, timeout=1, **monitor)
        self.apply()
        self.until("ONLINE")
        self.wait_for_checks(2)  # it is known to be well

    def reload(self) -> None:
        self.spare += 1
        assert self.apply() == [Reload]

    def status(self) -> str:
        self.rig.instance.log_socket.read()
        return self.rig.health()[MEMBER]

    def until(self, status: str, within_s: float = 15) -> None:
        eventually(lambda: self.status() == status, within_s)

    def wait_for_checks(self, number: int) -> None:
        """Wait until as many more have been answered; the next is some time away then."""
        before = len(self.webs[0].checks())
        eventually(lambda: (self.status(), len(self.webs[0].checks()) >= before + number)[1], 10)
        time.sleep(0.1)
        self.status()

    def answer_twice_and_reload(self, status: int) -> None:
        """Let two checks be answered so, and reload."""
        self.webs[0].status = status
        self.wait_for_checks(2)
        self.reload()

    def checks_until(self, status: str, change) -> int:
        """Return how many checks come until the member has that status, once `change` was called."""
        before = len(self.webs[0].checks())
        change()
        self.until(status)
        return len(self.webs[0].checks()) - before


def test_failures_before_a_reload_count(rig):
    shop = Checked(rig, max_retries=1, max_retries_down=4)
    assert shop.checks_until("OFFLINE", lambda: shop.answer_twice_and_reload(500)) == 4


def test_successes_before_a_reload_count(rig):
    shop = Checked(rig, max_retries=4, max_retries_down=1)
    shop.webs[0].status = 500
    shop.until("OFFLINE")
    assert shop.checks_until("ONLINE", lambda: shop.answer_twice_and_reload(200)) == 4


def test_a_success_after_a_reload_ends_the_row(rig):
    shop = Checked(rig, max_retries=1, max_retries_down=3)
    shop.webs[0].status = 500
    shop.wait_for_checks(2)
    shop.webs[0].status = 200
    shop.reload()
    shop.wait_for_checks(2)

    def fail() -> None:
        shop.webs[0].status = 500

    assert shop.checks_until("OFFLINE", fail) == 3


def test_a_dead_member_goes_out_however_often_there_is_a_reload(rig):
    shop = Checked(rig, max_retries=1, max_retries_down=4)

    def fail_and_reload_again_and_again() -> None:
        shop.webs[0].status = 500
        for _ in range(6):
            shop.wait_for_checks(1)
            shop.reload()

    assert shop.checks_until("OFFLINE", fail_and_reload_again_and_again) >= 4
    assert rig.spread(4) == {"w2": 4}
    shop.webs[0].status = 200
    shop.until("ONLINE")


def test_why_a_member_is_out_is_said_once_and_stays(rig):
    shop = Checked(rig, max_retries=1)
    refused = g.member(id=g.nth(50), address="127.0.2.9", protocol_port=9)
    other = (g.pool(id=g.nth(51), protocol="TCP"), [refused], g.monitor(max_retries=1))
    pools = [(shop.pool, shop.members, shop.monitor), other]
    rig.instance.apply(shop.graph().model_copy(update={"pools": g.graph(pools=pools).pools}))
    shop.webs[0].status = 503
    shop.until("OFFLINE")
    eventually(lambda: rig.health()[refused.id] == "OFFLINE")
    reasons = rig.instance.observe().reasons
    assert reasons == {
        MEMBER: "HTTP check: answered 503 instead of 200",
        refused.id: "TCP check: connection refused",
    }
    shop.webs[0].status = 500
    shop.wait_for_checks(1)
    assert rig.instance.observe().reasons == reasons
    shop.webs[0].status = 200
    shop.until("ONLINE")
    assert rig.instance.observe().reasons.keys() == {refused.id}


def silent(rig: Rig, **given):
    """A member whose packets nobody answers."""
    for command in (
        "link add silent type veth peer name other",
        "link set silent up",
        "link set other up",
        "addr add 10.9.9.1/24 dev silent",
        "neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev silent",  # which nobody has
    ):
        subprocess.run(["ip", "-n", rig.namespace, *command.split()], check=True)
    return g.member(id=MEMBER, address="10.9.9.2", protocol_port=80, **given)


class HalfSilent(Shop):
    """Of whose two members the first does not answer; the log is read all the time, as the agent reads it."""

    def __init__(self, rig: Rig, **monitor) -> None:
        super().__init__(rig)
        self.members[0] = silent(rig)
        self.monitor = g.monitor(**{"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1} | monitor)
        self.apply()

    def status(self) -> str:
        self.rig.instance.log_socket.read()
        return self.rig.health()[MEMBER]

    def reload(self) -> None:
        self.spare += 1
        assert self.apply() == [Reload]

    def check_in_flight(self) -> bool:
        return stats.is_checking(runtime.ask(self.rig.instance.paths.socket, "show servers state"))


def test_a_member_that_is_out_stays_out_whatever_is_in_flight_at_a_reload(rig):
    shop = HalfSilent(rig)
    eventually(lambda: shop.status() == "OFFLINE")
    reloads_in_flight = 0
    for _ in range(8):
        reloads_in_flight += shop.check_in_flight()
        shop.reload()
        for _ in range(3):
            assert shop.status() == "OFFLINE"
            assert rig.spread(2) == {"w2": 2}
            time.sleep(0.08)
    assert reloads_in_flight >= 4


def test_who_hears_the_log_never_waits_for_a_frozen_haproxy_and_its_next_worker_is_told(rig, monkeypatch):
    shop = HalfSilent(rig, delay=20, timeout=20, max_retries=3)
    log, member = rig.instance.log_socket, f"{shop.pool.id}/{MEMBER}"
    _, worker = rig.instance.processes
    os.kill(worker.pid, signal.SIGSTOP)
    eventually(lambda: rig.instance.is_frozen)
    check = f"<133>lb[1]: Health check for server {member} failed, reason: x, check duration: 1ms, status: 1/3 UP."
    monkeypatch.chdir(rig.instance.paths.chroot)  # a socket's path is short
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as haproxy:  # an old worker, say
        for _ in range(3):
            haproxy.sendto(check.encode(), "log")
    begin = time.monotonic()
    assert log.read()  # something is to be told
    assert time.monotonic() - begin < patience()
    assert shop.apply() == [Reload]
    assert not processes.alive(worker)
    assert rig.health()[MEMBER] == "OFFLINE"


def test_a_member_that_is_out_stays_out_when_haproxy_is_killed(rig):
    shop = HalfSilent(rig)
    eventually(lambda: shop.status() == "OFFLINE")
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    assert shop.apply() == [Start]
    assert rig.spread(4) == {"w2": 4}
    assert shop.status() == "OFFLINE"


def test_a_member_goes_out_in_time_though_no_worker_lives_as_long_as_a_check(rig):
    shop = HalfSilent(rig, delay=20, timeout=2, max_retries=2)
    eventually(shop.check_in_flight)
    rig.instance.log_socket.read()
    begin = time.monotonic()
    while shop.status() != "OFFLINE":
        assert time.monotonic() - begin < 15
        shop.reload()
        time.sleep(0.3)
    assert time.monotonic() - begin >= 1.5
    for _ in range(5):
        shop.reload()
        assert shop.status() == "OFFLINE"
    assert rig.spread(4) == {"w2": 4}


def test_a_member_that_was_well_goes_out_in_time_though_no_worker_lives_as_long_as_a_check(rig):
    shop = Checked(rig, max_retries=1, max_retries_down=3)
    shop.webs[0].delay_s = 30
    begin = time.monotonic()
    while shop.status() != "OFFLINE":
        assert time.monotonic() - begin < 20
        shop.reload()
        time.sleep(0.2)
    assert time.monotonic() - begin >= 1
    shop.webs[0].delay_s = 0
    shop.until("ONLINE")


@pytest.mark.each_haproxy
@pytest.mark.parametrize("kind", ["TCP", "HTTP", "HTTPS"])
def test_the_timeout_holds_for_opening_a_connection(rig, kind):
    shop = Shop(rig)
    shop.members = [silent(rig)]
    shop.monitor = g.monitor(type=kind, delay=20, timeout=2, max_retries=1)
    shop.apply()
    begin = time.monotonic()
    eventually(lambda: set(rig.health().values()) == {"OFFLINE"}, 30)
    assert 1.5 < time.monotonic() - begin < 4.5 * patience()
