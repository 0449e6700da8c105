"""evener-agent and evener-standalone refuse to start where they could not work, in one line that says what to do."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
URL = "transport_url = rabbit://evener:geheim@127.0.0.1:1/"
REFUSED = {
    "": "There is no transport_url: say in [DEFAULT] where RabbitMQ is",
    "transport_url = carrier-pigeon://evener:geheim@loft/": "transport_url cannot be used",
    f"{URL}\ninterface_driver = token-ring": "There is no interface driver 'token-ring'; interface_driver may be: ",
    f"{URL}\ndevice_driver = f5.Driver": "There is no device driver 'f5.Driver'; device_driver may be: haproxy",
    f"{URL}\n[haproxy]\nuser_group = no-such-group": "[haproxy] user_group = no-such-group: there is no such group",
}
ELSEWHERE = "[haproxy]\nloadbalancer_state_path = {}/lbaas"
STANDALONE = "[standalone]\nagent = false"


def run(tmp_path: Path, program: str, settings: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "evener.conf"
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path / 'state'}\n{settings}\n")
    command = [PROGRAMS / program, "--config-file", file, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("settings", "why"), REFUSED.items(), ids=lambda each: each[-20:])
def test_an_agent_that_cannot_work_says_so_in_one_line(tmp_path: Path, settings: str, why: str) -> None:
    refused = run(tmp_path, "evener-agent", settings)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"evener-agent: {why}")
    assert refused.stderr.count("\n") == 1
    logged = (tmp_path / "state" / "evener-agent.log").read_text()
    assert "geheim" not in logged + refused.stderr


def test_an_agent_with_its_load_balancers_elsewhere_makes_its_state_directory_too(tmp_path: Path) -> None:
    refused = run(tmp_path, "evener-agent", ELSEWHERE.format(tmp_path))
    assert refused.stderr.startswith("evener-agent: There is no transport_url")
    assert (tmp_path / "state" / "evener-agent.log").exists()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (STANDALONE, "[standalone] agent = false needs agents elsewhere, and [DEFAULT] transport_url"),
        (
            "interface_driver = token-ring",
            "There is no interface driver 'token-ring'; interface_driver may be: ",
        ),
    ],
)
def test_standalone_that_cannot_work_says_so_in_one_line(tmp_path: Path, settings: str, why: str) -> None:
    refused = run(tmp_path, "evener-standalone", settings)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"evener-standalone: {why}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("program", ["evener-agent", "evener-standalone"])
def test_one_state_directory_has_one_agent(tmp_path: Path, program: str) -> None:
    lock = tmp_path / "state" / "lbaas" / "agent.pid"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = run(tmp_path, program, URL)
    assert refused.returncode == 1
    assert f"runs already on {lock.parent}; stop it first" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.root
def test_a_purge_empties_a_state_directory_that_is_a_file_system_of_its_own(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", state], check=True)
    try:
        (state / "evener.sqlite").touch()
        done = run(tmp_path, "evener-standalone", "", "--purge")
        assert (done.returncode, done.stderr, list(state.iterdir())) == (0, "", [])
    finally:
        subprocess.run(["umount", state], check=True)
