"""A program in Python, loaded once: children of this process become it, where a start of its own takes a second.

Run by the program's own interpreter, with its path and that of the socket to listen on, and where it is ours with
`MODULE:FUNCTION` and the modules that it imports later. What runs is the program, unmodified, with the words,
environment, directory and files of who asks (`warm_programs.py` says how). Without a function it is the script, whose
children are asked for their exit status, and what one child has imported is there for those that follow. With one all
is loaded before, and who asks is told the id of a process that is nobody's child. Must not replace anything of a
program, nor know one.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

NAMES = 1 << 18  # bytes of the names of modules, at most
PR_SET_NAME = 15  # prctl(2)
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_SLAVE, MNT_DETACH = 1 << 14, 1 << 19, 2


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


def serve_detached(listener):
    """Fork twice for each who asks, and tell who asks the second's id, once that is nobody's child. Returns there."""
    while True:
        asker, _ = listener.accept()
        files = socket.recv_fds(asker, 1, 3)[1]
        reading, writing = os.pipe()
        if not (between := os.fork()):
            if not (number := os.fork()):
                os.close(reading)
                os.close(writing)
                return asker, files
            os.write(writing, b"%d" % number)
            os._exit(0)
        os.close(writing)
        os.waitpid(between, 0)
        asker.sendall(os.read(reading, 20))
        os.close(reading)
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


def enter(namespace):
    """Be where `ip netns exec` brings a program: in a network namespace, with a /sys that shows it."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name, *arguments):
        assert getattr(libc, name)(*arguments) == 0, (name, os.strerror(ctypes.get_errno()))

    with Path("/run/netns", namespace).open("rb") as file:
        call("setns", file.fileno(), CLONE_NEWNET)
    call("unshare", CLONE_NEWNS)
    call("mount", b"", b"/", b"none", ctypes.c_ulong(MS_SLAVE | MS_REC), None)
    call("umount2", b"/sys", MNT_DETACH)
    call("mount", b"sysfs", b"/sys", b"sysfs", ctypes.c_ulong(0), None)


def show(command):
    """Have /proc show this command line, as much as there is room for, and its program's name."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])  # proc(5)
    words = b"".join(os.fsencode(word) + b"\0" for word in command)
    ctypes.memmove(start, words[: end - start - 1].ljust(end - start, b"\0"), end - start)
    ctypes.CDLL(None).prctl(PR_SET_NAME, os.fsencode(Path(sys.argv[0]).name))


def run(main):
    """Run it to its end, as the interpreter does, and return its exit status."""
    code = None
    try:
        main()
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


def run_script(program):
    """Be the script."""
    for name in re.findall(r"^from (\S+) import", Path(program).read_text(), re.MULTILINE):
        sys.modules.pop(name, None)  # neutron's reads its words as it is imported
    runpy.run_path(program, run_name="__main__")


def load_function(path, *modules):
    """Return `MODULE:FUNCTION`, with all that it has imported, and these modules, in pages that stay shared."""
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(module), name)
    for each in modules:
        importlib.import_module(each)
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    return found


def main():
    """Load the program, serve, and in a child be it."""
    program, path, *of_ours = filter(None, map(str.strip, sys.argv[1:]))
    sys.path[0] = str(Path(program).parent)
    sys.argv[:] = [program]
    function = load_function(*of_ours) if of_ours else None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if function:
            asker, files = serve_detached(listener)
        else:
            asker, files, told = serve(listener)
    known = set(sys.modules)
    become(asker, files)
    if function:
        asker.close()
        if namespace := os.environ.pop("WARM_NAMESPACE"):
            enter(namespace)
        if before := os.environ.pop("WARM_BEFORE"):
            subprocess.run(["sh", "-c", before], check=True)
        show([sys.executable, *sys.argv])
        os._exit(run(function))
    code = run(partial(run_script, program))
    if more := set(sys.modules) - known:
        told.send(" ".join(more).encode())
    asker.sendall(str(code).encode())
    os._exit(code)


if __name__ == "__main__":
    main()
