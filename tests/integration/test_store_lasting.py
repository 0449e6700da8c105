"""Which transactions wait for the disk: all but those of what comes again by itself."""

import pytest
from api_cloud import HOST, Cloud
from sqlalchemy import event, text

from evener.resources.facts import Counters, Observation, Report
from evener.store.database import Database, Transaction

# How each database says that a transaction waits for the disk, and that it does not; MariaDB has no such choice.
WORDS = {"sqlite": ("PRAGMA synchronous", "2", "1"), "postgresql": ("SHOW synchronous_commit", "on", "off")}


def waits(tx: Transaction) -> bool | None:
    """Return whether a transaction waits for the disk; None where nobody can tell."""
    asked = WORDS.get(tx.connection.dialect.name)
    if asked is None:
        return None
    question, yes, no = asked
    return {yes: True, no: False}[str(tx.scalar(text(question)))]


@pytest.fixture
def waiting(database: Database) -> Database:
    """Return a database that waits for its disk, which those of tests do not."""
    if database.engine.dialect.name == "postgresql":
        event.listen(
            database.engine, "begin", lambda each: each.exec_driver_sql("SET LOCAL synchronous_commit = on")
        )
    return database


def test_one_that_is_not_lasting_does_not_wait_and_the_next_one_does(waiting: Database) -> None:
    with waiting.write(lasting=False) as tx:
        assert waits(tx) in (False, None)
    with waiting.write() as tx:
        assert waits(tx) in (True, None)
    with pytest.raises(KeyError), waiting.write(lasting=False):
        raise KeyError
    with waiting.write() as tx:
        assert waits(tx) in (True, None)


def test_heartbeats_and_counters_do_not_wait_and_progress_does(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, lasting = cloud.tree(), list[bool]()
    write = cloud.database.write

    def noted(*, lasting: bool = True, into=lasting):
        into.append(lasting)
        return write(lasting=lasting)

    monkeypatch.setattr(cloud.database, "write", noted)
    seen = Observation(listeners={tree.listener: Counters(total_connections=1)})
    counted = Report(loadbalancer_id=tree.loadbalancer, observation=seen)
    cloud.controller.heartbeat(HOST, {})
    cloud.controller.report_all(HOST, [counted])
    assert lasting == [False, False]
    applied = Report(loadbalancer_id=tree.loadbalancer, applied_generation=1)
    cloud.controller.report_all(HOST, [counted, applied])
    cloud.controller.report(HOST, counted)
    assert lasting == [False, False, True, True]
