"""What databases answer when something is wrong, and what clients of each API are told of it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_cloud import Cloud
from sqlalchemy import Table, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from evener.resources.facts import Counters
from evener.store.database import Database
from evener.store.failures import Failure, failure_of, patient
from evener.store.schema import agents, counters, database_identity

NOTHING = dict.fromkeys(Counters.model_fields, 0)


def failing(database: Database, work: Callable[[Any], object]) -> Failure:
    """Return what the error means that comes of `work` in a transaction."""
    with pytest.raises(SQLAlchemyError) as caught, database.write() as tx:
        work(tx)
    return failure_of(caught.value)


def inserting(table: Table, **values: Any) -> Callable[[Any], object]:
    return lambda tx: tx.execute(table.insert().values(**values))


def test_constraints_that_another_change_can_break_are_conflicts_and_all_else_is_our_fault(
    database: Database,
) -> None:
    with database.write() as tx:
        tx.execute(database_identity.insert().values(id="x"))
    conflicts = {
        "twice": inserting(database_identity, id="x"),
        "refers to nothing": inserting(
            counters, owner_id="x", agent_id="x", loadbalancer_id="nobody", **NOTHING
        ),
    }
    faults = {
        "no value": lambda tx: tx.execute(
            text("INSERT INTO quotas (project_id, resource) VALUES ('p', 'r')")
        ),
        "no such table": lambda tx: tx.execute(text("SELECT 1 FROM nothing")),
        "no such column": lambda tx: tx.execute(text("SELECT nothing FROM agents")),
        "no SQL": lambda tx: tx.execute(text("SELEC 1")),
        "no parameter": lambda tx: tx.execute(text("SELECT :x")),
    }
    assert {why: failing(database, work) for why, work in conflicts.items()} == dict.fromkeys(
        conflicts, Failure.CONFLICT
    )
    assert {why: failing(database, work) for why, work in faults.items()} == dict.fromkeys(
        faults, Failure.FAULT
    )


def test_a_connection_that_is_ended_is_an_outage(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    postgresql = database.engine.dialect.name == "postgresql"
    mine = "SELECT pg_backend_pid()" if postgresql else "SELECT connection_id()"
    end = "SELECT pg_terminate_backend({})" if postgresql else "KILL {}"

    def work(tx: Any) -> None:
        number = tx.scalar(text(mine))
        with database.engine.connect() as other:
            other.execute(text(end.format(number)))
        tx.execute(text("SELECT 1"))

    assert failing(database, work) == Failure.OUTAGE


def test_a_lock_that_is_not_given_is_an_outage(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("its writers wait half a minute")
    postgresql = database.engine.dialect.name == "postgresql"
    with database.write() as tx:
        tx.execute(database_identity.insert().values(id="x"))
    held, over = threading.Event(), threading.Event()
    lock = text("SELECT id FROM database_identity WHERE id = 'x' FOR UPDATE")

    def hold() -> None:
        with database.write() as tx:
            tx.execute(lock)
            held.set()
            over.wait(30)

    def work(tx: Any) -> None:
        tx.execute(
            text("SET LOCAL lock_timeout = '50ms'" if postgresql else "SET innodb_lock_wait_timeout = 1")
        )
        tx.execute(lock)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        assert failing(database, work) == Failure.OUTAGE
    finally:
        over.set()
        holder.join()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://evener@127.0.0.1:1/evener?connect_timeout=2",
        "mysql+pymysql://evener@127.0.0.1:1/evener",
    ],
)
def test_a_server_that_is_not_there_is_an_outage(url: str) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        create_engine(url).connect()
    assert failure_of(caught.value) == Failure.OUTAGE


def test_a_file_that_cannot_be_used_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "none").write_bytes(b"no database" * 100)
    for file in ("missing/x", "none"):
        engine = create_engine(f"sqlite:///{tmp_path / file}")
        with pytest.raises(SQLAlchemyError) as caught, engine.connect() as connection:
            connection.execute(text("CREATE TABLE x (y)"))
        assert failure_of(caught.value) == Failure.OUTAGE, file
    assert failure_of(NoConnection("no connection is free")) == Failure.OUTAGE


def test_work_waits_for_a_database_that_does_not_answer_and_says_so_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/missing/x")

    def work() -> None:
        engine.connect()

    patient("sweep", work)()
    (record,) = caplog.records
    assert record.getMessage() == "The thread sweep waits for the database: unable to open database file"
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    with pytest.raises(SQLAlchemyError), create_engine("sqlite://").connect() as connection:
        patient("sweep", lambda: connection.execute(text("SELECT nothing")))()


def test_clients_are_told_what_it_was_in_the_form_of_the_api(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(work: Callable[[Any], object]) -> Any:
        def read() -> Any:
            with cloud.database.read() as tx:
                work(tx)

        cloud.balancing.show = lambda *_, **__: read()  # type: ignore[method-assign]
        return cloud.ann.send("GET", "/lbaas/loadbalancers/x")

    conflict = refusing(inserting(agents, id="x"))
    assert conflict.status_code == 500  # a value is missing
    with cloud.database.write() as tx:
        tx.execute(database_identity.insert().values(id="x"))
    conflict = refusing(inserting(database_identity, id="x"))
    assert (conflict.status_code, conflict.json["NeutronError"]["type"]) == (409, "Conflict")
    said = [each for each in caplog.records if "was not done: Another change was made" in each.getMessage()]
    assert [each.exc_info for each in said] == [None]
    fault = refusing(lambda tx: tx.execute(text("SELECT nothing FROM agents")))
    assert (fault.status_code, fault.json["NeutronError"]["type"]) == (500, "HTTPInternalServerError")
    assert "nothing" not in fault.text
    assert f"(request {fault.headers['x-openstack-request-id']})" in fault.text
