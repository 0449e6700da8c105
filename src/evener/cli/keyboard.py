"""Keys that are pressed on a terminal, one at a time and without Enter. Knows nothing of what they are for."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_NAMES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b" ": "page down",
}


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """Give a function that waits some seconds for a key and returns its name or character, "" where none came."""
    if not sys.stdin.isatty():
        yield _none
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed meanwhile counts
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    time.sleep(max(0.0, seconds))
    return ""


def _pressed(terminal: int, seconds: float) -> str:
    if not select.select([terminal], [], [], max(0.0, seconds))[0]:
        return ""
    read = os.read(terminal, 16)
    return _NAMES.get(read) or read.decode(errors="replace")[:1]
