"""Reads what HAProxy prints: statistics, processes, states of servers. Pure: text in, facts out."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from evener.dataplane.haproxy import exporter
from evener.dataplane.haproxy.model import PEERS, Config, Server
from evener.resources.facts import Counters
from evener.resources.types import OperatingStatus

# `show stat` for frontends (1) and servers (4) of every proxy and process; management manual, section 9.3.
FRONTENDS_AND_SERVERS = "show stat -1 5 -1"
WHO = "show info"
Row = dict[str, str]
_TABLE = "# pxname,"  # what the answer begins with
_COLUMNS = 24  # up to `lastchg`
_MOVING = 23  # `lastchg`; of a server, the times and the last check that follow move too
_REST = "rest"  # all that follows, as it was printed
_STATUS, _CODE, _TEXT = (
    number - _COLUMNS for number in (36, 37, 56)
)  # `check_status`, `check_code`, `last_chk`
# `hrsp_1xx`, which stands empty where no requests are read, and `req_tot`, which says 0 then.
_INFORMED, _REQUESTS = (number - _COLUMNS for number in (39, 48))
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20  # forced, inherited, configured, unresolved
_PID = re.compile(r"^Pid: (\d+)", re.MULTILINE)
_CHECK_IN_FLIGHT, _CHECK_CONFIGURED, _CHECK_ENABLED = 0x01, 0x02, 0x04
_CHECKED = 2  # the least `srv_check_result` of a check that has ended; while one is in flight, nothing is known of it


def rows(text: str) -> list[Row]:
    """Return the lines of `show stat` by their columns' names, up to the last column that is always read.

    What was answered before them is passed over. Manual, section 9.1 "CSV format": none of these is quoted, others are.
    """
    return named(fields(text))


def fields(text: str) -> list[list[str]]:
    """Return what `rows` does, as lists, the names first; `named` makes those of it."""
    _, begin, table = text.rpartition(_TABLE)
    return [line.split(",", _COLUMNS) for line in (begin + table).lstrip("# ").split("\n") if line]


def named(table: list[list[str]]) -> list[Row]:
    """Return `fields` as `rows` are."""
    names = [*table[0][:_COLUMNS], _REST] if table else []
    return [dict(zip(names, line, strict=False)) for line in table[1:]]


def standing(table: list[list[str]]) -> list[list[str]]:
    """Return what of `fields` is the same at each reading while nothing happens: no time that goes on for servers."""
    return [
        line[:_MOVING] + line[_MOVING + 1 :] if line[1:2] == ["FRONTEND"] else line[:_MOVING]
        for line in table[1:]
    ]


def members(table: Iterable[Row], config: Config) -> dict[str, OperatingStatus]:
    """Return the health of each server that `config` has, by its name; others are on their way out.

    Of a pool with two backends, the first one's word counts.
    """
    health = dict[str, OperatingStatus]()
    for row in table:
        backend = config.backends_by_name.get(row["pxname"])
        server = backend.servers_by_name.get(row["svname"]) if backend else None
        if server is not None and server.name not in health:
            health[server.name] = health_of(row["status"], checked=server.checked, pinged=server.pinged)
    return health


@dataclass(frozen=True, slots=True)
class Check:
    """What a server's last check met: HAProxy's word for it, a code that was answered, and what HAProxy adds."""

    status: str = ""
    code: str = ""
    text: str = ""


def last_check(row: Row) -> Check:
    """Return what the last check of a server met; the text may be anything, and be the member's."""
    fields: list[str] = []
    with suppress(csv.Error):
        fields = next(csv.reader([row.get(_REST, "")]), [])
    fields += [""] * (_TEXT + 1 - len(fields))
    return Check(fields[_STATUS], fields[_CODE], fields[_TEXT])


def nobody(config: Config) -> dict[str, OperatingStatus]:
    """Return the health of the servers that `config` has while no process serves it: whoever is in service is out."""
    return {
        server.name: OperatingStatus.OFFLINE if server.enabled else OperatingStatus.DISABLED
        for backend in config.backends
        for server in backend.servers
    }


def health_of(status: str, *, checked: bool, pinged: bool = False) -> OperatingStatus:
    """Return what the column `status` of a server means: such as `UP`, `DOWN 1/2`, `MAINT (via b/s)`, `DRAIN`.

    Going up (`DOWN 1/2`) is still down, going down (`UP 1/3`) is still up.
    """
    word = status.partition(" ")[0]
    if word == "MAINT":
        return OperatingStatus.DISABLED
    if pinged:
        return OperatingStatus.OFFLINE if word == "DOWN" else OperatingStatus.ONLINE
    if not checked or status == "no check":
        return OperatingStatus.NO_MONITOR
    return OperatingStatus.ONLINE if word in ("UP", "DRAIN") else OperatingStatus.OFFLINE


def leaving(table: Iterable[Row], config: Config) -> dict[str, int]:
    """Return the servers that run but are not in `config`, as BACKEND/SERVER, with seconds since they left."""
    found = {}
    for row in table:
        backend = config.backends_by_name.get(row["pxname"])
        if backend and row["svname"] != "FRONTEND" and row["svname"] not in backend.servers_by_name:
            found[f"{row['pxname']}/{row['svname']}"] = int(row["lastchg"] or 0)
    return found


def listeners(table: Iterable[Row]) -> dict[str, Counters]:
    """Return the counters of each frontend, by its name."""
    return {
        row["pxname"]: _counters(row, errors="ereq")
        for row in table
        if row["svname"] == "FRONTEND" and row["pxname"] != exporter.NAME
    }


def servers(table: Iterable[Row], config: Config) -> dict[str, Counters]:
    """Return what the worker that answered counted for each server that `config` has, by its name.

    A server's errors are answers that broke off.
    """
    counted = dict[str, Counters]()
    for row in table:
        backend = config.backends_by_name.get(row["pxname"])
        if backend is not None and (name := row["svname"]) in backend.servers_by_name:
            counted[name] = counted.get(name, Counters()) + _counters(row, errors="eresp")
    return counted


def _counters(row: Row, errors: str) -> Counters:
    return Counters(
        active_connections=int(row["scur"] or 0),
        total_connections=int(row["stot"] or 0),
        bytes_in=int(row["bin"] or 0),
        bytes_out=int(row["bout"] or 0),
        request_errors=int(row[errors] or 0),
        requests=_requests(row),
    )


def _requests(row: Row) -> int | None:
    """Return how many requests were read; None where HAProxy passes on bytes."""
    fields = row.get(_REST, "").split(",", _REQUESTS + 1)
    return int(fields[_REQUESTS] or 0) if len(fields) > _REQUESTS and fields[_INFORMED] else None


@dataclass(frozen=True)
class Processes:
    """What `show proc` lists: the master's failed reloads since the last good one, and workers' ids.

    `current` serve new connections; `old` finish those they have.
    """

    failed_reloads: int
    current: tuple[int, ...]
    old: tuple[int, ...]

    @property
    def workers(self) -> tuple[int, ...]:
        """All workers."""
        return self.current + self.old


def processes(text: str) -> Processes:
    """Return what a master answers to `show proc`."""
    failed = re.search(r"\[failed: (\d+)\]", text)
    current, _, old = text.partition("# old workers")

    def workers(part: str) -> tuple[int, ...]:
        return tuple(int(pid) for pid in re.findall(r"^(\d+)\s+worker\b", part, re.MULTILINE))

    return Processes(int(failed[1]) if failed else 0, workers(current), workers(old))


def worker_pid(show_info: str) -> int | None:
    """Return the process id in what a worker answers to `show info`."""
    found = _PID.search(show_info)
    return int(found[1]) if found else None


def is_stopping(show_info: str) -> bool:
    """Return whether a worker takes no new connections, those for commands included."""
    return re.search(r"^Stopping: 1", show_info, re.MULTILINE) is not None


def is_done(answers: str) -> bool:
    """Return whether a worker takes no new connections and has none left, from its `show info` and `show stat`."""
    return is_stopping(answers) and not any(
        each.active_connections for each in listeners(rows(answers)).values()
    )


def has_learned(show_peers: str) -> bool:
    """Return whether the worker knows what its predecessor knew, from what it answers to `show peers`.

    Flags, in the source of 2.6 and 3.0 (`peers-t.h`): both of the lowest bits, once all resyncs are finished.
    """
    flags = [int(each, 16) for each in re.findall(rf" id={PEERS} .*?flags=0x([0-9a-f]+)", show_peers)]
    return all(each & 3 == 3 for each in flags)


def carry_over(show_servers_state: str, wanted: Config) -> str:
    """Return the state file with which `wanted` starts knowing which servers are down, from what runs.

    Only for servers in service and checked before and after, or pinged: the file would otherwise win over the new
    configuration, with its weights and its maintenance. Servers that are not in the file start as new ones:
    up, until a first check says otherwise. Format: management manual, section 9.3, "show servers state".
    """
    columns = (*show_servers_state.split("\n")[1:2], "#")[0]
    carried = (_carried(fields, wanted) for fields in states(show_servers_state))
    kept = (" ".join(fields.values()) for fields in carried if fields is not None)
    return "\n".join(["1", columns, *kept]) + "\n"


# Of format version 1: management manual, section 9.3, "show servers state"; HAProxy finds a server by its names.
_STATE_COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port"
)


def state_of(wanted: Config, down: Collection[str]) -> str:
    """Return the state file with which `wanted` starts where nobody can be asked: `down`, as POOL/MEMBER, is known."""
    lines = []
    for backend in wanted.backends:
        for server in backend.servers:
            if server.checked and server.enabled and f"{backend.name}/{server.name}" in down:
                address, _, port = server.address.rpartition(":")
                begin = f"1 {backend.name} {server.number} {server.name} {address.strip('[]')} 0 0"
                check = _CHECK_CONFIGURED | _CHECK_ENABLED
                weights = f"{server.weight} {server.weight}"
                lines.append(
                    f"{begin} {weights} 0 1 0 0 {check} 0 0 1 - {port} - {int(server.by_tls)} 0 - - 0"
                )
    return "\n".join(["1", f"# {_STATE_COLUMNS}", *lines]) + "\n"


def down(table: Iterable[Row]) -> set[str]:
    """Return the servers that are down, as POOL/MEMBER."""
    return {f"{row['pxname']}/{row['svname']}" for row in table if row["status"].startswith("DOWN")}


def states(show_servers_state: str) -> list[Row]:
    """Return what `show servers state` says of each server, by its columns' names; what is cut off is left out."""
    _, names, *records = (*show_servers_state.split("\n"), "", "")
    keys = names.lstrip("# ").split(" ")
    found = [dict(zip(keys, record.split(" "), strict=False)) for record in records if record]
    return [fields for fields in found if fields and len(fields) == len(keys)]


def is_known(fields: Mapping[str, str], server: Server) -> bool:
    """Return whether a checked server is up or down because checks have said so.

    HAProxy's "health" goes from 0 to rise + fall - 1, and a server is up from rise on. One that has just come begins at
    rise. One that failed until it is there again cannot be told from that while a check is in flight, and need not be:
    the next failure takes either out.
    """
    ended = int(fields["srv_check_result"]) >= _CHECKED
    return ended or fields["srv_op_state"] == "0" or int(fields["srv_check_health"]) > server.rise


def is_checking(show_servers_state: str) -> bool:
    """Return whether the worker that answers waits for the end of a check: an old one begins no other."""
    return any(int(each["srv_check_state"]) & _CHECK_IN_FLIGHT for each in states(show_servers_state))


def _carried(fields: Mapping[str, str], wanted: Config) -> dict[str, str] | None:
    backend = wanted.backends_by_name.get(fields["be_name"])
    server = backend.servers_by_name.get(fields["srv_name"]) if backend else None
    in_service = not int(fields["srv_admin_state"]) & _MAINTENANCE
    if server is None or not (server.enabled and in_service):
        return None
    as_wanted = {
        **fields,
        "srv_op_state": "0" if fields["srv_op_state"] == "0" else "2",
        "srv_admin_state": "0",
        "srv_uweight": str(server.weight),
        "srv_iweight": str(server.weight),
        # Where it is asked is in the configuration.
        "srv_check_port": "0",
        "srv_check_addr": "-",
        # So is how it is spoken to, which the file would win over.
        "srv_use_ssl": str(int(server.by_tls)),
    }
    if server.pinged:
        return as_wanted
    checked = int(fields["srv_check_state"]) & _CHECK_CONFIGURED
    if not (server.checked and checked and is_known(fields, server)):
        return None
    return {**as_wanted, "srv_check_state": str(_CHECK_CONFIGURED | _CHECK_ENABLED)}
