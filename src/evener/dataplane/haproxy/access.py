"""The access log: a line of JSON for each request or connection, which HAProxy writes itself to a file it was given.

Nothing here sees a line: HAProxy's standard output is the file. The format is docs/logs.md's. What bounds it bounds the
file behind the standard error too.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from evener.dataplane import files
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.quoting import line
from evener.host import syscalls

LOG = logging.getLogger(__name__)

_STDOUT, _STDERR = 1, 2
_LONGEST = 8192  # bytes of a line; what is longer is cut, and is no JSON then
_HOST, _USER_AGENT, _URI = 255, 255, 1024  # bytes that are kept of what a client says

# Configuration manual, section 8.2.4: numbers as they are, everything else as strings. What a client chose goes
# through the converter `json`, which leaves printable ASCII without quotes, and comes last.
_BOTH = {
    "time": "%Ts.%ms",
    "client": '"%ci"',
    "client_port": "%cp",
    "listener": '"%[fe_name]"',
    "pool": '"%b"',
    "member": '"%s"',
    "bytes_in": "%U",
    "bytes_out": "%B",
    "queue_ms": "%Tw",
    "connect_ms": "%Tc",
    "termination": '"%ts"',
    "retries": '"%rc"',
    "connections": "%fc",
}
_TCP = {"total_ms": "%Tt"}
_HTTP = {"status": "%ST", "request_ms": "%TR", "response_ms": "%Tr", "total_ms": "%Ta"}
_TLS = {"tls_version": '"%sslv"', "tls_cipher": '"%sslc"', "sni": '"%[ssl_fc_sni,json(utf8s)]"'}
_CLIENTS = {
    "method": '"%[capture.req.method,json(utf8s)]"',
    "uri": f'"%[capture.req.uri,bytes(0,{_URI}),json(utf8s)]"',
    "version": '"%[capture.req.ver,json(utf8s)]"',
    "host": '"%[capture.req.hdr(0),json(utf8s)]"',
    "user_agent": '"%[capture.req.hdr(1),json(utf8s)]"',
}
_ERROR = {name: _BOTH[name] for name in ("time", "client", "client_port", "listener")} | {
    "error": '"%[fc_err_str,json(utf8s)]"'
}


def frontend_lines(*, http: bool, tls: bool) -> Iterator[str]:
    """Return the lines that let a frontend log what it has served."""
    yield line("log", "stdout", "len", _LONGEST, "format", "raw", "local0", "info")
    yield line("option", "dontlognull")
    if http:
        yield line("capture", "request", "header", "Host", "len", _HOST)
        yield line("capture", "request", "header", "User-Agent", "len", _USER_AGENT)
    fields = {**_BOTH, **(_HTTP if http else _TCP), **(_TLS if tls else {}), **(_CLIENTS if http else {})}
    yield line("log-format", _object(fields))
    yield line("error-log-format", _object(_ERROR))


def _object(fields: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def opened(paths: Paths) -> int:
    """Return a descriptor for HAProxy's standard output, which appends to the access log."""
    return os.open(paths.access, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, files.PRIVATE)


def rotate(paths: Paths, size: int, count: int, master: Callable[[], int | None]) -> None:
    """Where a file that HAProxy writes has more than `size` bytes, keep the last ones as the newest of `count` files.

    `master` returns the process id of HAProxy's. What HAProxy writes between the copy and the cut is lost: a moment's
    lines.
    """
    _rotate(paths.access, size, count, master, _STDOUT)
    _rotate(paths.stderr, size, count, master, _STDERR)  # a line for each member that comes or goes


def _rotate(path: Path, size: int, count: int, master: Callable[[], int | None], descriptor: int) -> None:
    try:
        length = path.stat().st_size
    except OSError:
        return
    if length <= size:
        return
    rotated = [_numbered(path, number) for number in range(1, count + 1)]
    for newer, older in reversed([*pairwise(rotated)]):
        with suppress(FileNotFoundError):
            newer.replace(older)
    with path.open("rb") as source:
        source.seek(length - size)
        source.readline()  # the rest of a line
        fd = os.open(rotated[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, files.PRIVATE)
        try:
            with os.fdopen(fd, "wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:  # the disk may be full because of the log: cut it all the same
            LOG.warning("%s: is cut, and not kept: %s", path, error.strerror)
            rotated[0].unlink()
    with suppress(OSError):  # it has ended
        _let_append(master(), descriptor)
    os.truncate(path, 0)


def _let_append(master: int | None, descriptor: int) -> None:
    """Let all workers of a master write at the end of the file behind that descriptor of theirs, wherever that is.

    HAProxy takes that from its standard output as it makes it non-blocking. They share what we change here.
    """
    if master is None:
        return
    pidfd = os.pidfd_open(master)
    try:
        fd = syscalls.pidfd_getfd(pidfd, descriptor)
    finally:
        os.close(pidfd)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    finally:
        os.close(fd)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
