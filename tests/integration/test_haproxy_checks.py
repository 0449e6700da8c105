"""Members go out and come back after exactly as many checks as are asked for, also over reloads; a real HAProxy."""

import subprocess
import time

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import Reload
from haproxy_rig import Rig, Shop, eventually

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


@pytest.mark.parametrize("kind", ["TCP", "HTTP", "HTTPS"])
def test_the_timeout_holds_for_opening_a_connection(rig, kind):
    silent = g.member(id=MEMBER, address="10.9.9.2", protocol_port=80)
    for command in (
        "link add silent type veth peer name other",
        "link set silent up",
        "link set other up",
        "addr add 10.9.9.1/24 dev silent",
        "neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev silent",  # which nobody has
    ):
        subprocess.run(["ip", "-n", rig.namespace, *command.split()], check=True)
    shop = Shop(rig)
    shop.members = [silent]
    shop.monitor = g.monitor(type=kind, delay=20, timeout=2, max_retries=1)
    shop.apply()
    begin = time.monotonic()
    eventually(lambda: set(rig.health().values()) == {"OFFLINE"}, 30)
    assert 1.5 < time.monotonic() - begin < 4.5
