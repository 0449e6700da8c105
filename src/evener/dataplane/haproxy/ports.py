"""Whether HAProxy will get its ports, found out before a reload tries to take them.

A process that cannot bind in a reload makes the old one pause all its listeners while it tries again, for more
than two seconds (HAProxy 2.6 and 3.0, `src/haproxy.c`: MAX_START_RETRIES, SIGTTOU). So a port that somebody else
holds costs no request only if nobody tries. Never listens on a port, and never takes a connection.
"""

import errno
import socket
import subprocess
from collections.abc import Iterable
from contextlib import suppress

from evener.dataplane.haproxy import files, process
from evener.dataplane.haproxy.model import Config, Frontend
from evener.dataplane.haproxy.paths import Paths
from evener.host import netns

_PROBE_S = 2.0
_UNUSABLE = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


def refusal(wanted: Config, paths: Paths, namespace: str, binary: str) -> str | None:
    """Return what HAProxy says of the ports of `wanted` that it cannot have in `namespace`; None when all are free.

    Its own process holds its ports in a way that it can share with itself, so that those count as free.

    Raises:
        NamespaceMissing: when there is no such namespace.
    """
    with netns.inside(namespace):
        held = {front.name for front in wanted.frontends if not _all_free(front)}
        return _asked(_only(held, wanted.text), paths, binary) if held else None


def _all_free(frontend: Frontend) -> bool:
    return all(_free(text.split()[1]) for text in frontend.lines if text.startswith("bind "))


def _free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As HAProxy binds; without `listen` no connection can come here.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:  # such as a port that we may not bind, and HAProxy may
            return error.errno not in _UNUSABLE
    return True


def _only(held: Iterable[str], text: str) -> str:
    """Return nothing but the ports of the frontends `held`, in the lines where they stand in `text`."""
    kept, inside = [], False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = line.startswith("frontend ") and line.split()[1] in held
        words = line.split()[:2] if inside else []  # of a bind line only the address
        kept.append(" ".join(words) if words[:1] in (["frontend"], ["bind"]) else "")
    return "\n".join(kept) + "\n"


def _asked(text: str, paths: Paths, binary: str) -> str | None:
    """Return what a process of its own says when it cannot bind; None when it can after all."""
    files.write(paths.candidate, text, durable=False)
    try:
        with suppress(subprocess.TimeoutExpired):
            command = (binary, "-db", "-f", str(paths.candidate))
            ended = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=False)
            return process.said(ended.stderr, paths)
        return None
    finally:
        paths.candidate.unlink(missing_ok=True)
