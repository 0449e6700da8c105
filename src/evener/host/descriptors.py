"""Room for open files, seen to before work begins: work that runs out half-way is half done, and nobody hears of it."""

import errno
import fcntl
import os
import resource

from evener.host.errors import explained

RESERVE = 100  # left to whoever answers and reports: connections of users, of the database, of the bus

_PROBES = 10  # as many threads may look at once


def ensure_room() -> None:
    """See that this process may open `RESERVE` more files.

    Descriptors are given out from the lowest: where one at the beginning of the last `RESERVE` is free, all are.

    Raises:
        HostError: when it may not, with what to raise.
    """
    first = max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE)
    with explained("open more files"):
        probe = os.eventfd(0, os.EFD_CLOEXEC)
        try:
            found = fcntl.fcntl(probe, fcntl.F_DUPFD_CLOEXEC, first)
            os.close(found)
        finally:
            os.close(probe)
        if found > first + _PROBES:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
