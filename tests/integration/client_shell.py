"""Debian's clients as a user runs them in a shell: openstack and neutron, which know nothing of Evener."""

import json
import subprocess
from pathlib import Path
from typing import Any

from warm_programs import on_path


class Shell:
    """A user's shell: Debian's clients, logged in by what openrc says or by variables."""

    def __init__(self, state: Path, **env: str) -> None:
        self.state = state
        path = on_path("/usr/bin:/bin", "openstack", "neutron")
        self.env = {"PATH": path, "HOME": str(state), "LC_ALL": "C.UTF-8", **env}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, with openrc read first where no variables say who logs in."""
        login = "" if "OS_USERNAME" in self.env else f". {self.state / 'openrc'} && "
        return subprocess.run(
            ["/bin/sh", "-c", f'{login}exec "$@"', "sh", *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def __call__(self, *words: str) -> Any:
        """Run a command that has to succeed, and return what it shows."""
        shows = any({"create", "show", "list", "stats"} & set(word.split("-")) for word in words[:5])
        done = self.run(*words, *(("-f", "json") if shows else ()))
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        found = done.stdout.partition("\n")[2] if done.stdout.startswith("Created a new") else done.stdout
        return json.loads(found) if shows else done.stdout

    def neutron(self, command: str, *words: str) -> Any:
        """Run a command of Debian's neutron."""
        return self("neutron", command, *words)

    def openstack(self, *words: str) -> Any:
        """Run a command of Debian's openstack."""
        return self("openstack", *words)
