"""The state of a standalone with rows, keys and a journal, and `evener-db-manage` for it. Nothing runs."""

import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from made_rows import fill
from sqlalchemy import create_engine, text

from evener_cloud import manage

ID = "5f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f"
JOURNAL = {
    "agent.json": '{"place": "here", "start": 7}',
    f"networks/{ID}": "192.0.2.1",
    f"networks/{ID}.json": "{}",
    f"routers/{ID}": "",
    f"v2/{ID}/port": ID,
}
MADE_ANEW = ("agent.pid", f"v2/{ID}/haproxy.conf", f"v2/{ID}/graph.json")


class Site:
    """A state directory, its settings, and the program for them."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.state, self.conf = home / "state", home / "evener.conf"
        self.state.mkdir(parents=True)
        self.url = url or f"sqlite:///{self.state / 'evener.sqlite'}"
        database = f"[database]\nconnection = {url}\n" if url else ""
        self.conf.write_text(f"[DEFAULT]\nhost = node-1\nstate_path = {self.state}\n{database}")

    def fill(self) -> None:
        """Make all that a standalone has there."""
        self.run("upgrade")
        fill(self.url)
        for name in ("secrets.key", "token.key"):
            (self.state / name).write_bytes(Fernet.generate_key() + b"\n")
        for name in ("clouds.yaml", "openrc"):
            (self.state / name).write_text(f"of {self.state}")
        for name in (*JOURNAL, *MADE_ANEW):
            file = self.state / "lbaas" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(JOURNAL.get(name, "made anew"))

    def files(self) -> dict[str, bytes]:
        """Return what all files say but the database, by their names."""
        found = (
            path for path in self.state.rglob("*") if path.is_file() and "evener.sqlite" not in path.name
        )
        return {str(path.relative_to(self.state)): path.read_bytes() for path in found}

    def execute(self, statement: str, **values: object) -> None:
        """Do something in the database."""
        execute(self.url, statement, **values)

    def run(self, *words: str | Path) -> None:
        """Run the program in this process, which takes it a second less to start."""
        arguments = ["evener-db-manage", "--config-file", str(self.conf), *map(str, words)]
        with mock.patch.object(sys, "argv", arguments):
            manage.main()


def execute(url: str, statement: str, **values: object) -> None:
    """Do something in a database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state directory that has everything in it."""
    made = Site(tmp_path_factory.mktemp("full"))
    made.fill()
    return made.state


@pytest.fixture
def site(full: Path, tmp_path: Path) -> Site:
    """Return a site of the test's own, with everything in it."""
    made = Site(tmp_path / "site")
    shutil.copytree(full, made.state, dirs_exist_ok=True)
    return made
