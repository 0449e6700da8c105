"""Other people's command-line clients, typed into as a user does, without the second that each takes to be imported."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from warm_programs import warm

SHOWS = frozenset({"create", "show", "list"})


class Typist:
    """Types commands of one client, as the user whom `environment` logs in."""

    def __init__(self, client: str, environment: Mapping[str, str]) -> None:
        self.client, self._program = client, warm(client)
        self._environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment}

    @staticmethod
    def installed(client: str) -> bool:
        return shutil.which(client) is not None

    def type(self, *words: str) -> tuple[int, str, str]:
        """Return how a command ends, and what it says on both outputs."""
        done = subprocess.run(
            [self._program, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def __call__(self, line: str) -> Any:
        """Return what a command that has to succeed shows, as the objects of its JSON, or else its text."""
        words = line.split()
        shows = bool(SHOWS & {part for word in words[:4] for part in (word, word.rpartition("-")[2])})
        code, out, err = self.type(*words, *(("-f", "json") if shows else ()))
        assert code == 0, f"{self.client} {line}: {out}{err}"
        return json.loads(out[min(out.find("{") % 10**9, out.find("[") % 10**9) :]) if shows else out
