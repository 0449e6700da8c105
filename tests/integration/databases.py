"""Real databases for tests: fixtures over SQLite, PostgreSQL and MariaDB, each test with an empty one of its own.

`database_url` is an empty database, `database` one with all tables, which on a server the next test has again, emptied.
Both run a test three times. The servers are Debian's, started once a session under their own users, reached by unix
sockets only, and told not to wait for the disk. Must not be used for anything that is to outlive a test.
"""

import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Dialect, Engine, NullPool, create_engine, make_url, text, update
from sqlalchemy.exc import OperationalError

from evener.store.database import Database
from evener.store.schema import database_identity
from evener_cloud.all_tables import metadata

START_S = 180
STOP_S = 30
CLOSED_S = 1
_numbers = itertools.count(1)
_FURNISHED: dict[str, str] = {}  # by server, one with all tables and no rows that no test has now
_STATEMENTS: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Run PostgreSQL; the URL is that of its superuser in the database `postgres`."""
    programs = _newest("/usr/lib/postgresql/*/bin", "postgresql")
    with _directory("postgres") as home:
        data = home / "data"
        _run("postgres", programs / "initdb", "-D", data, "-U", "evener", "-A", "trust", "-E", "UTF8")
        settings = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")
        options = itertools.chain.from_iterable(("-c", setting) for setting in settings)
        command = (programs / "postgres", "-D", data, "-k", home, *options)
        url = URL.create("postgresql+psycopg", "evener", database="postgres", query={"host": str(home)})
        with _server("postgres", command, url, signal.SIGINT):
            yield url.render_as_string()


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """Run MariaDB; the URL is that of its superuser in the database `mysql`."""
    with mariadb("--skip-networking") as url:
        yield url


@contextmanager
def mariadb(*options: str) -> Iterator[str]:
    """Run a MariaDB with these options besides, and yield the URL of its superuser in the database `mysql`."""
    server = _newest("/usr/sbin/mariadbd", "mariadb-server")
    install = _newest("/usr/bin/mariadb-install-db", "mariadb-server")
    with _directory("mysql") as home:
        data, socket = f"--datadir={home / 'data'}", home / "socket"
        _run("mysql", install, "--no-defaults", data, "--auth-root-authentication-method=normal")
        command = (
            server,
            "--no-defaults",
            data,
            f"--socket={socket}",
            f"--pid-file={home / 'pid'}",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--innodb-use-native-aio=0",  # a tmpfs has none
            "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=64M",
            *options,
        )
        query = {"unix_socket": str(socket), "charset": "utf8mb4"}
        url = URL.create("mysql+pymysql", "root", database="mysql", query=query)
        with _server("mysql", command, url, signal.SIGTERM):
            yield url.render_as_string()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.root),
        pytest.param("mariadb", marks=pytest.mark.root),
    ]
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database, or of that of `database`, on each kind of server in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'evener.sqlite'}"
        return
    lend = furnished if "database" in request.fixturenames else empty
    with lend(request.getfixturevalue(f"{request.param}_url")) as url:
        yield url


@contextmanager
def empty(server_url: str) -> Iterator[str]:
    """Yield the URL of an empty database of a server."""
    url = _create(server_url)
    yield url
    _drop(url)


def _create(server_url: str) -> str:
    server, name = make_url(server_url), f"test_{next(_numbers)}"
    charset = " CHARACTER SET utf8mb4" if server.get_backend_name() == "mysql" else ""
    _administer(server, f"CREATE DATABASE {name}{charset}")
    return server.set(database=name).render_as_string()


def _drop(url: str) -> None:
    where = make_url(url)
    mysql = where.get_backend_name() == "mysql"
    server = where.set(database="mysql" if mysql else "postgres")
    _administer(server, f"DROP DATABASE {where.database}" + ("" if mysql else " WITH (FORCE)"))


@contextmanager
def furnished(server_url: str) -> Iterator[str]:
    """Yield the URL of a database of a server with all tables and no rows, of those that tests before have had."""
    url = _FURNISHED.pop(server_url, None)
    if url is None:
        url = _create(server_url)
        with_tables(url).close()
    yield url
    if _as_made(url):
        _FURNISHED[server_url] = url
    else:
        _drop(url)


def _as_made(url: str) -> bool:
    """Empty a database that a test is done with; return whether it is as it was, which to make takes far longer."""
    tables, mysql = metadata.sorted_tables, make_url(url).get_backend_name() == "mysql"
    here, other = (
        ("DATABASE()", "information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        if mysql
        else ("'public'", "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    )
    with _administration(make_url(url)).connect() as connection:

        def number(of: str) -> int:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {of}").scalar_one())

        until = time.monotonic() + CLOSED_S
        while number(other):  # of what was closed this moment, or of what a test has left
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        columns = number(f"information_schema.columns WHERE table_schema = {here}")
        if columns != sum(len(table.columns) for table in tables):
            return False
        filled = " UNION ALL ".join(
            f"SELECT {index} WHERE EXISTS (SELECT 1 FROM {table.name})" for index, table in enumerate(tables)
        )
        connection.exec_driver_sql(
            f"SET {'foreign_key_checks = 0' if mysql else 'session_replication_role = replica'}"
        )
        for index in connection.exec_driver_sql(filled).scalars().all():
            connection.execute(tables[index].delete())
        connection.execute(database_identity.insert().values(id=str(uuid.uuid4())))
    return True


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with all tables, and no rows, on each kind of server in turn."""
    opened = with_tables(database_url) if "sqlite" in database_url else alike(Database(database_url))
    yield opened
    opened.close()


def with_tables(url: str) -> Database:
    """Return a database that was empty with all tables, and no rows but the one that says which database it is."""
    database = Database(url)
    where = database.engine.url
    if where.get_backend_name() != "sqlite":
        metadata.create_all(database.engine)
        return alike(database)
    Path(str(where.database)).write_bytes(_sqlite_with_tables(frozenset(metadata.tables)))
    with alike(database).engine.begin() as connection:
        connection.execute(update(database_identity).values(id=str(uuid.uuid4())))
    return database


def alike(database: Database) -> Database:
    """Let a database have what those of its kind have made of statements: that is half of a short test."""
    engine = database.engine
    if engine.url.drivername not in _STATEMENTS:
        with engine.connect():  # the dialect asks what the server can do
            _STATEMENTS[engine.url.drivername] = engine.dialect, {}
    engine.dialect, made = _STATEMENTS[engine.url.drivername]
    engine.update_execution_options(compiled_cache=made)
    return database


@functools.cache
def _sqlite_with_tables(_names: frozenset[str]) -> bytes:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "evener.sqlite"
        database = Database(f"sqlite:///{path}")
        metadata.create_all(database.engine)
        database.close()
        return path.read_bytes()


def _newest(pattern: str, package: str) -> Path:
    found = sorted(Path("/").glob(pattern.lstrip("/")), key=lambda path: (len(str(path)), str(path)))
    if not found:
        pytest.fail(f"{pattern} does not exist: install Debian's package {package}")
    return found[-1]


@contextmanager
def _directory(user: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=f"{user}-"))
    shutil.chown(path, user, user)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _run(user: str, *command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@contextmanager
def _server(user: str, command: tuple[str | Path, ...], url: URL, stop: signal.Signals) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(url, process, lambda: log.seek(0) or log.read().decode(errors="replace"))
            yield
        finally:
            process.send_signal(stop)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: URL, process: subprocess.Popen[bytes], log: Callable[[], str]) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            return _administer(url, "SELECT 1")
        except OperationalError:
            assert process.poll() is None, log()
            assert time.monotonic() < until, log()
            time.sleep(0.1)


@functools.cache
def _administration(url: URL) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _administer(url: URL, statement: str) -> None:
    with _administration(url).connect() as connection:
        connection.execute(text(statement))
