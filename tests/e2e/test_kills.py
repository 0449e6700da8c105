"""Whatever of two hosts is killed, at random points and under traffic and changes: one of them answers, and one alone.

`KILLS` says how many times, 20 where it does not; `KILLS_SEED` has the same ones done again.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Self

import pytest
from node import HOST, Node
from standalone import Cloud, Standalone
from test_failover import cloud, node, settings
from two_machines import WITHIN_S, Caller, Pair, paired, signal_all

from evener.host import syscalls
from waiting import OwnTime, eventually, patience

__all__ = ["cloud", "node", "settings"]
KILLS = int(os.environ.get("KILLS", "20"))
pytestmark = [pytest.mark.root, pytest.mark.timeout(300 + 30 * KILLS)]
NONE_S, TWO_S = 2.0, 1.0
LOOK_S, FIND_S = 0.02, 0.3
WELL_S = 90.0


class Owners:
    """Looks all the time who has the VIP, in the kernel, of the hosts whose link is up."""

    def __init__(self, pair: Pair) -> None:
        self._pair, self._ended = pair, threading.Event()
        self._seen: list[tuple[float, frozenset[str]]] = []
        self._time = OwnTime()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.cut = False  # the node's link is: nobody reaches what it has

    def _run(self) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        places: dict[str, int] = {}
        found_at = 0.0
        while not self._ended.wait(LOOK_S):
            if time.monotonic() - found_at > FIND_S:
                for each in places.values():
                    os.close(each)
                places, found_at = self._places(), time.monotonic()
            owners = {host for host, place in places.items() if self._has_vip(place)}
            syscalls.setns(home)
            self._seen.append((self._time.look(), frozenset(owners - ({HOST} if self.cut else set()))))

    def _places(self) -> dict[str, int]:
        found = {}
        for name in ("haproxy", "keepalived"):
            for host, pids in self._pair.serving(name).items():
                for pid in pids if host not in found else ():
                    with suppress(OSError):
                        found[host] = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
                        break
        return found

    def _has_vip(self, place: int) -> bool:
        syscalls.setns(place)
        with open("/proc/thread-self/net/fib_trie", encoding="ascii") as trie:  # noqa: PTH123 - of this thread
            return f"|-- {self._pair.vip}\n" in trie.read()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def longest_s(self, number: int) -> float:
        """Return for how long at most so many hosts had it."""
        longest, since = 0.0, None
        for (at, owners), (until, _) in pairwise(self._seen):
            since = (at if since is None else since) if len(owners) == number else None
            longest = max(longest, 0.0 if since is None else until - since)
        return longest


class Changes:
    """Changes a load balancer again and again, and knows what was acknowledged last."""

    def __init__(self, pair: Pair) -> None:
        self._pair, self._ended = pair, threading.Event()
        self.acknowledged, self.number = 0, 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        limit = 1000
        while not self._ended.wait(0.2):
            limit += 1
            with suppress(Exception):
                self._pair.cloud.api.update(self._pair.balancer.listener, connection_limit=limit)
                self.acknowledged, self.number = limit, self.number + 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def are_served(self) -> bool:
        """Say whether both hosts serve what was acknowledged last."""
        line = f"maxconn {self.acknowledged}\n"
        states = (self._pair.standalone.state, self._pair.node.state)
        files = [each / "lbaas" / "v2" / self._pair.balancer.lb["id"] / "haproxy.conf" for each in states]
        return all(line in each.read_text() for each in files)


class Killer:
    """What can happen to one host of a pair; what nobody on the host undoes is undone in the end."""

    def __init__(self, pair: Pair, owners: Owners) -> None:
        self._pair, self._owners = pair, owners

    def kill_haproxy(self, host: str) -> None:
        self._pair.kill("haproxy", host)

    def kill_one_process_of_haproxy(self, host: str) -> None:
        pids = self._pair.serving("haproxy")[host]
        signal_all(random.sample(pids, min(len(pids), 1)))

    def freeze_haproxy(self, host: str) -> None:
        self._pair.kill("haproxy", host, signal.SIGSTOP)

    def kill_keepalived(self, host: str) -> None:
        self._pair.kill("keepalived", host)

    def kill_agent(self, host: str) -> None:
        """Kill the agent, with all of control on one of the hosts, and start it again."""
        program = self._pair.node if host == HOST else self._pair.standalone
        program.kill()
        time.sleep(random.random())
        program.start()

    def cut_link(self, _: str) -> None:
        self._owners.cut = True
        subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
        time.sleep(random.uniform(0.5, 3))
        subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
        time.sleep(TWO_S)
        self._owners.cut = False

    def kill_host(self, _: str) -> None:
        self._owners.cut = True
        subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
        self._pair.node.kill()
        for name in ("keepalived", "haproxy"):
            self._pair.kill(name, HOST)
        time.sleep(random.uniform(0.5, 3))
        subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
        self._pair.node.start()
        time.sleep(TWO_S)
        self._owners.cut = False

    def any(self) -> Callable[[str], None]:
        return random.choice(
            [
                self.kill_haproxy,
                self.kill_one_process_of_haproxy,
                self.freeze_haproxy,
                self.kill_keepalived,
                self.kill_agent,
                self.cut_link,
                self.kill_host,
            ]
        )


@pytest.fixture(scope="module")
def pair(cloud: Cloud, standalone: Standalone, node: Node) -> Iterator[Pair]:
    with paired(cloud, standalone, node) as found:
        yield found


def count(pair: Pair) -> dict[str, list[int]]:
    return {name: sorted(map(len, pair.serving(name).values())) for name in ("haproxy", "keepalived")}


def test_one_answers_and_one_alone_whatever_is_killed_and_no_change_is_lost(pair: Pair) -> None:
    seed = int(os.environ.get("KILLS_SEED", time.time()))
    random.seed(seed)
    eventually(pair.is_well, WELL_S)
    eventually(lambda: count(pair)["haproxy"] == [2, 2], WELL_S, lambda: count(pair))  # no old worker is left
    before = count(pair)
    killed: list[str] = []
    with Owners(pair) as owners, Caller(pair.cloud, pair.vip) as caller, Changes(pair) as changes:
        killer = Killer(pair, owners)
        for _ in range(KILLS):
            time.sleep(random.random())
            host, kill = random.choice([HOST, pair.standalone_host]), killer.any()
            killed.append(f"{kill.__name__} {host}, gap {caller.longest_gap_s:.2f} s")
            kill(host)
            eventually(pair.is_well, WELL_S, lambda: f"seed {seed}: {killed}")
    said = f"seed {seed}: {killed}, {changes.number} changes"
    assert owners.longest_s(2) < TWO_S * patience(), said
    assert owners.longest_s(0) < NONE_S * patience(), said
    assert caller.longest_gap_s < NONE_S * patience(), said
    eventually(changes.are_served, WELL_S, lambda: said)
    pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    eventually(lambda: count(pair) == before, WELL_S, lambda: f"{count(pair)}, not {before}; {said}")


def test_fifty_changes_during_a_failover_are_all_served_by_both(pair: Pair) -> None:
    eventually(pair.is_well, WELL_S)
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        for number in range(50):
            if number == 10:
                pair.kill("haproxy", HOST)
            if number == 30:
                pair.cloud.api.request("PUT", f"/load-balancer/v2/{pair.path}/failover")
            pair.cloud.api.update(pair.balancer.listener, connection_limit=5000 + number)
        pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    assert caller.longest_gap_s < NONE_S * patience()
    changes = Changes(pair)
    changes.acknowledged = 5049
    eventually(changes.are_served, WITHIN_S)
    eventually(pair.is_well, WELL_S)
