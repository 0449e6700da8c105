"""Programs in Python that tests start often, loaded once: `warm` says where one is, `on_path` which PATH finds them.

What is there under a program's name hands its words, environment, directory and files to a `warm_server.py`, and ends
as the program does, or with 255 where that is killed. All else is the program's own. Must not be used where the start
itself is what a test is about.
"""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

SERVER = Path(__file__).with_name("warm_server.py")
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
    command = [interpreter, str(SERVER), str(program), str(path)]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    stand_in.write_text(ASKING.format(path=str(path)))
    stand_in.chmod(0o755)
    return str(stand_in)


def warm(program: str | Path) -> str:
    """Return the path of what does as a program does, which is given by its path or name, and starts at once."""
    return _serve(Path(shutil.which(program) or program))


def on_path(path: str, *programs: str) -> str:
    """Return a PATH that has those of these programs that are installed here before all of `path`."""
    return ":".join([*(str(Path(warm(each)).parent) for each in programs if shutil.which(each)), path])
