"""What a service manager hears of a daemon: a real socket, a real process, the datagrams of sd_notify(3)."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import os, threading
from evener import daemon
ended = threading.Event()
daemon.on_signals(ended.set, lambda: None)
if os.environ.get("HELD"):
    input("held")
daemon.serving("Serving all")
print(flush=True)
ended.wait()
print(sorted({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)), flush=True)
"""
HEARD_S = 30


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """Return the socket of a service manager, at a path or at an abstract name."""
    address = str(tmp_path / "notify") if request.param == "path" else f"\0evener-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(HEARD_S)
        yield heard


@contextmanager
def daemon(manager: socket.socket, **environment: str) -> Iterator[subprocess.Popen[str]]:
    address = manager.getsockname()
    name = f"@{address[1:].decode()}" if isinstance(address, bytes) else address
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "NOTIFY_SOCKET": name, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_it_is_told_when_a_daemon_serves_reads_settings_again_and_ends(manager: socket.socket) -> None:
    with daemon(manager) as process:
        assert hear(manager) == ["READY=1", "STATUS=Serving all"]
        process.send_signal(signal.SIGHUP)
        again, since = hear(manager)
        assert again == "RELOADING=1"
        assert re.fullmatch(r"MONOTONIC_USEC=\d+", since)
        assert hear(manager) == ["READY=1"]
        process.send_signal(signal.SIGTERM)
        assert hear(manager) == ["STOPPING=1"]
        assert process.wait(HEARD_S) == 0


def test_what_a_daemon_starts_does_not_speak_in_its_name(manager: socket.socket) -> None:
    with daemon(manager, WATCHDOG_USEC="60000000") as process:
        hear(manager)
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == "\n[]\n"


def test_a_hangup_before_it_serves_does_not_make_it_ready(manager: socket.socket) -> None:
    with daemon(manager, HELD="yes") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(4) == "held"
        process.send_signal(signal.SIGHUP)
        manager.settimeout(1)
        with pytest.raises(TimeoutError):
            hear(manager)
        manager.settimeout(HEARD_S)
        process.stdin.write("\n")
        process.stdin.flush()
        assert hear(manager)[0] == "READY=1"


def test_it_hears_that_a_daemon_lives_and_that_a_stopped_one_does_not(manager: socket.socket) -> None:
    with daemon(manager, WATCHDOG_USEC="400000") as process:
        hear(manager)
        assert [hear(manager) for _ in range(3)] == [["WATCHDOG=1"]] * 3
        process.send_signal(signal.SIGSTOP)
        manager.settimeout(1)
        with pytest.raises(TimeoutError):
            _ = [hear(manager) for _ in range(1000)]  # all that is under way, and no more


def test_a_watchdog_of_another_process_is_left_alone(manager: socket.socket) -> None:
    with daemon(manager, WATCHDOG_USEC="100000", WATCHDOG_PID="1"):
        hear(manager)
        manager.settimeout(1)
        with pytest.raises(TimeoutError):
            hear(manager)


def test_a_daemon_serves_where_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "gone"))
        (tmp_path / "gone").unlink()
        with daemon(gone) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
            process.terminate()
            assert process.wait(HEARD_S) == 0


WHERE = """
import os, sys
if len(sys.argv) > 1:
    os.environ["SYSTEMD_EXEC_PID"] = str(os.getpid())
from evener import config
print(config.load([], "evener-api", files=()).state_path)
"""


@pytest.mark.parametrize(("ours", "path"), [([], "/var/lib/evener"), (["ours"], "/var/lib/evener-api")])
def test_state_is_in_the_directory_of_the_unit_that_is_ours(ours: list[str], path: str) -> None:
    variables = {"STATE_DIRECTORY": "/var/lib/evener-api", "SYSTEMD_EXEC_PID": "1"}
    command = [sys.executable, "-c", WHERE, *ours]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{path}\n"
