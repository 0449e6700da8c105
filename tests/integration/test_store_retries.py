"""Errors that pass: what a lost race undid is done again, and what was committed never is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from api_cloud import Cloud
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from evener.store.database import Database, retried


def lost_race() -> OperationalError:
    """Return what a database says of a transaction that may succeed when tried again."""
    return OperationalError("", {}, Exception("deadlock found; try restarting transaction"))


@contextmanager
def failing_at(database: Database, number: int) -> Iterator[Callable[[], int]]:
    """Let the statement `number`, or the first commit after it, fail once; yields how many there were."""
    sent, failed = 0, False

    def before(*_: Any) -> None:
        nonlocal sent, failed
        sent += 1
        if not failed and sent >= number:
            failed = True
            raise lost_race()

    for name in ("before_cursor_execute", "commit"):
        event.listen(database.engine, name, before)
    try:
        yield lambda: sent
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(database.engine, name, before)


def test_a_passing_error_at_any_statement_makes_an_object_once(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    tree = cloud.tree()
    below, subnet = {"loadbalancer_id": tree.loadbalancer}, {"subnet_id": tree.subnet}
    members = f"/lbaas/pools/{tree.pool}/members"
    whole = {"vip_subnet_id": tree.subnet, "listeners": [{"protocol": "HTTP", "protocol_port": 80}]}
    makes: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
        "member": (members, lambda n: {**subnet, "address": "10.0.0.7", "protocol_port": n + 1}),
        "pool": ("/lbaas/pools", lambda _: {**below, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}),
        "listener": ("/lbaas/listeners", lambda n: {**below, "protocol": "TCP", "protocol_port": n + 100}),
        "loadbalancer": ("/lbaas/loadbalancers", lambda _: {"vip_subnet_id": tree.subnet}),
        "graph": ("/lbaas/graphs", lambda _: {"loadbalancer": whole}),
        "network": ("/networks", lambda _: {}),
        "port": ("/ports", lambda _: {"network_id": tree.network}),
    }
    for kind, (path, values) in makes.items():
        listed = "/lbaas/loadbalancers" if kind == "graph" else path
        for number in range(1, 200):
            before = set(cloud.ann.ids(listed))
            with failing_at(cloud.database, number) as sent:
                answer = cloud.ann.send("POST", path, {kind: values(number)})
            assert answer.status_code == 201, (kind, number, answer.text)
            assert len(set(cloud.ann.ids(listed)) - before) == 1, (kind, number)
            if sent() < number:  # nothing was left to fail
                break
        else:
            pytest.fail(f"{kind}: more statements than this test takes")


def test_what_was_committed_is_never_done_again_whatever_fails_afterwards(database: Database) -> None:
    done: list[str] = []

    def fail() -> None:
        raise lost_race()

    @retried
    def followed() -> str:
        with database.write() as tx:
            tx.after_commit(fail)
            done.append("followed")
        return "answer"

    @retried
    def failing() -> None:
        with database.write():
            done.append("failing")
        raise lost_race()

    @retried
    def outer() -> None:
        failing()

    assert followed() == "answer"
    with pytest.raises(OperationalError):
        failing()
    with pytest.raises(OperationalError):
        outer()
    assert done == ["followed", "failing", "failing"]


def test_a_race_that_is_lost_before_the_commit_is_run_again(database: Database) -> None:
    tries: list[int] = []

    @retried
    def third_time() -> int:
        with database.write():
            tries.append(1)
            if len(tries) < 3:
                raise lost_race()
        return len(tries)

    assert third_time() == 3
