"""What HAProxy logs: taken from its socket, written to a file that never outgrows its limit.

HAProxy drops messages nobody takes, so nothing here can hold traffic up.
"""

import contextlib
import logging
import os
import re
import shutil
import socket
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler

from evener.dataplane import files
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.settings import Settings

LOG = logging.getLogger(__name__)

_PRIORITY = re.compile(r"^<\d+>")
# HAProxy's words for a health check's verdict, and for a change of administrative state.
_STATE_CHANGE = re.compile(r"\bServer \S+ (?:is (?:UP|DOWN|going DOWN|stopping)|was DOWN)")
_MOST_AT_ONCE = 1000
_BUFFER = 65536


def changes_state(message: str) -> bool:
    """Return whether `message` says that a server came up or went down."""
    return _STATE_CHANGE.search(message) is not None


class _PrivateFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags, files.PRIVATE)

        return open(self.baseFilename, "a", encoding="utf-8", opener=opener)


class LogSocket:
    """The socket HAProxy of one load balancer logs to, and the file behind it.

    Give `fileno()` to a selector, and call `read` when there is something to read.
    """

    def __init__(self, paths: Paths, settings: Settings, heard: Callable[[str], bool]) -> None:
        """Bind the socket in the chroot, in place of one that an earlier agent left there.

        `heard` gets each message, in the thread that reads, and says whether that matters to servers' states.
        """
        self._paths = paths
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            _bind(self._socket, paths, settings.group)
        except OSError:
            self._socket.close()
            raise
        self._file = _PrivateFile(
            paths.log,
            maxBytes=settings.log_size,
            backupCount=settings.log_count,
            delay=True,
            encoding="utf-8",
        )

    def fileno(self) -> int:
        """Return the descriptor to wait on; -1 once closed."""
        return self._socket.fileno()

    def read(self) -> bool:
        """Write what has come to the file; return whether a server changed its state, or is to. Never waits."""
        changed = False
        for _ in range(_MOST_AT_ONCE):
            try:
                message = self._socket.recv(_BUFFER).decode(errors="replace")
            except OSError:
                break
            # A member's answer may be quoted in it, and is to begin no line of its own.
            text = _PRIORITY.sub("", message).rstrip("\n\0").encode("unicode_escape").decode("ascii")
            changed |= self._heard(text) or changes_state(text)
            self._file.emit(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))
        return changed

    def close(self) -> None:
        """Stop listening; HAProxy goes on without."""
        self._socket.close()
        self._file.close()


def _bind(channel: socket.socket, paths: Paths, group: str) -> None:
    # Bound under another name and renamed, so that there is no moment without a socket.
    temporary = paths.chroot / "log.new"
    temporary.unlink(missing_ok=True)
    # By way of the directory's descriptor: a socket's address holds 107 bytes, a path many more.
    fd = os.open(paths.chroot, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        channel.bind(f"/proc/self/fd/{fd}/{temporary.name}")
    finally:
        os.close(fd)
    temporary.chmod(0o660)
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(temporary, group=group)
    temporary.replace(paths.log_socket)
