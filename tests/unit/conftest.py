"""The client's `main` against a small server over real HTTP, for tests of what it sends and prints."""

import os

import pytest
from cli_recorder import Recorder, serve

from evener.cli.shell import main


@pytest.fixture(scope="module")
def running():
    recorder = Recorder()
    server = serve(recorder)
    yield recorder
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running, monkeypatch, tmp_path):
    running.reset()
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    environment = {
        "OS_AUTH_URL": f"{running.url}/identity/v3",
        "OS_USERNAME": "ada",
        "OS_PASSWORD": "right",
        "OS_PROJECT_NAME": "demo",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def run(server, capsys):
    def call(line, code=0):
        words = line if isinstance(line, list) else line.split()
        try:
            found = main(words)
        except SystemExit as left:
            found = left.code or 0
        out, err = capsys.readouterr()
        assert found == code, err
        return err if code else out

    return call
