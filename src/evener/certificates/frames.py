"""Messages on a stream socket: four bytes that say how long one is, then the message."""

import socket
import struct

_LENGTH = struct.Struct("!I")
LONGEST = 2**22  # bytes; the payloads of one certificate are a few hundred thousand at most


def send(connection: socket.socket, message: bytes) -> None:
    """Send a message; the socket's timeout is for all of it."""
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket) -> bytes | None:
    """Return the next message; None at the end of the stream, or when what comes is none."""
    head = _exactly(connection, _LENGTH.size)
    if head is None or (length := _LENGTH.unpack(head)[0]) > LONGEST:
        return None
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            return None
        found += more
    return found
