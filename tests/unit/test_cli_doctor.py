"""`evener doctor`: what the API tells of agents, and what evener-doctor tells of this host where it is installed."""

import pytest

AGENT = {
    "alive": True,
    "admin_state_up": True,
    "heartbeat_timestamp": "2026-11-26 09:20:00",
    "configurations": {},
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a program of its name that finds what a test says."""
    monkeypatch.setattr("sys.argv", [str(tmp_path / "evener")])

    def install(code):
        program = tmp_path / "evener-doctor"
        program.write_text(f'#!/bin/sh\necho looked at "$@"\nexit {code}\n')
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return install


def test_agents_that_are_silent_or_out_of_use_or_have_another_clock_are_named(run, server, installed):
    server.roles = ["admin"]
    server.put("agents", **{**AGENT, "host": "well"})
    server.put("agents", **{**AGENT, "host": "late", "configurations": {"clock_ahead_s": -40}})
    server.put("agents", **{**AGENT, "host": "away", "admin_state_up": False})
    lines = run("doctor").splitlines()
    assert "good agent well         is heard of" in lines
    assert "warn agent late         has a clock that is -40 s ahead of the server's" in lines
    assert "warn agent away         gets no new load balancers" in lines
    server.put("agents", **{**AGENT, "host": "silent", "alive": False})
    run("doctor", code=1)


def test_what_looks_at_this_host_is_run_where_it_is_installed(run, installed):
    assert "evener-doctor is not installed here" in run("doctor --local")
    installed(0)
    assert run("doctor --local --config-file /x") == "looked at --config-file /x\n"
    installed(1)
    run("doctor --local", code=1)


def test_who_is_no_administrator_is_told_that_others_are(run, server, installed):
    assert "agents             are told to administrators" in run("doctor")
