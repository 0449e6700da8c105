"""Puts back what a backup holds: all of it or nothing, while nobody serves.

What takes its time is done before anything is replaced. The replacing is a row of renames, with a mark on the disk as
long as it lasts: should the host end then, nothing starts on what is half the one and half the other.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from oslo_config import cfg

from evener import config, daemon
from evener.store import manage
from evener.store.database import Database
from evener_cloud import keys, private_files
from evener_cloud.backup import archive, contents, rows, saving
from evener_cloud.backup.errors import NotABackup, Refused
from evener_cloud.manage import TREES, stopped, upgrade

BEFORE = "before-restore.tar"
BUSY = f"{manage.PROGRAM}: evener-agent runs on {{}}: stop it first"
PRIVATE, OF_DIRECTORIES = 0o600, 0o750


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and the backup of what was there before, if that could be made."""

    manifest: archive.Manifest
    before: Path | None


def restore(conf: cfg.ConfigOpts, file: Path) -> Restored:
    """Put back what `file` holds, in place of what is there.

    Raises:
        BackupError: saying why nothing is changed.
        OSError: where something cannot be read or written, and nothing is changed either.
        SystemExit: where the standalone runs, or an agent on its state.
    """
    state = config.state_path(conf)
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _nobody_serves(conf), TemporaryDirectory(prefix=".restore.", dir=state) as scratch:
        directory = Path(scratch)
        manifest = archive.read(file, directory)
        _check(manifest)
        on_disk = contents.database_file(conf)
        if on_disk is None:
            _fill_server(conf, directory / contents.DATABASE)
            before = None
        else:
            before = _save_what_is_there(conf, on_disk, state / BEFORE)
        _replace(conf, directory, [name for name in manifest.files if on_disk or name != contents.DATABASE])
    return Restored(manifest, before)


@contextmanager
def _nobody_serves(conf: cfg.ConfigOpts) -> Iterator[None]:
    agent = config.agent_lock(conf)
    with (
        stopped(conf),
        daemon.only_one(agent, BUSY.format(agent.parent)) if agent.exists() else nullcontext(),
    ):
        yield


def _check(manifest: archive.Manifest) -> None:
    for name in manifest.files:
        if not contents.is_known(name):
            raise NotABackup(f"{name} does not belong into one")
    if contents.DATABASE not in manifest.files:
        raise NotABackup(f"{contents.DATABASE} is missing")
    if newer := manage.unknown(manifest.revisions.values(), TREES):
        raise Refused(
            f"it has the tables of another Evener ({manifest.version}, revision {newer[0]}): install that one first"
        )


def _fill_server(conf: cfg.ConfigOpts, saved: Path) -> None:
    """Put all rows into an empty database on a server, in one transaction there."""
    source, target = Database(f"sqlite:///{saved}"), Database(config.database_url(conf))
    try:
        upgrade(source)
        rows.move(source, target)
    finally:
        source.close()
        target.close()


def _save_what_is_there(conf: cfg.ConfigOpts, database: Path, file: Path) -> Path | None:
    """Make a backup of what is to be replaced; None where there is nothing, or it cannot be read."""
    if not database.exists() or not _is_whole(database):
        return None
    try:
        saving.backup(conf, file)
    except Refused:
        return None
    return file


def _is_whole(database: Path) -> bool:
    """Fold what SQLite has beside its file into it, which it does where nobody else has it open; False where it cannot.

    Raises:
        Refused: where somebody has.
    """
    with closing(sqlite3.connect(database, timeout=1)) as opened:
        try:
            opened.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise Refused(f"another process has {database} open: stop it first") from None
            return False
    return True


def _replace(conf: cfg.ConfigOpts, directory: Path, names: list[str]) -> None:
    """Put files in their places, each at once, and all of them before anything starts again."""
    drafts: dict[Path, Path] = {}
    try:
        for name in names:
            to = contents.place(conf, name)
            if contents.is_journal(name) and to.exists():
                continue  # what is on this host its own journal knows better
            if name == contents.SECRETS_KEY and to.exists():
                keys.keep_also(directory / name, keys.read_keys(to))  # no key is ever lost
            drafts[to] = to.with_name(f".{to.name}.restored")
            _draft(directory / name, drafts[to])
        mark = config.unfinished_restore(conf)
        mark.touch()
        private_files.sync(mark.parent)
        for beside in ("-wal", "-shm", "-journal") if contents.DATABASE in names else ():
            database = contents.place(conf, contents.DATABASE)
            database.with_name(database.name + beside).unlink(missing_ok=True)
        for to, draft in drafts.items():
            draft.replace(to)
        for each in {to.parent for to in drafts}:
            private_files.sync(each)
        mark.unlink()
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _draft(source: Path, draft: Path) -> None:
    """Have a file beside its place, for the owner of what is there, and on the disk."""
    draft.parent.mkdir(mode=OF_DIRECTORIES, parents=True, exist_ok=True)
    shutil.move(source, draft)
    owner = draft.parent.stat()
    os.chown(draft, owner.st_uid, owner.st_gid)
    draft.chmod(PRIVATE)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
