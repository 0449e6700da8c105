"""Stored payloads are sealed with a new key while servers go on, and can be opened at every moment."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from secret_service import Service, User
from sqlalchemy import select, update

from evener.store.database import Database
from evener_cloud import keys
from evener_cloud.all_tables import metadata
from evener_cloud.secrets import resealing
from evener_cloud.secrets.sealing import Sealer
from evener_cloud.secrets.tables import secrets

MANY = 60  # more than are read at once


def payloads(user: User, refs: list[str]) -> list[str]:
    return [user.send("GET", f"{ref}/payload").text for ref in refs]


def settled(key_file: Path) -> None:
    """Let the file be as old as a change that was under way may be."""
    past = time.time() - resealing.SETTLED_S - 1
    os.utime(key_file, (past, past))


def test_all_is_sealed_anew_while_somebody_stores_and_reads(database: Database, tmp_path: Path) -> None:
    key_file = tmp_path / "secrets.key"
    user = Service(database, key_file).user()
    refs = [user.store(f"words {number}") for number in range(MANY)]
    user.store()  # has no payload yet
    old = keys.read_keys(key_file)
    enough = threading.Event()

    def go_on() -> None:
        while not enough.is_set():
            refs.append(user.store(f"words {len(refs)}"))
            assert user.send("GET", f"{refs[0]}/payload").text == "words 0"

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        keys.add_first(key_file)
        outcome = resealing.reseal(database, Sealer(key_file))
        assert outcome.sealed >= MANY
        settled(key_file)
        outcome = resealing.forget(database, Sealer(key_file), key_file, pytest.fail)
    finally:
        enough.set()
        thread.join(60)
    assert (outcome.sealed, outcome.lost) == (0, [])
    assert len(keys.read_keys(key_file)) == 1
    assert not set(keys.read_keys(key_file)) & set(old)
    assert payloads(user, refs) == [f"words {number}" for number in range(len(refs))]
    assert payloads(Service(database, key_file).user(), refs[:3]) == ["words 0", "words 1", "words 2"]


def test_a_resealing_that_ends_half_way_is_gone_on_with(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = tmp_path / "secrets.key"
    user = Service(database, key_file).user()
    refs = [user.store(f"words {number}") for number in range(12)]
    keys.add_first(key_file)
    monkeypatch.setattr(resealing, "BATCH", 5)
    sealer, batches = Sealer(key_file), resealing._batches(database)
    monkeypatch.setattr(
        resealing, "_batches", lambda _: [next(batches)]
    )  # what is left of it when it is killed
    assert resealing.reseal(database, sealer).sealed == 5
    assert payloads(user, refs) == [f"words {number}" for number in range(12)]
    monkeypatch.undo()
    outcome = resealing.reseal(database, sealer)
    assert (outcome.sealed, outcome.there) == (7, 5)


def test_no_key_goes_that_a_payload_may_need(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    database = Database(f"sqlite:///{state / 'evener.sqlite'}")
    metadata.create_all(database.engine)
    key_file = state / "secrets.key"
    service = Service(database, key_file)
    ref, broken = service.user().store("words"), service.user().store("broken")
    with database.write() as tx:
        damaged = tx.scalar(select(secrets.c.sealed).where(secrets.c.id == broken.rpartition("/")[2]))[:-1]
        tx.execute(update(secrets).where(secrets.c.id == broken.rpartition("/")[2]).values(sealed=damaged))
    config = tmp_path / "evener.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {state}\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "evener_cloud.secrets.resealing",
            "--config-file",
            str(config),
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    done = run("--new-key", "--forget")
    assert (done.returncode, len(keys.read_keys(key_file))) == (1, 2)
    assert broken.rpartition("/")[2] in done.stderr
    assert "1 payloads sealed anew" in done.stdout
    assert key_file.stat().st_mode & 0o777 == 0o600
    service.user().ok("DELETE", broken)
    settled(key_file)
    done = run("--forget")
    assert (done.returncode, done.stderr, len(keys.read_keys(key_file))) == (0, "", 1)
    assert payloads(service.user(), [ref]) == ["words"]
    database.close()
