"""A backup is one whole file, from which all comes back, or nothing is touched."""

import io
import json
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from kept_site import JOURNAL, MADE_ANEW, Site, full, site
from made_rows import rows

from evener import daemon
from evener_cloud import keys
from evener_cloud.backup import archive, saving
from evener_cloud.standalone import main as standalone
from evener_cloud.standalone.main import UNFINISHED

__all__ = ["full", "site"]
KEPT = {"secrets.key", "token.key", "clouds.yaml", "openrc", *(f"lbaas/{name}" for name in JOURNAL)}


@pytest.fixture
def file(site: Site, tmp_path: Path) -> Path:
    made = tmp_path / "evener.tar"
    site.run("backup", made)
    return made


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {each.name: tar.extractfile(each).read() for each in tar}


def write(file: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as tar:
        for name, said in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(said)
            tar.addfile(member, io.BytesIO(said))
    return file


def mark(site: Site) -> Path:
    return site.state / "restore-unfinished"


def with_manifest(content: dict[str, bytes], **values: object) -> dict[str, bytes]:
    manifest = json.loads(content["manifest.json"]) | values
    return {**content, "manifest.json": json.dumps(manifest).encode()}


def test_a_backup_is_one_file_with_all_that_is_not_made_anew(site: Site, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    inside = members(file)
    assert set(inside) == {"manifest.json", "evener.sqlite", *KEPT}
    assert {name: inside[name] for name in KEPT} == {name: site.files()[name] for name in KEPT}
    manifest = json.loads(inside["manifest.json"])
    assert manifest["revisions"].keys() == {"alembic_version", "alembic_version_cloud"}
    assert manifest["host"] == "node-1"
    assert {path.name for path in file.parent.iterdir()} == {file.name, "site"}


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(site: Site, tmp_path: Path) -> None:
    site.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    site.execute("INSERT INTO pairs VALUES (0, 0)")
    ended = threading.Event()

    def write_on() -> None:
        with closing(sqlite3.connect(site.state / "evener.sqlite", isolation_level=None)) as writer:
            while not ended.is_set():
                writer.executescript("BEGIN; UPDATE pairs SET a = a + 1; UPDATE pairs SET b = b + 1; COMMIT")

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        for number in range(5):
            site.run("backup", tmp_path / f"{number}.tar")
    finally:
        ended.set()
        thread.join()
    for number in range(5):
        (tmp_path / "copy").write_bytes(members(tmp_path / f"{number}.tar")["evener.sqlite"])
        with closing(sqlite3.connect(tmp_path / "copy")) as copy:
            a, b = copy.execute("SELECT a, b FROM pairs").fetchone()
        assert a == b


def test_a_key_that_comes_or_goes_while_the_database_is_copied_is_in_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, copy = site.state / "secrets.key", saving._save_database
    old = keys.read_keys(file)

    def seal_anew(*given: object) -> None:
        copy(*given)
        keys.add_first(file)
        keys.keep_first(file)

    monkeypatch.setattr(saving, "_save_database", seal_anew)
    site.run("backup", tmp_path / "evener.tar")
    saved = members(tmp_path / "evener.tar")["secrets.key"].decode().split()
    assert saved == [*keys.read_keys(file), *old]


def test_all_comes_back_to_a_host_that_has_nothing(site: Site, file: Path, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.run("restore", file)
    assert rows(other.url) == rows(site.url)
    assert {name: said for name, said in other.files().items() if name in KEPT} == {
        name: site.files()[name] for name in KEPT
    }
    assert not set(other.files()) & {f"lbaas/{name}" for name in MADE_ANEW[1:]}
    assert {(other.state / name).stat().st_mode & 0o077 for name in ("evener.sqlite", *KEPT)} == {0}
    assert not mark(other).exists()
    assert not [path for path in other.state.rglob(".*") if path.is_file()]


def test_what_was_there_before_is_a_backup_too_which_leads_back(
    site: Site, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = rows(site.url)
    site.execute("UPDATE loadbalancers SET name = 'changed'")
    now = rows(site.url)
    with closing(sqlite3.connect(site.state / "evener.sqlite")) as left:  # what SQLite keeps beside the file
        left.execute("PRAGMA journal_mode=WAL")
        left.execute("UPDATE pools SET name = 'changed'")
        left.commit()
        now = rows(site.url)
    keys.add_first(site.state / "secrets.key")
    newest = keys.read_keys(site.state / "secrets.key")[0]
    (site.state / "lbaas" / "agent.json").write_text("of this host, later")
    site.run("restore", file)
    assert rows(site.url) == then
    assert (site.state / "lbaas" / "agent.json").read_text() == "of this host, later"
    assert newest in keys.read_keys(site.state / "secrets.key")[1:]  # opens, and seals nothing
    before = site.state / "before-restore.tar"
    assert f"What was here before is in {before}" in capsys.readouterr().out
    site.run("restore", before)
    assert rows(site.url) == now
    assert keys.read_keys(site.state / "secrets.key")[0] == newest


@pytest.mark.parametrize("there", [b"", b"SQLite format 3\0 and then nothing"])
def test_it_comes_back_in_place_of_a_database_that_is_broken(site: Site, file: Path, there: bytes) -> None:
    then = rows(site.url)
    (site.state / "evener.sqlite").write_bytes(there)
    (site.state / "evener.sqlite-wal").write_bytes(b"of the broken one")
    site.run("restore", file)
    assert rows(site.url) == then
    assert not (site.state / "before-restore.tar").exists()


def test_what_is_no_whole_backup_changes_nothing(site: Site, file: Path, tmp_path: Path) -> None:
    whole = members(file)
    key = whole["secrets.key"]
    cut = tmp_path / "cut"
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    text = tmp_path / "text"
    text.write_text("not a tar")
    newer = {"alembic_version": "evener_99", "alembic_version_cloud": "cloud_1"}
    digests = json.loads(whole["manifest.json"])["files"]
    odd = whole | {"lbaas/../../etc": key}
    wrong = {
        cut: "unexpected end of data|is missing",
        text: "not a backup",
        tmp_path / "missing": "No such file",
        write(tmp_path / "other", {"x": b""}): "does not begin with manifest.json",
        write(tmp_path / "json", {"manifest.json": b"[]"}): "manifest.json is of something else",
        write(
            tmp_path / "changed", whole | {"secrets.key": key[::-1]}
        ): "secrets.key is not as it was written",
        write(tmp_path / "more", whole | {"more": b""}): "more is not in its manifest",
        write(tmp_path / "less", {k: v for k, v in whole.items() if k != "openrc"}): "openrc is missing",
        write(tmp_path / "format", with_manifest(whole, format=2, version="9.9")): r"newer Evener \(9.9\)",
        write(tmp_path / "newer", with_manifest(whole, revisions=newer)): "evener_99.*install that one first",
        write(
            tmp_path / "outside",
            with_manifest(odd, files=digests | {"lbaas/../../etc": digests["secrets.key"]}),
        ): "is not in its manifest",
    }
    site.execute("UPDATE loadbalancers SET name = 'changed'")
    before = rows(site.url), {k: v for k, v in site.files().items() if not k.endswith(".pid")}
    for each, reason in wrong.items():
        with pytest.raises(SystemExit, match=reason):
            site.run("restore", each)
    assert (rows(site.url), {k: v for k, v in site.files().items() if not k.endswith(".pid")}) == before


def test_nothing_comes_back_under_those_who_serve(site: Site, file: Path) -> None:
    for lock, name in (
        (site.state / "standalone.pid", "standalone"),
        (site.state / "lbaas" / "agent.pid", "agent"),
    ):
        with daemon.only_one(lock, ""), pytest.raises(SystemExit, match=f"evener-{name} runs on"):
            site.run("restore", file)
    with closing(sqlite3.connect(site.state / "evener.sqlite")) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("SELECT * FROM pools").fetchone()
        with pytest.raises(SystemExit, match=r"another process has .* open"):
            site.run("restore", file)


def test_a_restore_that_is_cut_off_is_known_and_done_again(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = rows(site.url)
    site.execute("UPDATE loadbalancers SET name = 'changed'")
    replace, done = Path.replace, []

    def cut(draft: Path, to: Path) -> None:
        if draft.name.endswith(".restored"):
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(to)
        replace(draft, to)

    with monkeypatch.context() as power:
        power.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            site.run("restore", file)
    monkeypatch.setattr("sys.argv", ["evener-standalone", "--config-file", str(site.conf)])
    with pytest.raises(SystemExit, match=UNFINISHED):
        standalone.main()
    site.run("restore", file)
    assert rows(site.url) == then
    assert not mark(site).exists()


def test_a_backup_that_cannot_be_written_whole_leaves_the_last_one(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = file.read_bytes()

    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(file))

    with monkeypatch.context() as disk:
        disk.setattr(archive.os, "fsync", is_full)
        with pytest.raises(SystemExit, match="No space left on device"):
            site.run("backup", file)
    for wrong, reason in ((site.state, "is a directory"), (file / "in" / "it", "there is no directory")):
        with pytest.raises(SystemExit, match=reason):
            site.run("backup", wrong)
    (site.state / "evener.sqlite").write_bytes(b"SQLite format 3\0 and then nothing")
    with pytest.raises(SystemExit, match="cannot be read"):
        site.run("backup", file)
    (site.state / "evener.sqlite").unlink()
    with pytest.raises(SystemExit, match="there is no database"):
        site.run("backup", file)
    assert file.read_bytes() == last
    assert {path.name for path in file.parent.iterdir()} == {file.name, "site"}


def test_a_database_on_a_server_is_saved_and_put_back_as_well(
    database_url: str, tmp_path: Path, site: Site, file: Path
) -> None:
    if "sqlite" in database_url:
        return
    server = Site(tmp_path / "server", database_url)
    server.run("restore", file)
    assert rows(database_url) == rows(site.url)
    again = tmp_path / "again.tar"
    server.run("backup", again)
    site.run("restore", again)
    assert rows(site.url) == rows(database_url)
    with pytest.raises(SystemExit, match="is not empty"):
        server.run("restore", again)


def test_a_backup_of_older_tables_is_put_back_as_it_was(site: Site, tmp_path: Path) -> None:
    site.run("downgrade", "evener_3", "--yes")
    older = tmp_path / "older.tar"
    site.run("backup", older)
    site.run("upgrade")
    site.run("restore", older)
    assert json.loads(members(older)["manifest.json"])["revisions"]["alembic_version"] == "evener_3"
    site.run("upgrade")
    assert rows(site.url)["loadbalancers"]
