"""A user of its own for each load balancer's HAProxy: what has got into one can neither signal nor read another's.

They are numbers without a name. The file `uid` in a load balancer's directory has its; the rest is what other
directories beside it have. Changes no process.
"""

import logging
import threading
import zlib
from contextlib import suppress
from pathlib import Path

from evener.dataplane import files
from evener.dataplane.base import Misconfigured

LOG = logging.getLogger(__name__)

NAME = "uid"
_FIRST_OF_MANY = 1000  # below are the system's own users
_MOST = 2**31 - 1  # what is above is not taken by everything that handles such numbers
_OWN = Path("/proc/self/uid_map")
_guard = threading.Lock()
_taken: dict[Path, set[int]] = {}  # by the directory of all load balancers


def parse(text: str) -> range | None:
    """Return the numbers that `FIRST-LAST` stands for; None where there are none.

    Raises:
        Misconfigured: when it is no such range, or has users of the system in it.
    """
    if not text.strip():
        return None
    first, _, last = text.partition("-")
    with suppress(ValueError):
        found = range(int(first), int(last) + 1)
        if _FIRST_OF_MANY <= found.start < found.stop <= _MOST + 1:
            return found
    raise Misconfigured(
        f"[haproxy] uids = {text}: write FIRST-LAST, numbers from {_FIRST_OF_MANY} to {_MOST}, or nothing"
    )


def usable(uids: range | None) -> range | None:
    """Return `uids`, where this system has such users; a container may not (user_namespaces(7))."""
    if uids is None or not (mapped := files.read(_OWN)):
        return uids
    ranges = (tuple(map(int, line.split())) for line in mapped.strip().split("\n"))
    if any(first <= uids.start and uids.stop <= first + count for first, _, count in ranges):
        return uids
    LOG.warning(
        "All HAProxies run as one user: this container has none of the users %d to %d; see [haproxy] uids",
        uids.start,
        uids.stop - 1,
    )
    return None


def of(directory: Path) -> int | None:
    """Return the user of the load balancer in `directory`; None where it has none of its own."""
    text = files.read(directory / NAME)
    return int(text) if text and text.strip().isascii() and text.strip().isdigit() else None


def give(directory: Path, uids: range) -> int:
    """Return a user out of `uids` that no other load balancer beside `directory` has, which is its own from now on.

    Raises:
        Misconfigured: when all are taken.
    """
    with _guard:
        taken = _of_all(directory.parent)
        own = of(directory)
        if own is not None and own in uids:
            taken.add(own)
            return own
        start = zlib.crc32(directory.name.encode())
        candidates = (uids[(start + step) % len(uids)] for step in range(len(uids)))
        uid = next((each for each in candidates if each not in taken), None)
        if uid is None:
            raise Misconfigured(f"[haproxy] uids: all {len(uids)} are taken; give more")
        files.replace(directory / NAME, f"{uid}\n", mode=files.SECRET)
        taken.add(uid)
        return uid


def leave(directory: Path) -> None:
    """Let others have the user of the load balancer in `directory`, of which no process is left."""
    with _guard:
        own = of(directory)
        if own is not None:
            _of_all(directory.parent).discard(own)


def _of_all(parent: Path) -> set[int]:
    if parent not in _taken:
        _taken[parent] = {uid for each in parent.iterdir() if (uid := of(each)) is not None}
    return _taken[parent]
