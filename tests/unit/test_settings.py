"""What is wrong with settings is said in one line; nobody is told an address that nobody can use."""

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from evener import config, config_check
from evener.agent import main as agent
from evener.dashboard import settings as dashboard
from evener.serving import settings
from evener_cloud import config as cloud

PROGRAMS = Path(sys.executable).parent


def load(tmp_path: Path, text: str):
    file = tmp_path / "evener.conf"
    file.write_text(text)
    return cloud.load(["--config-file", str(file)], "evener-test")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[api]\nbind_port = seven\n", "bind_port"),
        ("[api]\nthreads = 0\n", "threads"),
        ("[api]\nmetrics = all\n", "metrics"),
        ("[identity]\ntoken_lifetime = 999999999\n", "token_lifetime"),
        ("no section\n", "evener.conf"),
        ("[api\n", "evener.conf"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_line_that_names_it(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        load(tmp_path, text)
    message = str(ended.value.code)
    assert message.startswith("evener-test: ")
    assert says in message
    assert len(message.splitlines()) == 1


def test_a_file_of_settings_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemExit, match=r"/nowhere/evener\.conf"):
        config.load(["--config-file", "/nowhere/evener.conf"], "evener-test")


def test_unknown_settings_are_named_and_known_ones_not(tmp_path: Path) -> None:
    text = """[DEFAULT]
debug = true
bind_port = 1
rpc_response_timeout = 20
user_group = nogroup
[api]
bind-port = 9000
bindport = 9000
[apj]
x = 1
[oslo_messaging_rabbit]
ssl = true
"""
    found = [each.partition(",")[0] for each in config_check.unknown(load(tmp_path, text))]
    assert found == ["[DEFAULT] bind_port", "[api] bindport", "[apj] x"]


def test_one_file_may_be_for_all_programs_on_a_host(tmp_path: Path) -> None:
    groups = {**cloud.GROUPS, **dict.fromkeys([*settings.OTHERS, "dashboard"])}
    theirs = groups.keys() - config.GROUPS.keys()
    assert theirs == config_check.OF_OTHERS
    file = tmp_path / "evener.conf"
    file.write_text("".join(f"[{group}]\nname = 1\n" for group in sorted(theirs)))
    argv = ["--config-file", str(file)]
    for conf in (config.load(argv, "evener-test"), settings.load(argv, "evener-test"), dashboard.load(argv)):
        for line in config_check.unknown(conf):
            assert line[1:].partition("]")[0] in conf


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_clients_are_told_an_address_where_all_are_listened_on(tmp_path: Path, host: str) -> None:
    told = config.public_url(load(tmp_path, f"[api]\nbind_host = {host}\n"))
    address = ip_address(told.removeprefix("http://").rpartition(":")[0].strip("[]"))
    assert not address.is_unspecified


def test_an_address_of_ipv6_is_bracketed_and_a_certificate_makes_it_https(tmp_path: Path) -> None:
    assert config.public_url(load(tmp_path, "[api]\nbind_host = ::1\n")) == "http://[::1]:9876"
    assert config.public_url(load(tmp_path, "[api]\ncertificate = x.pem\n")) == "https://127.0.0.1:9876"


def test_every_setting_is_in_the_sample() -> None:
    groups = {*config.GROUPS, *settings.OTHERS, *cloud.GROUPS}
    assert dict(settings.list_opts()).keys() | dict(cloud.list_opts()).keys() == groups


@pytest.mark.parametrize("program", ["evener-standalone", "evener-agent", "evener-db-manage"])
def test_every_daemon_says_its_version(program: str) -> None:
    done = subprocess.run([PROGRAMS / program, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{program} 0.")


def test_settings_can_be_checked(tmp_path: Path) -> None:
    file = tmp_path / "evener.conf"
    file.write_text("[api]\nbindport = 1\n")
    command = [PROGRAMS / "evener-standalone", "--config-file", file, "--check-config"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "bindport" in done.stderr
    file.write_text("[api]\ncertificate = /nowhere.pem\n")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/nowhere.pem" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "There is no transport_url"),
        ("[haproxy]\nmaxconn = many\n", "maxconn"),
        ("[DEFAULT]\ntransport_url = rabbit://a:b@c:1/\n", None),
    ],
)
def test_an_agent_s_settings_can_be_checked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    says: str | None,
) -> None:
    file = tmp_path / "evener.conf"
    file.write_text(text)
    monkeypatch.setattr(sys, "argv", ["evener-agent", "--config-file", str(file), "--check-config"])
    if says is None:
        agent.main()
        assert capsys.readouterr().out == "The settings are good.\n"
    else:
        with pytest.raises(SystemExit, match=says):
            agent.main()
