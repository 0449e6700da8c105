"""Asks what a host needs of others: the database, and in it the agents; the bus. Changes nothing there.

What does not answer is a finding, never an exception, and is not waited for long.
"""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic.util.exc import CommandError
from kombu.connection import Connection as _Connection
from oslo_config import cfg
from sqlalchemy import create_engine, func, literal_column, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from evener import config
from evener.bus import messaging  # noqa: F401 - it has the library below be quiet
from evener.doctor import checks
from evener.doctor.findings import Finding
from evener.store import manage
from evener.store.database import Database, now, reason
from evener.store.schema import agents, bindings, loadbalancers

ANSWER_S = 5
Connection: Any = _Connection  # it has no types
_IN_TIME = {"connect_timeout": ANSWER_S}


def of_database(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Yield what is found of the database, and of the agents that it knows."""
    url = make_url(config.database_url(conf))
    on_disk = url.get_backend_name() == "sqlite"
    if on_disk and not Path(str(url.database)).exists():
        yield checks.database(None, there=False, behind=False)
        return
    error = _error(url, {} if on_disk else _IN_TIME)
    if error is not None:
        yield checks.database(error, there=True, behind=False)
        return
    database = Database(config.database_url(conf), watched=not on_disk)
    try:
        lacking = manage.behind(database)
        yield checks.database(None, there=True, behind=lacking)
        if not lacking:
            yield from _within(database)
    except (SQLAlchemyError, CommandError) as failure:
        yield checks.database(_said(failure), there=True, behind=False)
    finally:
        database.close()


def _error(url: Any, arguments: dict[str, Any]) -> str | None:
    """Return why the database does not answer; one that is asked in vain is not waited for."""
    try:
        engine = create_engine(url, connect_args=arguments, hide_parameters=True)
        with engine.connect() as connection:
            if url.get_backend_name() == "sqlite":
                connection.execute(text("SELECT count(*) FROM sqlite_master"))
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        return _said(error)
    return None


def _said(error: Exception) -> str:
    """Return what a driver says, in one line, without the statement."""
    return " ".join(reason(error).split())[:200]


def _within(database: Database) -> Iterator[Finding]:
    with database.read() as tx:
        if database.engine.dialect.name != "sqlite":
            theirs = tx.scalar(select(_utc(database.engine.dialect.name)))
            if theirs is not None:
                yield checks.clock("database's clock", (theirs.replace(tzinfo=None) - now()).total_seconds())
        found = tx.execute(select(agents).order_by(agents.c.host)).all()
        failed = bindings.c.failed_generation.is_not(None)
        both = loadbalancers.join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
        failing = tx.execute(
            select(loadbalancers.c.name, loadbalancers.c.id).select_from(both).where(failed)
        ).all()
    yield checks.agents(len(found))
    moment = now()
    for row in found:
        said = row.configurations or {}
        yield from checks.agent(
            row.host,
            moment - row.heartbeat_at,
            enabled=bool(row.admin_state_up),
            ahead_s=float(said.get("clock_ahead_s") or 0),
            version=said.get("version"),
            ours=version("evener"),
        )
    yield checks.failing([row.name or row.id for row in failing])


def _utc(dialect: str) -> Any:
    """Return the moment as the database's server has it, in UTC."""
    if dialect == "postgresql":
        return literal_column("CURRENT_TIMESTAMP AT TIME ZONE 'UTC'")
    return func.utc_timestamp()


def of_bus(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Yield what is found of each server of the bus; nothing where there is none."""
    if not conf.transport_url:
        return
    import oslo_messaging

    try:
        # It declares settings of its own where it is given ours.
        url = oslo_messaging.TransportURL.parse(cfg.ConfigOpts(), conf.transport_url)
    except oslo_messaging.InvalidTransportURL as error:
        yield checks.bus("[DEFAULT] transport_url", str(error).rpartition(":")[2].strip())
        return
    if not url.hosts:
        yield checks.bus("[DEFAULT] transport_url", "names no server")
    for each in url.hosts:
        yield checks.bus(f"{each.hostname}:{each.port or 5672}", _refused(each, url.virtual_host or "/"))


def _refused(server: Any, virtual_host: str) -> str | None:
    """Return why a server of the bus does not take our user."""
    connection = Connection(
        hostname=server.hostname,
        port=server.port or 5672,
        userid=server.username,
        password=server.password,
        virtual_host=virtual_host,
        transport="pyamqp",
        connect_timeout=ANSWER_S,
    )
    try:
        connection.connect()
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
    finally:
        connection.release()
    return None
