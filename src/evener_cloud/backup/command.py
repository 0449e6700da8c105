"""`evener-db-manage backup`, `restore` and `move`: what they are asked for, and what they print."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg
from sqlalchemy.exc import ArgumentError

from evener import config
from evener.store.database import Database
from evener.store.manage import PROGRAM
from evener_cloud import config as cloud
from evener_cloud.backup import contents, restoring, rows, saving
from evener_cloud.backup.errors import BackupError, Refused
from evener_cloud.manage import stopped


@dataclass(frozen=True, slots=True)
class Command:
    """What is done with the word that follows, the name and meaning of that, and what all of it is about."""

    do: Callable[[cfg.ConfigOpts, str], None]
    word: tuple[str, str]
    about: str


def main(command: str, argv: Sequence[str]) -> None:
    """Do what is asked for; exits 1 with a line on stderr where nothing is done."""
    asked = parser(command).parse_args(argv)
    conf = cloud.load([part for file in asked.config_file for part in ("--config-file", file)], PROGRAM)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{PROGRAM}: ended"))
    try:
        COMMANDS[command].do(conf, asked.what)
    except BackupError as error:
        sys.exit(f"{PROGRAM}: {error}")
    except OSError as error:
        sys.exit(f"{PROGRAM}: {error.filename or asked.what}: {error.strerror or error}")


def parser(command: str) -> argparse.ArgumentParser:
    """Return what reads the command line of one of them."""
    (name, meaning), about = COMMANDS[command].word, COMMANDS[command].about
    made = argparse.ArgumentParser(
        f"{PROGRAM} [--config-file FILE] {command}",
        description=about,
        allow_abbrev=False,
    )
    made.add_argument("what", metavar=name, help=meaning)
    made.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        default=[],
        help="settings, instead of /etc/evener/evener.conf",
    )
    return made


def _backup(conf: cfg.ConfigOpts, file: str) -> None:
    path = Path(file)
    if path.is_dir() or not path.parent.is_dir():
        raise Refused(f"{file} is a directory" if path.is_dir() else f"there is no directory {path.parent}")
    manifest = saving.backup(conf, path)
    print(  # noqa: T201
        f"{file}: {path.stat().st_size} bytes of the database {manifest.database}, with the keys that open its"
        " secrets: keep it from others"
    )


def _restore(conf: cfg.ConfigOpts, file: str) -> None:
    done = restoring.restore(conf, Path(file))
    made, host = done.manifest.made_at.strftime("%Y-%m-%d %H:%M:%S UTC"), done.manifest.host
    print(f"All is as it was on {host} at {made}.")  # noqa: T201
    if done.before is not None:
        print(f"What was here before is in {done.before}.")  # noqa: T201
    if host != conf.host:
        print(  # noqa: T201
            f"This host is {conf.host}: with [DEFAULT] host = {host} it goes on at once as that one, else once that"
            " one was not heard of for a time."
        )


def _move(conf: cfg.ConfigOpts, url: str) -> None:
    if (file := contents.database_file(conf)) is not None and not file.exists():
        raise Refused(f"there is no database {file}")
    with stopped(conf):
        source, target = _opened(config.database_url(conf)), _opened(url)
        try:
            moved = rows.move(source, target)
        finally:
            source.close()
            target.close()
    for table, number in moved.items():
        if number:
            print(f"{number:8} {table}")  # noqa: T201
    print(  # noqa: T201
        f"{sum(moved.values()):8} rows are there. Now say so in [database] connection, and start; the first database is"
        " as it was."
    )


def _opened(url: str) -> Database:
    try:
        return Database(url)
    except (ArgumentError, ImportError) as error:
        raise Refused(f"the URL leads to no database: {error}") from None


COMMANDS: Mapping[str, Command] = {
    "backup": Command(
        _backup,
        ("FILE", "what is written: replaced at once, or left as it was"),
        "Write the database, the keys and the agent's journal into one file, while all runs. Who has it can open all"
        " stored secrets.",
    ),
    "restore": Command(
        _restore,
        ("FILE", "what backup has written"),
        "Put back what a backup holds, in place of what is there, of which a backup is made first. The standalone is to"
        " be stopped. A database on a server is to be empty.",
    ),
    "move": Command(
        _move,
        ("URL", "the other database, in SQLAlchemy's words"),
        "Copy everything from the database of the settings into another, empty one of this or another kind. What serves"
        " is to be stopped. All comes over, in one transaction, or nothing.",
    ),
}
