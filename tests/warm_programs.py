"""Programs in Python that tests start often, loaded once: `warm` says where one is, `on_path` which PATH finds them.

What is there under a program's name hands its words, environment, directory and files to a `warm_server.py`, and ends
as the program does, or with 255 where that is killed. `start` starts one of ours that goes on, to be killed and waited
for as one that subprocess has started. All else is the program's own. Must not be used where the start itself is what a
test is about.
"""

import atexit
import ctypes
import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

SERVER = Path(__file__).with_name("warm_server.py")
PR_SET_CHILD_SUBREAPER = 36
SHOWN = 1000  # bytes of a command line in /proc
# What our programs import as they need it, at each start.
LATER = ("evener.bus.messaging", "evener.dataplane.haproxy.driver", "requests", "sqlalchemy.dialects.sqlite")
ASKING = """#!/usr/bin/python3 -IS
import os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    socket.send_fds(server, [b"x"], [0, 1, 2])
    words = [os.fsencode(word) for word in sys.argv[1:]]
    given = [name + b"=" + value for name, value in os.environb.items()]
    server.sendall(b"\\0".join([b"%d" % len(words), os.getcwdb(), *words, *given]))
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(9) or 255))
"""


@functools.cache
def _directory() -> Path:
    made = Path(tempfile.mkdtemp(prefix="warm-"))
    atexit.register(shutil.rmtree, made)
    return made


@functools.cache
def _serve(program: Path) -> str:
    stand_in = _directory() / program.name / program.name
    stand_in.parent.mkdir()
    path = stand_in.with_suffix(".socket")
    interpreter = program.read_text().partition("\n")[0].removeprefix("#!").strip()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(_directory()), "LC_ALL": "C.UTF-8"}
    _listening([interpreter, str(SERVER), str(program), str(path)], environment)
    stand_in.write_text(ASKING.format(path=str(path)))
    stand_in.chmod(0o755)
    return str(stand_in)


def _listening(command: list[str], environment: dict[str, str] | None = None) -> None:
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"


class _Started(subprocess.Popen[bytes]):
    """A process that another has started, and that has become a child of this one."""

    def __init__(self, command: Sequence[str], pid: int) -> None:
        self._started = pid
        super().__init__(command)

    def _execute_child(self, *_arguments: Any) -> None:
        self.pid, self._child_created = self._started, True


@functools.cache
def _serve_function(program: Path, function: str) -> str:
    path = str(_directory() / f"{program.name}.started")
    _listening([sys.executable, str(SERVER), str(program), path, function, *LATER, " " * SHOWN])
    # What is nobody's child becomes one of this process, which is the first in a sandbox in any case (prctl(2)).
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    return path


def start(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program that goes on, with `output` for both of its own: loaded before, where it is one of ours.

    That is a script of the virtual environment, or `main` of a module beside the tests that this interpreter is to run,
    both perhaps as `ip netns exec NAME` has it, or `ip netns exec NAME sh -c 'COMMAND && exec "$@"' sh`; any other
    command, one with env(1) in front for example, is started as ever.
    """
    namespace, before = "", ""
    match [*map(str, command)]:
        case ["ip", "netns", "exec", namespace, "sh", "-c", script, "sh", program, *words]:
            before, _, last = script.rpartition(" && ")
            assert last == 'exec "$@"', script
        case ["ip", "netns", "exec", namespace, program, *words]:
            pass
        case [program, *words]:
            pass
    if program == sys.executable and Path(words[0]).suffix == ".py":
        program, *words = words
        function = f"{Path(program).stem}:main"
    elif Path(program).parent == Path(sys.executable).parent and program != sys.executable:
        found = re.search(r"^from (\S+) import (\w+)$", Path(program).read_text(), re.MULTILINE)
        assert found, program
        function = ":".join(found.groups())
    else:
        return subprocess.Popen(command, stdout=output, stderr=output)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(_serve_function(Path(program), function))
        with Path(os.devnull).open("rb") as nothing:
            socket.send_fds(server, [b"x"], [nothing.fileno(), output.fileno(), output.fileno()])
        environment = {**os.environ, "WARM_NAMESPACE": namespace, "WARM_BEFORE": before}
        given = [
            str(len(words)),
            str(Path.cwd()),
            *words,
            *(f"{name}={environment[name]}" for name in environment),
        ]
        server.sendall(b"\0".join(map(os.fsencode, given)))
        server.shutdown(socket.SHUT_WR)
        return _Started(command, int(server.recv(20)))


def warm(program: str | Path) -> str:
    """Return the path of what does as a program does, which is given by its path or name, and starts at once."""
    return _serve(Path(shutil.which(program) or program))


def on_path(path: str, *programs: str) -> str:
    """Return a PATH that has those of these programs that are installed here before all of `path`."""
    return ":".join([*(str(Path(warm(each)).parent) for each in programs if shutil.which(each)), path])
