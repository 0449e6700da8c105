"""Connections to an API on this machine, by its UNIX socket."""

import socket
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

CONNECT_S = 5.0


class _Connection(HTTPConnection):
    path = ""

    def _new_conn(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(CONNECT_S)
        made.connect(self.path)
        return made


class LocalPool(HTTPConnectionPool):
    """Connections that stay open to the socket at `path`; who finds none free waits."""

    def __init__(self, path: str, maxsize: int) -> None:
        super().__init__("localhost", maxsize=maxsize, block=True)
        self._path = path

    def _new_conn(self) -> Any:
        made = _Connection("localhost")
        made.path = self._path
        return made
