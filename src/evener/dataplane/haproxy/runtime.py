"""Asks HAProxy on its control sockets, the worker's and the master's. Decides nothing, parses nothing.

HAProxy management manual, sections 9.3 "Unix Socket commands" and 9.4 "Master CLI".
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from evener.dataplane.haproxy.errors import CommandRefused, NoAnswer, SocketError

TIMEOUT_S = 5.0
_MOMENT_S = 0.25
_LONGEST_BATCH = 8192  # bytes; a command line must fit into one buffer of 16384
# What HAProxy says of its own accord when all went well; everything else but silence is a refusal.
_PRAISE = re.compile(
    r"New server registered\.|Server deleted\.|New empty certificate store '.*'!|Certificate '.*' deleted!"
    r"|New C(?:A|RL) file created '.*'!|(?:Certificate|C(?:A|RL) file) '.*' already exists!"
    r"|[Tt]ransaction (?:created|updated) for (?:certificate|CA|CRL) .*!"
    r"|(?:Committing|Inserting certificate) .*|Success!|Entry '.*' deleted in crtlist '.*'!"
)


def ask(
    path: Path, command: str, timeout_s: float = TIMEOUT_S, hopes: Callable[[], bool] | None = None
) -> str:
    """Return what the process behind the socket at `path` answers to one line of commands.

    Raises:
        SocketError: when there is no socket, nobody behind it, or no full answer.
        NoAnswer: when nothing comes for `timeout_s` seconds, or for a moment and nobody `hopes` any more.
    """
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout_s)
            _connect(channel, path)
            channel.sendall(command.encode() + b"\n")
            channel.shutdown(socket.SHUT_WR)  # or the master would wait for more
            while part := _heard(channel, timeout_s, hopes):
                answer += part
    except ConnectionResetError:
        pass  # what came before counts
    except OSError as error:
        raise _failed(path, error) from error
    # Every answer has a line at least; a 2.6 master drops the connection on a reload, and who ends does so too.
    if not answer:
        raise SocketError(f"{path.name}: HAProxy hung up")
    return answer.decode(errors="replace")


def _heard(channel: socket.socket, timeout_s: float, hopes: Callable[[], bool] | None) -> bytes:
    if hopes is None:
        return channel.recv(65536)
    deadline = time.monotonic() + timeout_s
    channel.settimeout(_MOMENT_S)
    while True:
        try:
            return channel.recv(65536)
        except TimeoutError:
            if time.monotonic() > deadline or not hopes():
                raise


class Conversation:
    """A connection for several questions. While it is open, the worker behind it does not end by itself."""

    _PROMPT = b"\n> "

    def __init__(self, path: Path, idle_s: int, timeout_s: float = TIMEOUT_S) -> None:
        """Connect; HAProxy hangs up after `idle_s` seconds without a question, and we after `timeout_s` without answer.

        Raises:
            SocketError: as `ask`.
        """
        self._path = path
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._channel.settimeout(timeout_s)
            _connect(self._channel, path)
            self.ask("prompt")
            self.ask(f"set timeout cli {idle_s}")
        except OSError as error:
            self.close()
            raise _failed(path, error) from error
        except SocketError:
            self.close()
            raise

    def ask(self, command: str) -> str:
        """Return what the worker answers to one command.

        Raises:
            SocketError: when it has ended, or gives no full answer.
        """
        answer = bytearray()
        try:
            self._channel.sendall(command.encode() + b"\n")
            while not answer.endswith(self._PROMPT):
                part = self._channel.recv(65536)
                if not part:
                    raise SocketError(f"{self._path.name}: HAProxy hung up")
                answer += part
        except OSError as error:
            raise _failed(self._path, error) from error
        return answer.removesuffix(self._PROMPT).decode(errors="replace")

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def _failed(path: Path, error: OSError) -> SocketError:
    if isinstance(
        error, TimeoutError | BlockingIOError
    ):  # the latter where so many wait that nobody else may
        return NoAnswer(f"{path.name}: HAProxy does not answer")
    return SocketError(f"{path.name}: {error.strerror or error}")


def _connect(channel: socket.socket, path: Path) -> None:
    """Connect by way of the directory's descriptor where `path` is longer than a socket's address may be."""
    if len(os.fsencode(path)) < 108:
        channel.connect(str(path))
        return
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        channel.connect(f"/proc/self/fd/{fd}/{path.name}")
    finally:
        os.close(fd)


def tell(path: Path, commands: Iterable[str], timeout_s: float = TIMEOUT_S) -> None:
    """Run `commands` in order, on as few connections as they fit.

    Raises:
        CommandRefused: with HAProxy's words, when it does not take one of them; the others are done that go with it.
        SocketError: as `ask`.
    """
    for batch in batches(commands):
        said = filter(None, (text.strip() for text in ask(path, batch, timeout_s).split("\n")))
        # Of many commands many may be refused in the same words.
        refusals = dict.fromkeys(text for text in said if not _PRAISE.fullmatch(text))
        if refusals:
            raise CommandRefused("; ".join(refusals))


def has_file(path: Path, kind: str, name: str) -> bool:
    """Return whether HAProxy has read the file `name` of `kind`: `ca-file` or `crl-file`.

    Raises:
        SocketError: as `ask`.
    """
    return any(text.split()[:1] == [name] for text in ask(path, f"show ssl {kind}").split("\n"))


def say(path: Path, commands: str) -> socket.socket:
    """Send a line of commands, and return the connection that the answer will come on, until HAProxy closes it.

    Never waits, and the connection's `recv` does not either.

    Raises:
        SocketError: when nobody takes it at once.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _connect(channel, path)
        channel.sendall(commands.encode() + b"\n")
        channel.shutdown(socket.SHUT_WR)
    except OSError as error:
        channel.close()
        raise SocketError(f"{path.name}: {error.strerror or error}") from error
    return channel


def batches(commands: Iterable[str]) -> Iterator[str]:
    """Return `commands` as those that are told at once, in as few lines as they fit."""
    batch = ""
    for command in commands:
        if "\n" in command:  # what a command brings along ends with its connection's line
            yield from filter(None, (batch, command))
            batch = ""
            continue
        joined = f"{batch}; {command}" if batch else command
        if batch and len(joined.encode()) > _LONGEST_BATCH:
            yield batch
            joined = command
        batch = joined
    if batch:
        yield batch
