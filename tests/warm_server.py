"""A program in Python, loaded once: children of this process become it, where a start of its own takes a second.

Run by the program's own interpreter, with its path and that of the socket to listen on. What runs is the program,
unmodified, with the words, environment, directory and files of who asks (`warm_programs.py` says how). What one child
has imported is there for those that follow. Must not replace anything of a program, nor know one.
"""

import atexit
import contextlib
import gc
import importlib
import os
import re
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path

NAMES = 1 << 18  # bytes of the names of modules, at most


def load(imported):
    """Import what children have, and keep it in pages that stay shared with them."""
    with contextlib.suppress(BlockingIOError):
        while True:
            for name in imported.recv(NAMES).decode().split():
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
            gc.collect()
            gc.freeze()


def serve(listener):
    """Fork for each who asks. Returns in children: who asks, with which files, and where to say what is imported."""
    imported, told = socket.socketpair(type=socket.SOCK_DGRAM)
    imported.setblocking(False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for a child
    while True:
        asker, _ = listener.accept()
        files = socket.recv_fds(asker, 1, 3)[1]
        load(imported)
        if not os.fork():
            return asker, files, told
        asker.close()
        for file in files:
            os.close(file)


def become(asker, files):
    """Have what the program would have been started with."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with asker.makefile("rb") as request:
        count, directory, *given = request.read().split(b"\0")
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(directory)
    os.environb.clear()
    os.environb.update(entry.split(b"=", 1) for entry in given[int(count) :])
    sys.argv[1:] = map(os.fsdecode, given[: int(count)])
    sys.stdout.reconfigure(line_buffering=os.isatty(1))


def run(program):
    """Run it to its end, as the interpreter does, and return its exit status."""
    code = None
    for name in re.findall(r"^from (\S+) import", Path(program).read_text(), re.MULTILINE):
        sys.modules.pop(name, None)  # neutron's reads its words as it is imported
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
        code = 1
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return (code or 0) & 0xFF


def main():
    """Load the program, serve, and in a child be it."""
    program, path = sys.argv[1:]
    sys.path[0] = str(Path(program).parent)
    sys.argv[:] = [program]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        asker, files, told = serve(listener)
    known = set(sys.modules)
    become(asker, files)
    code = run(program)
    if more := set(sys.modules) - known:
        told.send(" ".join(more).encode())
    asker.sendall(str(code).encode())
    os._exit(code)


if __name__ == "__main__":
    main()
