"""`evener-doctor` names what is broken: each set-up here is made broken in one way, and nothing else is bad."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from doctor_host import Host

from evener.doctor import kernel, machine
from evener.doctor.main import look
from evener.store.database import Database, now
from evener.store.schema import agents
from made_certificates import DAY, NOW, ec_key, make
from waiting import eventually


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def nowhere(host: Host) -> None:
    host.set("DEFAULT", "transport_url", f"rabbit://guest:s3cret@127.0.0.1:{host.free_port()}/")


def no_state(host: Host) -> None:
    host.set("DEFAULT", "state_path", host.directory / "nothing")


def taken_port(host: Host) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    host.set("api", "bind_port", taken.getsockname()[1])
    host.patch.setattr(host, "taken", taken, raising=False)  # as long as the test


def no_database_server(host: Host) -> None:
    url = f"postgresql+psycopg://evener:s3cret@127.0.0.1:{host.free_port()}/evener"
    host.set("database", "connection", url)


def behind(host: Host) -> None:
    (host.state / "evener.sqlite").unlink()
    Database(f"sqlite:///{host.state / 'evener.sqlite'}").close()


def corrupt(host: Host) -> None:
    (host.state / "evener.sqlite").write_bytes(b"no database at all" * 500)


def another_key(host: Host) -> None:
    host.certificate()
    (host.directory / "api.key").write_bytes(make("other", ec_key(2)).key_pem())


def open_key(host: Host) -> None:
    host.certificate()
    (host.directory / "api.key").chmod(0o644)


def full(host: Host) -> None:
    room = os.statvfs(host.state)
    full = os.statvfs_result((*room[:3], 0, 0, *room[5:]))
    host.patch.setattr(machine.os, "statvfs", lambda _: full)


def no_inodes(host: Host) -> None:
    room = list(os.statvfs(host.state))
    room[5], room[6], room[7] = 1_000_000, 0, 0
    host.patch.setattr(machine.os, "statvfs", lambda _: os.statvfs_result(room))


def no_bridges(host: Host) -> None:
    answers = {**dict.fromkeys(kernel.FEATURES), "bridge": "Operation not supported"}
    host.patch.setattr(kernel, "ask", lambda: answers)
    host.patch.setattr(kernel, "is_root", lambda: True)


def of_cgroups_1(host: Host) -> None:
    def refuse() -> Path:
        raise machine.cgroups.CgroupsMissing("cgroup v2 is not mounted")

    host.patch.setattr(machine.cgroups, "root", refuse)


def few_watchers(host: Host) -> None:
    host.set("agent", "inotify_instances", 2**31 - 1)
    lock = host.state / "lbaas" / "agent.pid"
    lock.parent.mkdir()
    held = lock.open("w")
    fcntl.flock(held, fcntl.LOCK_EX)  # an agent runs, and has not raised it
    host.patch.setattr(host, "held", held, raising=False)


Break = Callable[[Host], object]
BROKEN: dict[str, tuple[Break, str, str]] = {
    "no HAProxy": (lambda it: (it.programs / "haproxy").unlink(), "HAProxy", "is not installed"),
    "an old HAProxy": (lambda it: it.program("haproxy", "HAProxy version 2.4.22"), "HAProxy", "is too old"),
    "another haproxy": (lambda it: it.program("haproxy", "hello"), "HAProxy", "names no version"),
    "no keepalived": (lambda it: (it.programs / "keepalived").unlink(), "keepalived", "is not installed"),
    "few watchers": (few_watchers, "inotify", "of topology ACTIVE_STANDBY have room"),
    "no bridges": (no_bridges, "bridge", "Operation not supported"),
    "no cgroup v2": (of_cgroups_1, "cgroup v2", "is not mounted"),
    "no such group": (lambda it: it.set("haproxy", "user_group", "nobodys"), "group", "there is none"),
    "no state": (no_state, "state", "is not there yet"),
    "half a backup": (lambda it: (it.state / "restore-unfinished").touch(), "restore", "was being restored"),
    "tokens' key": (lambda it: (it.state / "token.key").chmod(0o644), "token.key", "mode 0644"),
    "secrets' key": (lambda it: (it.state / "secrets.key").chmod(0o640), "secrets.key", "mode 0640"),
    "the password": (lambda it: (it.state / "openrc").chmod(0o604), "openrc", "mode 0604"),
    "the database": (lambda it: (it.state / "evener.sqlite").chmod(0o644), "evener.sqlite", "mode 0644"),
    "a full disk": (full, "disk", "is full"),
    "no inodes": (no_inodes, "disk", "is full"),
    "a misspelt setting": (lambda it: it.set("api", "bind_prot", 1), "settings", "[api] bind_prot"),
    "a wrong value": (lambda it: it.set("api", "threads", "many"), "settings", "threads"),
    "no such bridge": (
        lambda it: it.set("linux_bridge", "bridge_mappings", "wire:br-none"),
        *("network wire", "br-none"),
    ),
    "no Open vSwitch": (
        lambda it: (
            it.set("DEFAULT", "interface_driver", "openvswitch"),
            it.set("ovs", "ovsdb_connection", f"unix:{it.directory}/db.sock"),
        ),
        *("Open vSwitch", "No such file"),
    ),
    "no certificate": (
        lambda it: it.set("api", "certificate", it.directory / "none.pem"),
        *("certificate", "No such file"),
    ),
    "an old certificate": (
        lambda it: it.certificate(begin=NOW - 9 * DAY, end=NOW - DAY),
        *("certificate", "ended"),
    ),
    "a certificate that ends": (lambda it: it.certificate(end=NOW + DAY), "certificate", "ends"),
    "another's key": (another_key, "certificate", "key"),
    "a key for all": (open_key, "api.key", "mode 0644"),
    "a port that is taken": (taken_port, "API", "in use"),
    "no database server": (no_database_server, "database", "refused"),
    "a broken database": (corrupt, "database", "not a database"),
    "no tables": (behind, "database", "lacks tables"),
    "no bus": (nowhere, "bus", "refused"),
    "no URL of a bus": (lambda it: it.set("DEFAULT", "transport_url", "rabbit:/x"), "bus", ""),
    "no agent": (lambda it: it.change(agents.delete()), "agents", "none is known"),
    "a silent agent": (
        lambda it: it.agent(heartbeat_at=now() - timedelta(hours=1)),
        *("agent node-1", "has not been heard of for 36"),
    ),
    "an agent out of use": (
        lambda it: it.agent(admin_state_up=False),
        *("agent node-1", "gets no new load balancers"),
    ),
    "another clock": (
        lambda it: it.agent(configurations={"clock_ahead_s": -40}),
        *("clock of node-1", "is 40 s behind"),
    ),
    "another version": (
        lambda it: it.agent(configurations={"version": "0.0.1"}),
        *("agent node-1", "is of version 0.0.1"),
    ),
}


def test_where_all_is_well_nothing_is_wrong(host: Host) -> None:
    host.certificate(end=NOW + 300 * DAY)
    assert [each for each in host.wrong() if each.what != "user"] == []


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_named_with_what_to_do(host: Host, broken: str) -> None:
    break_it, what, says = BROKEN[broken]
    break_it(host)
    named = [each for each in host.wrong() if each.what == what and says in each.says]
    assert named, host.wrong()
    assert all(each.advice for each in named)
    assert not [each for each in host.wrong() if "s3cret" in each.says + each.advice]


def doctor(host: Host, *words: str, limit: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program as an operator does."""
    program = Path(sys.executable).with_name("evener-doctor")
    command = f"{limit} exec {program} --config-file {host.file} {' '.join(words)}"
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_program_ends_with_1_where_something_is_bad_and_tells_programs_too(host: Host) -> None:
    host.set("api", "max_connections", 8000)
    bad = doctor(host, "-f", "json", limit="ulimit -n 64 && ")
    assert bad.returncode == 1, bad.stderr
    found = {each["what"]: each for each in json.loads(bad.stdout)}
    assert (found["open files"]["level"], "64" in found["open files"]["says"]) == ("bad", True)


def test_of_what_a_host_is_not_for_nothing_is_said(host: Host) -> None:
    (host.programs / "haproxy").unlink()
    assert not [each for each in look([str(host.file)], ["control"]) if each.what == "HAProxy"]
    assert not [each for each in look([str(host.file)], ["agent"]) if each.what == "database"]


def test_lines_fit_a_terminal(host: Host) -> None:
    host.set("haproxy", "user_group", "nobodys")
    told = doctor(host).stdout
    assert "-> groupadd --system nobodys" in told
    assert all(len(line) <= 80 for line in told.splitlines() if str(host.directory) not in line)


@pytest.mark.root
def test_the_kernel_is_tried_and_nothing_of_that_is_left() -> None:
    links = set(Path("/sys/class/net").iterdir())
    assert kernel.ask() == dict.fromkeys(kernel.FEATURES)
    eventually(lambda: not set(Path("/sys/class/net").iterdir()) - links)
