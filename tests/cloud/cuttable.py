"""A way to a real service that can be cut: a TCP proxy that refuses, hangs, or loses answers when it is told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto


class Way(Enum):
    """What the proxy does with a connection."""

    OPEN = auto()
    HANGING = auto()  # it takes what comes, and says nothing
    LOSING = auto()  # what comes is passed on, and the answer is not


class Proxy:
    """The proxy before `target`; `port` is its own, on loopback, or that of a socket that listens elsewhere."""

    def __init__(self, target: tuple[str, int], listener: socket.socket | None = None) -> None:
        self._target = target
        self.way = Way.OPEN
        self._pairs: list[socket.socket] = []
        self._listener: socket.socket | None = listener or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._serve(self._listener)

    def _serve(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(self._target)
                except OSError:  # it is away, and may come back
                    client.close()
                    continue
                self._pairs += [client, server]
                for here, there, answers in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass, args=[here, there, answers], daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                if self.way is Way.OPEN or (self.way is Way.LOSING and not answers):
                    there.sendall(data)
                elif self.way is Way.LOSING:
                    break
        for each in (here, there):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """End all connections, and refuse new ones."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._pairs:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._pairs.clear()

    def start(self) -> None:
        """Take connections again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._serve(self._listener)


@contextmanager
def cuttable(host: str, port: int) -> Iterator[Proxy]:
    """Yield a proxy before the service there."""
    proxy = Proxy((host, port))
    try:
        yield proxy
    finally:
        proxy.stop()
