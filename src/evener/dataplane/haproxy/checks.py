"""Health checks in a row that each new worker would count anew, carried from one to the next.

HAProxy hands on which servers are up, but not how many checks have failed since, or have been good again: with a
reload every few seconds a dead member would never go out. So what was counted is kept here; HAProxy logs each check
that counts (`option log-health-checks`), and once both counts together reach the limit, it is told. Pure but for its
memory.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from evener.dataplane.haproxy import stats
from evener.dataplane.haproxy.model import Config

# As HAProxy logs it: "Health check for server POOL/MEMBER failed, reason: …, status: 2/3 UP." (src/check.c)
_CHECK = re.compile(
    r"Health check for (?:backup )?server (\S+?)/(\S+) .*?(failed|succeeded|conditionally succeeded),"
    r".* status: (\d+)/(\d+) (UP|DOWN)"
)
_RUNNING, _STOPPED = "2", "0"  # `srv_op_state`
_FAILED = 2  # the least `srv_check_result` of a check that has been done


@dataclass(frozen=True, slots=True)
class Count:
    """Checks in a row against what a server is: failed ones where it is up, good ones where it is down."""

    up: bool
    number: int


def counted(show_servers_state: str, config: Config) -> dict[str, Count]:
    """Return the counts of one worker, by POOL/MEMBER, from what it answers; those of 0 are left out.

    HAProxy's "health" goes from 0 to rise + fall - 1, and a server is up from rise on.
    """
    found = {}
    for fields in stats.states(show_servers_state):
        backend = config.backends_by_name.get(fields["be_name"])
        server = backend.servers_by_name.get(fields["srv_name"]) if backend else None
        if server is None or not server.checked or int(fields["srv_check_result"]) < _FAILED:
            continue
        health, best = int(fields["srv_check_health"]), _best(server.options)
        if fields["srv_op_state"] == _RUNNING and health < best:
            found[f"{fields['be_name']}/{server.name}"] = Count(up=True, number=best - health)
        elif fields["srv_op_state"] == _STOPPED and health > 0:
            found[f"{fields['be_name']}/{server.name}"] = Count(up=False, number=health)
    return found


def _best(options: tuple[str, ...]) -> int:
    words = dict(pairwise(options))
    return int(words["rise"]) + int(words["fall"]) - 1


class Carried:
    """What workers counted that are gone. Any thread may call."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: dict[str, Count] = {}

    def reloaded(self, counts: Mapping[str, Count]) -> None:
        """Hear what the worker has counted that is being replaced."""
        with self._guard:  # what the worker has not checked yet stays as it was
            self._counts |= {name: _sum(self._counts.get(name), count) for name, count in counts.items()}

    def restarted(self) -> None:
        """Hear that the next worker finds out anew who is up."""
        with self._guard:
            self._counts = {}

    def heard(self, message: str) -> str | None:
        """Hear what HAProxy logs; return the command that it is to get now, if any."""
        check = _CHECK.search(message)
        if check is None:
            return None
        name, good, is_up = f"{check[1]}/{check[2]}", check[3] != "failed", check[6] == "UP"
        left, limit = int(check[4]), int(check[5])
        with self._guard:
            carried = self._counts.get(name)
            if carried is None:
                return None
            if carried.up != is_up or good == is_up:  # it has changed, or the row has ended
                del self._counts[name]
                return None
            now = limit - left if is_up else left
            if carried.number + now < limit:
                return None
            del self._counts[name]
            return f"set server {name} health {'down' if is_up else 'up'}"


def _sum(before: Count | None, count: Count) -> Count:
    if before is None or before.up != count.up:
        return count
    return Count(count.up, before.number + count.number)
