"""Messages on their way, so that nobody waits for the transport. One that waits already is not put a second time."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from evener import threads
from evener.resources.errors import Unavailable

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """Something an agent is told; `loadbalancer_id` where it is about one."""

    host: str
    method: str
    loadbalancer_id: str | None = None


class Outbox:
    """Sends messages in their order, from a thread of its own; one that cannot be sent is dropped, with a warning."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._waiting: dict[Message, None] = {}
        self._changed = threading.Condition()
        self._closed = False
        threads.lasting("outbox", self._run).start()

    def put(self, message: Message) -> None:
        """Ask for a message to be sent. Returns at once."""
        with self._changed:
            self._waiting[message] = None
            self._changed.notify()

    def close(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            message = next(iter(self._waiting))
            del self._waiting[message]
            return message

    def _run(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._send(message)
            except Unavailable as error:
                LOG.warning("The agent on %s is not told; it looks by itself later: %s", message.host, error)
