"""What systemd, or another that has started us, is told and says: that we serve, read settings again, end, and live.

The protocol is sd_notify(3)'s: lines `NAME=VALUE` in one datagram to the socket that the environment names. Where it
names none, nobody is told. Knows nothing of what is served.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from evener import threads

LOG = logging.getLogger(__name__)
# Taken out of the environment, so that no program that we start speaks in our name.
_SOCKET = os.environ.pop("NOTIFY_SOCKET", "")
_WATCHDOG_US = os.environ.pop("WATCHDOG_USEC", "0")
_WATCHED = os.environ.pop("WATCHDOG_PID", str(os.getpid()))
_IS_OURS = os.environ.get("SYSTEMD_EXEC_PID") == str(
    os.getpid()
)  # what it says is not meant for who started us
_IS_READY = Event()


def directory(which: str, otherwise: str) -> str:
    """Return the directory that systemd has made for our unit, by the name of its variable (systemd.exec(5))."""
    return os.environ.get(which, otherwise) if _IS_OURS else otherwise


def ready(status: str) -> None:
    """Say that we serve, with one line for people; from now on also, where that is wanted, that we live.

    A process that is stopped, or in which no thread gets its turn any more, is so known: sd_watchdog_enabled(3).
    """
    _IS_READY.set()
    _tell("READY=1", f"STATUS={status}")
    every_s = int(_WATCHDOG_US) / 1_000_000 / 2
    if every_s and str(os.getpid()) == _WATCHED:
        threads.repeated("watchdog", lambda: _tell("WATCHDOG=1"), every_s, Event()).start()


@contextmanager
def reloading() -> Iterator[None]:
    """Say that settings are read again in this block, and then that we go on."""
    if not _IS_READY.is_set():  # or we would be taken for ready too early
        yield
        return
    _tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
    try:
        yield
    finally:
        _tell("READY=1")


def stopping() -> None:
    """Say that we end."""
    _tell("STOPPING=1")


def _tell(*lines: str) -> None:
    if not _SOCKET:
        return
    address = f"\0{_SOCKET[1:]}" if _SOCKET.startswith("@") else _SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto("\n".join(lines).encode(), address)
    except OSError as error:
        LOG.warning("The service manager at %s is not told %s: %s", _SOCKET, lines[0], error)
