"""The ways to log in: by a plain openrc, with keystoneauth1, with openstack.config. They mean the same."""

import argparse
import os
import subprocess
import sys

import pytest
from cli_recorder import Recorder, serve

from evener.cli import http_session, openrc
from evener.cli.login import connect
from evener.cli.shell import main

OPENRC = {
    "OS_AUTH_TYPE": "password",
    "OS_IDENTITY_API_VERSION": "3",
    "OS_REGION_NAME": "R",
    "OS_USERNAME": "ada",
    "OS_PASSWORD": "right",
    "OS_PROJECT_NAME": "demo",
    "OS_USER_DOMAIN_ID": "default",
    "OS_PROJECT_DOMAIN_ID": "default",
}
BY_OPENRC, BY_KEYSTONEAUTH, BY_CONFIG = (
    {},
    {"http_proxy": "http://127.0.0.1:9"},
    {"OS_COMPUTE_API_VERSION": "2"},
)
NOTHING = argparse.Namespace(debug=False, verbose_level=1, insecure=None, http_timeout=None)


@pytest.fixture(scope="module")
def running():
    recorder = Recorder()
    server = serve(recorder)
    yield recorder
    server.shutdown()
    server.server_close()


@pytest.fixture
def openrc_of(running, monkeypatch):
    """Source the server's openrc, with `more`."""

    def source(**more):
        running.reset()
        for name in [
            name for name in os.environ if name.startswith("OS_") or name.lower().endswith("_proxy")
        ]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for name, value in {"OS_AUTH_URL": f"{running.url}/identity/v3", **OPENRC, **more}.items():
            monkeypatch.setenv(name, value)
        return running

    return source


@pytest.mark.parametrize(
    "way", [BY_OPENRC, BY_KEYSTONEAUTH, BY_CONFIG], ids=["openrc", "keystoneauth", "config"]
)
def test_a_command_says_the_same_to_the_server_and_the_user_however_it_logs_in(openrc_of, capsys, way):
    server = openrc_of(**way)
    server.put("lbaas/pools", name="a b&c", id="8f1b6de1-0a4c-4b8e-9c61-0f6f7bd0a111")
    assert isinstance(connect(NOTHING).session, http_session.Session) == (way == BY_OPENRC)
    assert main(["lbaas-pool-update", "a b&c", "--name", "ü"]) == 0
    assert capsys.readouterr().out == "Updated pool: a b&c\n"
    assert server.queries("lbaas/pools")[-1]["name"] == ["a b&c"]
    assert server.changes()[-1][3] == {"pool": {"name": "ü"}}
    assert main(["lbaas-pool-show", "none of that name"]) == 1
    assert capsys.readouterr().err == "Unable to find pool with name or id 'none of that name'\n"


@pytest.mark.parametrize(
    "way", [BY_OPENRC, BY_KEYSTONEAUTH, BY_CONFIG], ids=["openrc", "keystoneauth", "config"]
)
def test_what_fails_is_said_the_same_however_it_logs_in(openrc_of, capsys, way):
    server = openrc_of(**way, OS_PASSWORD="wrong")
    assert main(["lbaas-pool-list"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"Login refused by {server.url}/identity/v3: The request you have made requires auth"
    )
    openrc_of(**way, OS_REGION_NAME="elsewhere")
    assert main(["lbaas-pool-list"]) == 1
    assert "no endpoint for the network service" in capsys.readouterr().err
    openrc_of(**way, OS_AUTH_URL="http://127.0.0.1:9/identity/v3")
    assert main(["lbaas-pool-list"]) == 1
    assert capsys.readouterr().err == "Unable to reach http://127.0.0.1:9/identity/v3: Connection refused\n"


@pytest.mark.parametrize("way", [BY_OPENRC, BY_KEYSTONEAUTH], ids=["openrc", "keystoneauth"])
def test_an_administrator_is_known_by_the_role(openrc_of, way):
    server = openrc_of(**way)
    assert not connect(NOTHING).is_admin()
    server.roles = ["member", "admin"]
    assert connect(NOTHING).is_admin()


@pytest.mark.parametrize(
    "named",
    [
        {"OS_USERNAME": "", "OS_USER_ID": "ada", "OS_PROJECT_NAME": "", "OS_PROJECT_ID": "p"},
        {"OS_USER_DOMAIN_ID": "", "OS_USER_DOMAIN_NAME": "D"},
        {"OS_PROJECT_DOMAIN_ID": "", "OS_PROJECT_DOMAIN_NAME": "D"},
        {},
    ],
)
def test_a_login_says_what_keystoneauth_says(openrc_of, named):
    said = []
    for way in (BY_OPENRC, BY_KEYSTONEAUTH):
        server = openrc_of(**way, **named)
        connect(NOTHING)
        said += server.logins
    ours, theirs = said
    assert ours == theirs


def settings(**more):
    options = argparse.Namespace(**vars(NOTHING), **more.pop("options", {}))
    return openrc.plain_settings(options, {"OS_AUTH_URL": "http://h/v3", **OPENRC, **more})


def test_an_option_wins_over_a_variable_and_a_tenant_is_a_project():
    found = settings(OS_TENANT_NAME="old", options={"os_username": "eve", "os_project_name": None})
    assert (found["username"], found["project_name"]) == ("eve", "old")


@pytest.mark.parametrize(
    "more",
    [
        {"OS_CLOUD": "x"},
        {"OS_TOKEN": "x"},
        {"OS_AUTH_TYPE": "v3applicationcredential"},
        {"OS_IDENTITY_API_VERSION": "2.0"},
        {"OS_AUTH_URL": "http://h:5000"},
        {"OS_PASSWORD": ""},
        {"OS_USER_DOMAIN_ID": ""},
        {"OS_PROJECT_NAME": ""},
        {"OS_NETWORK_ENDPOINT_OVERRIDE": "http://h"},
        {"OS_CACERT": "/there/is/none"},
        {"options": {"os_cloud": "x"}},
        {"options": {"os_cert": "x"}},
    ],
)
def test_what_is_not_plain_is_left_to_the_library(more):
    assert settings(**more) is None
    assert settings() is not None


def test_a_plain_login_loads_no_library(openrc_of):
    openrc_of()
    program = (
        "import sys; from evener.cli.shell import main; main(['lbaas-pool-list'])\n"
        "print([name for name in ('requests', 'keystoneauth1', 'openstack') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
