"""Other people's command-line clients, typed into as a user does, without the second that each takes to be imported.

A process imports a client once, as the client's own program does, and runs each command in a child of its own. Must not
replace anything of a client.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, Self

SYSTEM_PYTHON = "/usr/bin/python3"
PROGRAM = """
import importlib, json, os, sys, tempfile
main = importlib.import_module(sys.argv[1]).main
if sys.argv[2] == "openstack":
    import openstackclient.network.client, openstackclient.identity.client, openstack.network.v2._proxy
for line in sys.stdin:
    out, err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.argv[:] = [sys.argv[2]]
        sys.exit(main(json.loads(line)))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out.seek(0), err.seek(0)
    print(json.dumps([code, out.read(), err.read()]), flush=True)
"""
MODULES = {"openstack": "openstackclient.shell", "neutron": "neutronclient.shell"}
SHOWS = frozenset({"create", "show", "list"})


class Typist:
    """Types commands of one client, as the user whom `environment` logs in."""

    def __init__(self, client: str, environment: Mapping[str, str]) -> None:
        self.client = client
        command = [SYSTEM_PYTHON, "-W", "ignore", "-c", PROGRAM, MODULES[client], client]
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment}
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @staticmethod
    def installed(client: str) -> bool:
        return shutil.which(client) is not None

    def type(self, *words: str) -> tuple[int, str, str]:
        """Return how a command ends, and what it says on both outputs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()[1]
        code, out, err = json.loads(answer)
        return code, out, err

    def __call__(self, line: str) -> Any:
        """Return what a command that has to succeed shows, as the objects of its JSON, or else its text."""
        words = line.split()
        shows = bool(SHOWS & {part for word in words[:4] for part in (word, word.rpartition("-")[2])})
        code, out, err = self.type(*words, *(("-f", "json") if shows else ()))
        assert code == 0, f"{self.client} {line}: {out}{err}"
        return json.loads(out[min(out.find("{") % 10**9, out.find("[") % 10**9) :]) if shows else out

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
