"""Agents are asked once for many readers, who wait for a moment only, and few of them at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from evener.api.lanes import PASSWORDS, STATS, lane_of
from evener.control.asking import PATIENCE_S, READERS, Asking


def test_an_answer_that_comes_at_once_is_given() -> None:
    assert Asking(lambda host, balancer: f"{host} {balancer}")("node", "lb") == "node lb"


def test_what_asking_meets_is_told() -> None:
    def fails(_host: str, _balancer: str) -> None:
        raise KeyError("away")

    with pytest.raises(KeyError):
        Asking(fails)("node", "lb")


def test_many_readers_ask_once_and_hold_few_threads_for_a_moment() -> None:
    asked, answer, waits = [], threading.Event(), []

    def ask(_host: str, balancer: str) -> str:
        asked.append(balancer)
        answer.wait(60)
        return "late"

    asking = Asking(ask)

    def read(_number: int) -> str | None:
        start = time.monotonic()
        found = asking("node", "lb")
        waits.append(time.monotonic() - start)
        return found

    with ThreadPoolExecutor(12) as readers:
        assert set(readers.map(read, range(12))) == {None}
    assert len(asked) == 1
    assert sum(wait >= PATIENCE_S for wait in waits) <= 2 * READERS
    answer.set()


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("POST", "/identity/v3/auth/tokens", PASSWORDS),
        ("PATCH", "/identity/v3/users/x", PASSWORDS),
        ("GET", "/identity/v3/auth/tokens", None),
        ("GET", "/networking/v2.0/lbaas/loadbalancers/x/stats", STATS),
        ("GET", "/load-balancer/v2/listeners/x/stats", STATS),
        ("GET", "/networking/v2.0/lbaas/loadbalancers/x/statuses", None),
        ("POST", "/networking/v2.0/lbaas/loadbalancers", None),
    ],
)
def test_what_waits_for_more_than_the_database_is_known_by_its_path(
    method: str, path: str, lane: str | None
) -> None:
    assert lane_of(method, path) == lane
