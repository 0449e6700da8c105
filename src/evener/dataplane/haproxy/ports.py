"""Whether HAProxy will get its ports, found out before a reload tries to take them.

A process that cannot bind in a reload makes the old one pause all its listeners while it tries again, for more
than two seconds (HAProxy 2.6 and 3.0, `src/haproxy.c`: MAX_START_RETRIES, SIGTTOU). So a port that somebody else
holds costs no request only if nobody tries. Asks the kernel, with sockets, for the addresses of the model: reads no
configuration, runs no program, never listens on a port, and never takes a connection.
"""

import errno
import os
import socket
from ipaddress import ip_address

from evener.dataplane.haproxy.model import Bind, Config
from evener.host import netns

_UNUSABLE = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


def refusal(wanted: Config, namespace: str) -> str | None:
    """Return which ports of `wanted` HAProxy cannot have in `namespace`, and why; None when all are free.

    Its own process holds its ports in a way that it can share with itself, so that those count as free.

    Raises:
        NamespaceMissing: when there is no such namespace.
    """
    with netns.inside(namespace):
        asked = ((front.name, bind, _error(bind)) for front in wanted.frontends for bind in front.binds)
        # As HAProxy says it.
        held = [
            f"frontend {name}: cannot bind socket ({os.strerror(error)}) for [{bind.address}:{bind.port}]"
            for name, bind, error in asked
            if error in _UNUSABLE
        ]
    return "; ".join(held) or None


def _error(bind: Bind) -> int | None:
    try:
        address = ip_address(bind.address)
    except ValueError:  # HAProxy itself says what is wrong with it
        return None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As HAProxy binds; without `listen` no connection can come here.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((str(address), bind.port))
        except OSError as error:  # others too, such as for a port that we may not bind, and HAProxy may
            return error.errno
    return None
