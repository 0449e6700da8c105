"""`evener-reseal`: seals stored secrets anew, with the first key of the key file. Servers go on meanwhile.

May be ended at any moment and started again: the other keys stay in the file until nothing needs them. Prints no key
and no payload.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config import cfg
from sqlalchemy import select

from evener import config
from evener.resources.errors import Unavailable
from evener.store.database import Database, retried
from evener_cloud import config as cloud
from evener_cloud import keys
from evener_cloud.secrets.sealing import Sealer
from evener_cloud.secrets.tables import secrets

PROGRAM = "evener-reseal"
BATCH = 50  # rows that are read, and changed, at once: a few megabytes
SETTLED_S = 60  # servers look at the file whenever they seal; a change that was under way is over by then
CLI_OPTS = [
    cfg.BoolOpt("new-key", default=False, help="Put a new key on top of the key file first."),
    cfg.BoolOpt("forget", default=False, help="Take all other keys out of the file in the end."),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many payloads were sealed anew and how many were as they should be; ids of those that no key opens."""

    sealed: int
    there: int
    lost: Sequence[str]


def reseal(database: Database, sealer: Sealer) -> Outcome:
    """Seal all payloads with the first key that are sealed with another one."""
    sealed, there, lost = 0, 0, []
    for rows in _batches(database):
        anew: list[tuple[Any, bytes]] = []
        for row in rows:
            if sealer.is_current(row.sealed):
                there += 1
                continue
            try:
                anew.append((row, sealer.seal(row.id, sealer.open(row.id, row.sealed))))
            except Unavailable:
                lost.append(row.id)
        sealed += _replace(database, anew)
    return Outcome(sealed, there, lost)


def _batches(database: Database) -> Iterator[Sequence[Any]]:
    last = ""
    while True:
        statement = (
            select(secrets.c.id, secrets.c.sealed)
            .where(secrets.c.id > last, secrets.c.sealed.is_not(None))
            .order_by(secrets.c.id)
            .limit(BATCH)
        )
        with database.read() as tx:
            rows = tx.execute(statement).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


@retried
def _replace(database: Database, anew: Sequence[tuple[Any, bytes]]) -> int:
    """Put the new in place of the old where that still stands; returns how many did."""
    if not anew:
        return 0
    own = secrets.c
    with database.write() as tx:
        return sum(
            tx.execute(
                secrets.update().where(own.id == row.id, own.sealed == row.sealed).values(sealed=sealed)
            ).rowcount
            for row, sealed in anew
        )


def forget(database: Database, sealer: Sealer, key_file: Path, say: Callable[[str], None]) -> Outcome:
    """Take all keys but the first out of the file, once nothing is sealed with them."""
    if (wait_s := SETTLED_S - (time.time() - key_file.stat().st_mtime)) > 0:
        say(f"Waiting {wait_s:.0f} seconds, until all servers seal with the first key")
        time.sleep(wait_s)
    outcome = reseal(database, sealer)
    while outcome.sealed:  # until a whole pass finds nothing to do
        outcome = reseal(database, sealer)
    if not outcome.lost:
        keys.keep_first(key_file)
    return outcome


def main() -> None:
    """Run the program; exits 1 where a payload cannot be opened with any key."""
    conf = cloud.load(sys.argv[1:], PROGRAM, CLI_OPTS)
    key_file = cloud.secrets_key_file(conf)
    if not key_file.exists():
        sys.exit(f"{PROGRAM}: there is no {key_file}")
    database = Database(config.database_url(conf))
    try:
        if conf.new_key:
            keys.add_first(key_file)
            print(f"There is a new key on top of {key_file}: keep a copy of the file")  # noqa: T201
        sealer = Sealer(key_file)
        outcome = reseal(database, sealer)
        print(f"{outcome.sealed} payloads sealed anew, {outcome.there} were already")  # noqa: T201
        if conf.forget and not outcome.lost:
            outcome = forget(database, sealer, key_file, print)
            if not outcome.lost:
                print(f"{key_file} has one key now")  # noqa: T201
        if outcome.lost:
            some = ", ".join(outcome.lost[:3])
            sys.exit(f"{PROGRAM}: {len(outcome.lost)} payloads open with no key of the file: {some}")
    finally:
        database.close()


if __name__ == "__main__":
    main()
