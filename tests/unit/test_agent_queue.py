"""The queue of work on load balancers: what is put is worked on, once at a time, and never forgotten."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.agent import work
from evener.agent.work import Gatherer, KeyedQueue, Workers
from waiting import eventually

PATIENCE_S = 60


class Clock:
    """The queue's clock: it stands still until it goes on, however long a test takes to say what it has to say."""

    def __init__(self) -> None:
        self._stands_at: float | None = time.monotonic()
        self._behind = 0.0

    @property
    def now_s(self) -> float:
        return time.monotonic() - self._behind if self._stands_at is None else self._stands_at

    def goes_on(self) -> None:
        assert self._stands_at is not None
        self._behind, self._stands_at = time.monotonic() - self._stands_at, None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def taken(queue: KeyedQueue) -> list[str]:
    """Take and finish everything that is ready."""
    found = []
    queue.put("last")
    while (key := queue.get()) != "last":
        assert key is not None
        found.append(key)
        queue.done(key)
    queue.done("last")
    return found


def test_a_key_that_is_put_many_times_is_handed_out_once() -> None:
    queue = KeyedQueue()
    for key in ("a", "b", "a", "a", "c", "b"):
        queue.put(key)
    assert taken(queue) == ["a", "b", "c"]


def test_a_key_that_is_put_while_it_is_worked_on_is_handed_out_again_and_once() -> None:
    queue = KeyedQueue()
    queue.put("a")
    assert queue.get() == "a"
    queue.put("a")
    queue.put("a")
    queue.put("b")
    assert queue.get() == "b"  # not "a", which somebody works on
    queue.done("a")
    assert queue.get() == "a"
    queue.done("a")
    queue.done("b")
    assert taken(queue) == []


def test_what_rests_is_handed_out_once_for_all_that_was_put_meanwhile(clock: Clock) -> None:
    queue = KeyedQueue()
    queue.put("a")
    assert queue.get() == "a"
    queue.rest("a", 0.05)
    start = clock.now_s
    queue.put("a")
    queue.done("a")
    queue.put("a")  # in its rest
    assert taken(queue) == []
    clock.goes_on()
    assert queue.get() == "a"
    assert clock.now_s - start >= 0.05
    queue.done("a")
    assert taken(queue) == []


def test_what_was_not_put_while_it_was_worked_on_rests_not() -> None:
    queue = KeyedQueue()
    queue.put("a")
    assert queue.get() == "a"
    queue.rest("a", 60)
    queue.done("a")
    queue.put("a")
    assert taken(queue) == ["a"]
    queue.put("a")
    assert taken(queue) == ["a"]


def test_a_delayed_key_comes_after_its_time_and_does_not_hold_up_others(clock: Clock) -> None:
    queue = KeyedQueue()
    start = clock.now_s
    queue.put("later", 0.05)
    queue.put("now")
    assert queue.get() == "now"
    queue.done("now")
    clock.goes_on()
    assert queue.get() == "later"
    assert clock.now_s - start >= 0.05


def test_delayed_keys_come_in_the_order_of_their_times_and_merge(clock: Clock) -> None:
    queue = KeyedQueue()
    for key, delay_s in (("c", 0.03), ("a", 0.01), ("b", 0.02), ("a", 0.015)):
        queue.put(key, delay_s)
    clock.goes_on()
    time.sleep(0.05)
    found = [queue.get() for _ in range(3)]
    assert found == ["a", "b", "c"]
    for key in ("a", "b", "c"):
        queue.done(key)
    assert taken(queue) == []


def test_tries_that_are_put_off_again_and_again_do_not_add_up() -> None:
    queue = KeyedQueue()
    for delay_s in (0.02, 0.03, 0.01, 30):
        queue.put("a", delay_s)
    assert len(queue) == 1
    assert queue.get() == "a"
    queue.done("a")
    time.sleep(0.05)
    assert taken(queue) == []
    assert len(queue) == 0


def test_workers_go_on_after_a_failure_and_end_when_they_are_closed() -> None:
    done, failures = [], []

    def do(key: str) -> None:
        if key == "bad":
            raise ValueError(key)
        done.append(key)

    workers = Workers("test", 2, do, lambda key, error: failures.append((key, str(error))))
    workers.start()
    for key in ("bad", "a", "b"):
        workers.queue.put(key)
    until = time.monotonic() + PATIENCE_S
    while len(done) + len(failures) < 3 and time.monotonic() < until:
        time.sleep(0.001)
    workers.close()
    workers.join(until)
    assert (sorted(done), failures) == (["a", "b"], [("bad", "bad")])
    assert not [each for each in threading.enumerate() if each.name.startswith("test-")]


def test_who_waits_is_woken_by_a_key_or_by_the_end() -> None:
    queue = KeyedQueue()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(queue.get) for _ in range(3)]
        queue.put("a")
        queue.put("b", 0.01)
        until = time.monotonic() + PATIENCE_S
        while sum(each.done() for each in waiting) < 2 and time.monotonic() < until:
            time.sleep(0.001)
        queue.close()
        found = [each.result(PATIENCE_S) for each in waiting]
    assert Counter(found) == Counter(["a", "b", None])
    queue.put("c")
    assert queue.get() is None


@given(st.lists(st.tuples(st.sampled_from(["put", "get", "done"]), st.integers(0, 3)), max_size=60))
def test_no_key_is_lost_or_with_two_workers_whatever_the_order(steps: list[tuple[str, int]]) -> None:
    queue, waiting, working = KeyedQueue(), set[str](), list[str]()
    for step, number in steps:
        if step == "put":
            queue.put(str(number))
            waiting.add(str(number))
        elif step == "get" and waiting - set(working):
            key = queue.get()
            assert key in waiting
            assert key not in working
            waiting.discard(key)
            working.append(key)
        elif step == "done" and working:
            queue.done(working.pop(number % len(working)))
    for key in working:
        queue.done(key)
    assert sorted(taken(queue)) == sorted(waiting)


def test_many_workers_see_the_last_of_everything_and_never_share_a_key() -> None:
    queue = KeyedQueue()
    wanted, seen = Counter[str](), Counter[str]()
    busy: dict[str, threading.Lock] = {str(number): threading.Lock() for number in range(5)}
    shared = []

    def take() -> None:
        while (key := queue.get()) is not None:
            if not busy[key].acquire(blocking=False):
                shared.append(key)
            else:
                seen[key] = wanted[key]
                time.sleep(0.0001)
                busy[key].release()
            queue.done(key)

    workers = [threading.Thread(target=take) for _ in range(8)]
    for worker in workers:
        worker.start()
    for number in range(1000):
        key = str(number % 5)
        wanted[key] += 1
        queue.put(key, 0.001 if number % 7 == 0 else 0)
    until = time.monotonic() + PATIENCE_S
    while seen != wanted and time.monotonic() < until:
        time.sleep(0.001)
    queue.close()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert shared == []
    assert seen == wanted


def test_what_waits_is_worked_on_together_and_what_fails_is_in_nobodys_way() -> None:
    begun, go_on = threading.Event(), threading.Event()
    worked: list[list[str]] = []
    failed: list[list[str]] = []

    def do(keys: Sequence[str]) -> None:
        worked.append(list(keys))
        begun.set()
        assert go_on.wait(PATIENCE_S)
        if "bad" in keys:
            raise ValueError

    gatherer = Gatherer("gatherer", 3, do, lambda keys, _: failed.append(list(keys)))
    gatherer.queue.put("a")
    gatherer.start()
    assert begun.wait(PATIENCE_S)
    for key in ("a", "bad", "c", "d", "e"):  # the first is put again while it is worked on
        gatherer.queue.put(key)
    go_on.set()
    eventually(lambda: len(gatherer.queue) == 0 and sum(map(len, worked)) == 6)
    gatherer.close()
    gatherer.join(time.monotonic() + PATIENCE_S)
    assert worked[0] == ["a"]
    assert all(len(keys) <= 3 for keys in worked)
    assert sorted(key for keys in worked for key in keys) == ["a", "a", "bad", "c", "d", "e"]
    assert len(failed) == 1
