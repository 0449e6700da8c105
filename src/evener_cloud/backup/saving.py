"""Writes a backup while all runs: one view of the database, and the keys that open what is in it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from oslo_config import cfg
from sqlalchemy import create_engine, select

from evener import config
from evener.store import manage
from evener.store.database import Database
from evener.store.schema import database_identity
from evener_cloud import config as cloud
from evener_cloud import keys
from evener_cloud.backup import archive, contents, rows
from evener_cloud.backup.errors import Refused
from evener_cloud.manage import TREES


def backup(conf: cfg.ConfigOpts, file: Path) -> archive.Manifest:
    """Write `file`, whole or not at all, for its owner only, and return what it is of.

    Raises:
        Refused: where there is no database, or it is broken.
        OSError: where something cannot be read or written.
    """
    with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch:
        directory = Path(scratch)
        # Keys may come and go meanwhile: those from before open what is sealed now, those from after what is new.
        earlier = _secret_keys(conf)
        _save_database(conf, directory / contents.DATABASE)
        _save_files(conf, directory, earlier)
        manifest = _manifest(conf, directory)
        archive.write(file, manifest, directory)
    return manifest


def _secret_keys(conf: cfg.ConfigOpts) -> Sequence[str]:
    with suppress(FileNotFoundError):
        return keys.read_keys(cloud.secrets_key_file(conf))
    return ()


def _save_database(conf: cfg.ConfigOpts, copy: Path) -> None:
    file = contents.database_file(conf)
    if file is None:
        source, target = Database(config.database_url(conf)), Database(f"sqlite:///{copy}")
        try:
            rows.move(source, target)
        finally:
            source.close()
            target.close()
    elif not file.is_file():
        raise Refused(f"there is no database {file}")
    with closing(sqlite3.connect(copy)) as opened:
        if file is not None:
            _copy(file, opened)
        opened.execute("PRAGMA journal_mode=DELETE")  # one file
        found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Refused(f"the database is broken: {found}")


def _copy(file: Path, to: sqlite3.Connection) -> None:
    """Copy a database that others write: what they have committed by now, and nothing after it."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.backup(to)
    except sqlite3.DatabaseError as error:
        raise Refused(f"{file} cannot be read: {error}") from None


def _save_files(conf: cfg.ConfigOpts, directory: Path, earlier: Sequence[str]) -> None:
    beside = [(name, contents.place(conf, name)) for name in contents.BESIDE]
    for name, path in [*beside, *contents.journal(conf)]:
        to = directory / name
        with suppress(FileNotFoundError):  # the agent forgets what it has removed
            content = path.read_bytes()
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
    if earlier:
        keys.keep_also(directory / contents.SECRETS_KEY, earlier)


def _manifest(conf: cfg.ConfigOpts, directory: Path) -> archive.Manifest:
    engine = create_engine(f"sqlite:///{directory / contents.DATABASE}")
    with engine.connect() as connection:
        revisions = manage.standing(connection, TREES)
        if not revisions:
            raise Refused("the database has no tables of Evener")
        name = str(connection.scalar(select(database_identity.c.id)))
    engine.dispose()
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return archive.Manifest(
        version=version("evener"),
        made_at=datetime.now(UTC),
        host=conf.host,
        database=name,
        revisions=revisions,
        files={str(path.relative_to(directory)): archive.digest(path) for path in files},
    )
