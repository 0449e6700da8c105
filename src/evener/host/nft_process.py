"""A process that runs libnftables for its parent, and nothing else: `python -m evener.host.nft_process`.

The library waits with select(2), which ends a process that has more than 1,024 open files; an agent with a few hundred
load balancers has. Here there are five. It ends with its parent, and knows neither rules nor namespaces by name.

A request on standard input, a socket, is a length (four bytes, and with them the descriptor of a network namespace)
and as many bytes of JSON: a list of inputs for libnftables. The answer has the same form: a list of pairs, whether it
failed and what it said; or `null`, where the library is missing.
"""

import ctypes
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evener.host import syscalls

LENGTH = struct.Struct("!I")
LIBRARY = "libnftables.so.1"
OUTPUT_JSON = 1 << 4  # nftables/libnftables.h: NFT_CTX_OUTPUT_JSON

Answer = list[tuple[bool, str]] | None


def main() -> None:
    """Serve until the parent hangs up."""
    library = _library()
    with socket.socket(fileno=os.dup(0)) as channel:
        while (request := receive(channel)) is not None:
            text, (namespace,) = request
            syscalls.setns(namespace)
            os.close(namespace)
            send(channel, None if library is None else _run_all(library, json.loads(text)))


def send(channel: socket.socket, document: Any, descriptors: tuple[int, ...] = ()) -> None:
    """Send a document, with `descriptors`."""
    text = json.dumps(document).encode()
    socket.send_fds(channel, [LENGTH.pack(len(text))], descriptors)
    channel.sendall(text)


def receive(channel: socket.socket) -> tuple[bytes, list[int]] | None:
    """Return the next document and the descriptors that came with it; None when the other side has hung up."""
    head, descriptors, _, _ = socket.recv_fds(channel, LENGTH.size, 1)
    if len(head) < LENGTH.size:
        return None
    (left,) = LENGTH.unpack(head)
    parts = []
    while left:
        part = channel.recv(min(left, 1 << 20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts), descriptors


def _run_all(library: Any, inputs: list[Any]) -> Answer:
    with _context(library) as context:
        return [_run(library, context, each) for each in inputs]


def _run(library: Any, context: int, commands: Any) -> tuple[bool, str]:
    failed = library.nft_run_cmd_from_buffer(context, json.dumps(commands).encode()) != 0
    output = library.nft_ctx_get_output_buffer(context)
    error = library.nft_ctx_get_error_buffer(context)
    return failed, (error if failed else output).decode("utf-8", "replace")


@contextmanager
def _context(library: Any) -> Iterator[int]:
    """Give a context whose netlink socket belongs to the namespace that this process is in."""
    context = library.nft_ctx_new(0)
    if not context:
        raise MemoryError("libnftables has no memory left")
    try:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_output_set_flags(context, OUTPUT_JSON)
        yield context
    finally:
        library.nft_ctx_free(context)


def _library() -> Any:
    try:
        library: Any = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
    for name, result, arguments in (
        ("nft_ctx_new", pointer, (ctypes.c_uint32,)),
        ("nft_ctx_free", None, (pointer,)),
        ("nft_ctx_buffer_output", ctypes.c_int, (pointer,)),
        ("nft_ctx_buffer_error", ctypes.c_int, (pointer,)),
        ("nft_ctx_output_set_flags", None, (pointer, number)),
        ("nft_ctx_get_output_buffer", text, (pointer,)),
        ("nft_ctx_get_error_buffer", text, (pointer,)),
        ("nft_run_cmd_from_buffer", ctypes.c_int, (pointer, text)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


if __name__ == "__main__":
    main()
