"""Whether a database server answers at all: asked each second, beside the work, as a statement has no short limit.

A server that hangs keeps its connections; here they are cut, so that who waits for it learns of it.
"""

import logging
import os
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from evener import threads

LOG = logging.getLogger(__name__)
EVERY_S = 1.0
LOOK_S, LOOKS = (
    0.5,
    6,
)  # so many looks without an answer, and the server is away; this process may have slept itself


class Pulse:
    """Asks with `asking` whether the server of `engine` answers, until `end`."""

    def __init__(self, asking: Engine, engine: Engine) -> None:
        self.away = False
        self._asking = asking
        self._open: WeakSet[Any] = WeakSet()  # connections of the driver's
        self._guard = threading.Lock()
        self._looks = 0  # since something was asked that is not answered yet
        self._waits = False
        self._ended = threading.Event()
        event.listen(engine, "do_connect", self._opening)
        event.listen(engine, "connect", self._opened)
        threads.lasting("pulse", self._ask, EVERY_S).start()
        threads.repeated("silence", self._listen, LOOK_S, self._ended).start()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def be_there(self) -> None:
        """Return where the server is not known to be away.

        Raises:
            sqlalchemy.exc.TimeoutError: where it is.
        """
        if self.away:
            raise NoConnection("The database does not answer")

    def _opening(self, *_: Any) -> None:
        self.be_there()  # a connection that was cut would be made again at once

    def _opened(self, connection: Any, _record: Any) -> None:
        with self._guard:
            self._open.add(connection)

    def _ask(self) -> None:
        while not self._ended.wait(EVERY_S):
            if not self._waits:
                self._looks, self._waits = 0, True
            try:
                with self._asking.connect() as connection:
                    connection.execute(text("SELECT 1"))
            except SQLAlchemyError:  # where that is said at once, all others hear it too
                self._waits = self._looks > 1
                continue
            if self.away:
                LOG.warning("The database answers again")
            self.away = self._waits = False
        self._asking.dispose()

    def _listen(self) -> None:
        self._looks += 1
        if self.away or not self._waits or self._looks <= LOOKS:
            return
        self.away = True
        with self._guard:
            connections = list(self._open)
        LOG.error("The database does not answer; %d connections to it are cut", len(connections))
        for each in connections:
            with suppress(OSError, AttributeError):  # one that is closed already
                _cut(each)


def _cut(connection: Any) -> None:
    """Have who reads from a driver's connection read its end."""
    number = connection.fileno() if hasattr(connection, "fileno") else connection._sock.fileno()  # noqa: SLF001
    with socket.socket(fileno=os.dup(number)) as own:
        own.shutdown(socket.SHUT_RDWR)
