"""Why a member is out, in one sentence for people: which check took it out, and what that one met.

Says nothing that moves while a member stays out, so that it makes no report more frequent. What a member itself sends
is not quoted.
"""

import re
from collections.abc import Mapping

from evener.dataplane.haproxy import stats
from evener.dataplane.haproxy.model import Asked, Backend, Config
from evener.resources.types import OperatingStatus

LONGEST = 80  # characters of HAProxy's own words
NOT_RUNNING = "No HAProxy runs"
NOT_ANSWERING = "HAProxy does not answer"
_PING = "PING: no answer"
# HAProxy's words for the results of checks (`check_statuses` in src/check.c of 2.6 and 3.0; manual, section 9.1, 36).
_CONNECTS, _FAILS = "L4CON", "L7STS"
_SAYS: Mapping[str, str] = {
    _CONNECTS: "no connection",
    "L4TOUT": "no connection in time",
    "L6RSP": "the TLS handshake fails",
    "L6TOUT": "no TLS handshake in time",
    "L7RSP": "no valid answer",
    "L7TOUT": "no answer in time",
    _FAILS: "a wrong answer",
    "SOCKERR": "HAProxy gets no socket for it",
}
_QUOTED = frozenset({"L6RSP", "SOCKERR"})  # to which HAProxy's own words add something
_UNDECIDED = frozenset({"", "INI", "UNK", "CHECKED", "L4OK", "L6OK", "L7OK", "L7OKC", "L7OKD", "PROCOK"})


def harmless(text: str) -> str:
    """Return `text` in one line of printable ASCII, and not longer than a part of a sentence may be."""
    line = " ".join(re.sub(r"[^ -~]+", " ", text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def sentence(asked: Asked, check: stats.Check) -> str | None:
    """Return what a check of that kind has met; None where it has not failed, or was not done yet."""
    status = check.status.removeprefix("* ")  # which another check follows at the moment
    if status in _UNDECIDED:
        return None
    text = harmless(check.text)
    if status == _CONNECTS and text:
        says = text[:1].lower() + text[1:]
    elif status == _FAILS and check.code.isdecimal():
        says = f"answered {harmless(check.code)} instead of {asked.codes}"
    elif status in _SAYS:
        says = _SAYS[status] + (f" ({text})" if text and status in _QUOTED else "")
    else:
        says = f"failed ({harmless(status)})"
    return f"{asked.by} check: {says}"


class Reasons:
    """Why the members of one HAProxy are out, as it was when they went; later checks change nothing."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Asked, str]] = {}

    def with_health(
        self, table: list[stats.Row] | None, config: Config, *, frozen: bool
    ) -> tuple[dict[str, OperatingStatus], dict[str, str]]:
        """Return the members' health, and the reasons of those that are out, by their names, where any is known.

        `table` is None where no process serves; `frozen` where one is there all the same.
        """
        if table is None:
            health = stats.nobody(config)
            why = NOT_ANSWERING if frozen else NOT_RUNNING
            return health, {name: why for name, how in health.items() if how == OperatingStatus.OFFLINE}
        health = stats.members(table, config)
        out = [row for row in table if health.get(row["svname"]) == OperatingStatus.OFFLINE]
        found = {row["svname"]: self._of(row, config.backends_by_name.get(row["pxname"])) for row in out}
        self._known = {name: known for name, known in found.items() if known is not None}
        return health, {name: reason for name, (_, reason) in self._known.items()}

    def _of(self, row: stats.Row, backend: Backend | None) -> tuple[Asked, str] | None:
        if backend is None:
            return None
        known = self._known.get(row["svname"])
        if known is not None and known[0] == backend.asked:
            return known
        pinged = backend.servers_by_name[row["svname"]].pinged
        reason = _PING if pinged else sentence(backend.asked, stats.last_check(row))
        return None if reason is None else (backend.asked, reason)
