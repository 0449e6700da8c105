"""A host with all that `evener-doctor` looks at, on which all is well until a test breaks something of it."""

import socket
import uuid
from pathlib import Path
from typing import Any

import pytest

from evener.doctor import kernel, machine
from evener.doctor.findings import Finding, Level
from evener.doctor.main import look
from evener.store import manage
from evener.store.database import Database, now
from evener.store.schema import agents
from made_certificates import ec_key, make

VERSIONS = {"haproxy": "HAProxy version 2.6.12-1 2026/10/17", "keepalived": "Keepalived v2.2.7"}


class Host:
    """A host on which all is well, until a test breaks something of it."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.directory, self.state = patch, directory, directory / "state"
        self.programs = directory / "bin"
        self.settings: dict[tuple[str, str], Any] = {
            ("DEFAULT", "state_path"): self.state,
            ("api", "bind_port"): self.free_port(),
            ("api", "max_connections"): 10,
            ("haproxy", "user_group"): "root",
        }
        self.state.mkdir()
        self.programs.mkdir()
        for name, says in VERSIONS.items():
            self.program(name, says)
        patch.setenv("PATH", str(self.programs))
        patch.setattr(machine, "SBIN", "")
        patch.setattr(kernel, "ask", lambda: dict.fromkeys(kernel.FEATURES))
        patch.setattr(machine.cgroups, "root", lambda: Path("/"))
        for name in ("token.key", "secrets.key", "openrc", "clouds.yaml"):
            (self.state / name).touch(0o600)
        database = Database(f"sqlite:///{self.state / 'evener.sqlite'}")
        manage.upgrade(database)
        database.close()
        self.agent()

    @staticmethod
    def free_port() -> int:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return int(one.getsockname()[1])

    def program(self, name: str, says: str) -> None:
        file = self.programs / name
        file.write_text(f"#!/bin/sh\necho '{says}'\n")
        file.chmod(0o755)

    def set(self, group: str, name: str, value: Any) -> None:
        self.settings[group, name] = value

    def agent(self, **values: Any) -> None:
        """Let there be an agent that is as it should be, but for what is given."""
        row = {
            **dict.fromkeys(("id",), str(uuid.uuid4())),
            "agent_type": "a",
            "binary": "b",
            "topic": "t",
            "host": "node-1",
            "admin_state_up": True,
            **dict.fromkeys(("created_at", "updated_at", "started_at", "heartbeat_at"), now()),
            "configurations": {},
        }
        self.change(agents.delete())
        self.change(agents.insert().values({**row, **values}))

    def change(self, statement: Any) -> None:
        database = Database(f"sqlite:///{self.state / 'evener.sqlite'}")
        with database.write() as tx:
            tx.execute(statement)
        database.close()

    def certificate(self, **more: Any) -> None:
        made = make("api.example.org", ec_key(1), **more)
        (self.directory / "api.pem").write_bytes(made.pem)
        (self.directory / "api.key").write_bytes(made.key_pem())
        (self.directory / "api.key").chmod(0o600)
        self.set("api", "certificate", self.directory / "api.pem")
        self.set("api", "key", self.directory / "api.key")

    @property
    def file(self) -> Path:
        """The settings, written."""
        groups: dict[str, list[str]] = {}
        for (group, name), value in self.settings.items():
            groups.setdefault(group, []).append(f"{name} = {value}")
        file = self.directory / "evener.conf"
        file.write_text("".join("\n".join([f"[{group}]", *lines, ""]) for group, lines in groups.items()))
        return file

    def wrong(self) -> list[Finding]:
        return [each for each in look([str(self.file)], None) if each.level is not Level.GOOD]
