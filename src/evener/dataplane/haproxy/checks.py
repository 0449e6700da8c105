"""Health checks in a row, counted over all the workers of one HAProxy, of which each counts anew.

HAProxy hands on which servers are up, but not how many checks have failed since, or have been good again; and a check
that is in flight ends in the old worker, whose verdict the new one does not hear. With a reload every few seconds a
dead member would never go out. So each worker logs the checks that count (`option log-health-checks`), they are added
up here, and what the present worker does not know by itself it is told. Pure but for its memory.
"""

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from evener.dataplane.haproxy import stats
from evener.dataplane.haproxy.model import Config, Server

# As HAProxy logs it: "TAG[PID]: Health check for server POOL/MEMBER failed, reason: …, check duration: 1ms, status: 2/3
# UP." (src/check.c): `left` until the server changes while it is up, or how many are good while it is down.
_CHECK = re.compile(
    r"(?:\[(?P<pid>\d+)\]: )?Health check for (?:backup )?server (?P<name>\S+?/\S+) .*?"
    r"(?P<verdict>failed|succeeded|conditionally succeeded),"
    r"(?:.* check duration: (?P<ms>\d+)ms)?.* status: (?P<left>\d+)/(?P<limit>\d+) (?P<state>UP|DOWN|DRAIN)"
)
_RUNNING, _STOPPED = "2", "0"  # `srv_op_state`


@dataclass(frozen=True, slots=True)
class Count:
    """Checks in a row against what a server is: failed ones where it is up, good ones where it is down."""

    up: bool
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Check:
    """What a worker has logged of a check: its result, when it began, and what the worker makes of it."""

    pid: int
    name: str
    good: bool
    began: float
    up: bool
    against: int
    limit: int


def _read(message: str, heard_at: float) -> _Check | None:
    found = _CHECK.search(message)
    if found is None:
        return None
    left, limit, up = int(found["left"]), int(found["limit"]), found["state"] != "DOWN"
    return _Check(
        pid=int(found["pid"] or 0),
        name=found["name"],
        good=found["verdict"] != "failed",
        began=heard_at - int(found["ms"] or 0) / 1000,
        up=up,
        against=limit - left if up else left,
        limit=limit,
    )


def counted(show_servers_state: str, config: Config) -> dict[str, Count]:
    """Return the counts of one worker, by POOL/MEMBER, from what it answers, but for servers never checked.

    HAProxy's "health" goes from 0 to rise + fall - 1, and a server is up from rise on.
    """
    found = {}
    for fields in stats.states(show_servers_state):
        backend = config.backends_by_name.get(fields["be_name"])
        server = backend.servers_by_name.get(fields["srv_name"]) if backend else None
        if server is None or not server.checked or not stats.is_known(fields, server):
            continue
        health, best = int(fields["srv_check_health"]), server.rise + server.fall - 1
        if fields["srv_op_state"] == _RUNNING:
            found[f"{fields['be_name']}/{server.name}"] = Count(up=True, number=best - health)
        elif fields["srv_op_state"] == _STOPPED:
            found[f"{fields['be_name']}/{server.name}"] = Count(up=False, number=health)
    return found


class Tally:
    """What the workers of one HAProxy have counted. Any thread may call."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: dict[str, Count] = {}
        self._began: dict[str, float] = {}  # when the latest check began that was heard of
        self._untold: dict[str, bool] = {}  # what the present worker is to be told: whether a server is up
        self._handed: dict[str, bool] = {}  # with what the next worker starts
        self._worker = 0  # the process id of the present one
        self._said: dict[int, dict[str, int]] = {}  # what it, and the one before, have counted in a row
        self._limits: dict[str, tuple[int, int]] = {}  # rise and fall

    def configured(self, config: Config) -> None:
        """Hear what is to be checked from now on; all else is forgotten."""
        limits = {f"{backend}/{each.name}": each.limits for backend, each in _checked(config)}
        with self._guard:
            self._limits = limits
            for known in (self._counts, self._began, self._untold, self._handed):
                for name in known.keys() - limits.keys():
                    del known[name]

    def reloading(self, counts: Mapping[str, Count]) -> None:
        """Hear what the present worker has counted, and hands on which servers are up."""
        with self._guard:
            said = self._said.setdefault(self._worker, {})
            for name, count in counts.items():
                if name in self._untold:
                    continue
                known = self._counts.get(name)
                if known is None or known.up != count.up:
                    known = Count(count.up)
                    said.pop(name, None)
                ended = count.number < said.get(name, 0)  # the message of that is on its way
                number = count.number if ended else known.number + _more(said, name, count.number)
                said[name] = count.number
                self._counts[name] = Count(count.up, number)
            new = dict.fromkeys(self._limits, True)
            self._handed = new | {name: count.up for name, count in counts.items()}

    def serves(self, pid: int) -> None:
        """Hear that another worker is the present one, or that it is the one of before."""
        with self._guard:
            if pid == self._worker:
                return
            self._said = {self._worker: self._said.get(self._worker, {}), pid: {}}
            self._worker = pid
            for name, up in self._handed.items():
                if (known := self._counts.get(name)) is not None and known.up != up:
                    self._untold[name] = known.up
            self._handed = {}

    def restarting(self) -> set[str]:
        """Hear that the worker has ended; return the servers that were down, as POOL/MEMBER. All else is forgotten."""
        with self._guard:
            down = {name for name, count in self._counts.items() if not count.up}
            self._counts = {name: Count(up=False) for name in down}
            for each in (self._began, self._untold, self._handed, self._said):
                each.clear()
            self._worker = 0
            return down

    def seen(self, down: Collection[str]) -> None:
        """Hear which servers are down, by the worker's own words, for those of which nothing was heard before."""
        with self._guard:
            for name in down:
                self._counts.setdefault(name, Count(up=False))

    def out(self) -> set[str]:
        """Return the servers that are down, as POOL/MEMBER, as far as anything was heard of them."""
        with self._guard:
            return {name for name, count in self._counts.items() if not count.up}

    def heard(self, message: str, now: float) -> bool:
        """Hear what HAProxy logs at the moment `now`, in seconds; return whether the worker is to be told something."""
        check = _read(message, now)
        if check is None or check.name not in self._limits:
            return False
        with self._guard:
            before = self._counts.get(check.name)
            if check.pid in (self._worker, 0) and check.name not in self._untold:
                after = self._own(check, before)
            elif check.began < self._began.get(check.name, check.began):
                return False  # a later check has said how the server is
            else:
                after = self._others(check, before)
            self._began[check.name] = max(check.began, self._began.get(check.name, check.began))
            self._counts[check.name] = after
            return bool(self._untold)

    def _own(self, check: _Check, before: Count | None) -> Count:
        """Return the count after a check of the present worker, which knows what it has counted itself."""
        said = self._said.setdefault(self._worker, {})
        if before is None or before.up != check.up or check.good == check.up:
            said[check.name] = 0 if check.good == check.up else check.against
            return Count(check.up, said[check.name])
        number = before.number + _more(said, check.name, check.against)
        return self._judged(check.name, Count(check.up, number), check.limit)

    def _others(self, check: _Check, before: Count | None) -> Count:
        """Return the count after a check that ended in a worker that is being replaced, or already is."""
        known = before or Count(up=True)
        if check.good == known.up:
            return Count(known.up)
        if check.good == check.up:  # it has changed already, for the worker that checked it
            return self._judged(check.name, known, 0)
        said = self._said.get(check.pid)
        more = 1 if said is None else _more(said, check.name, check.against)
        rise, fall = self._limits[check.name]
        return self._judged(check.name, Count(known.up, known.number + more), fall if known.up else rise)

    def _judged(self, name: str, count: Count, limit: int) -> Count:
        if count.number < limit:
            return count
        self._untold[name] = not count.up
        self._said.get(self._worker, {}).pop(name, None)
        return Count(not count.up)

    def untold(self) -> tuple[str, ...]:
        """Return the commands that the present worker is to get now."""
        with self._guard:
            return tuple(
                f"set server {name} health {'up' if up else 'down'}" for name, up in self._untold.items()
            )

    def told(self, commands: Collection[str]) -> None:
        """Hear that the present worker has got these."""
        with self._guard:
            for name, up in tuple(self._untold.items()):
                if f"set server {name} health {'up' if up else 'down'}" in commands:
                    del self._untold[name]


def _more(said: dict[str, int], name: str, number: int) -> int:
    """Return how many checks in a row are new in what a worker says: some of it may have been heard before."""
    more = max(0, number - said.get(name, 0))
    said[name] = said.get(name, 0) + more
    return more


def _checked(config: Config) -> Iterator[tuple[str, Server]]:
    for backend in config.backends:
        for server in backend.servers:
            if server.checked:
                yield backend.name, server
