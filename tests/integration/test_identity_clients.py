"""Clients that know nothing of Evener log in, manage and are refused: openstack, openstacksdk, keystoneauth."""

import json
import os
import re
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openstack
import pytest
import requests
import waitress.server
import yaml
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from evener.api.app import App
from evener.store.database import Database
from evener.store.schema import metadata
from evener_cloud.identity.bootstrap import write_credentials
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http.routes import add_routes
from warm_programs import warm

pytestmark = pytest.mark.root
LIFETIME_S = 3600
BRIEF_LIFETIMES_S = (5, 20, 60)


class Server:
    """The identity API alone, on a port of loopback, with a database and credentials of its own."""

    def __init__(self, state_path: Path, token_lifetime_s: int = LIFETIME_S) -> None:
        self.state_path = state_path
        self._database = Database(f"sqlite:///{state_path / 'evener.sqlite'}")
        metadata.create_all(self._database.engine)
        identity = BuiltinIdentity(self._database, state_path / "fernet.key", token_lifetime_s)
        app = App()
        self._server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=4)
        base_url = f"http://127.0.0.1:{self._server.effective_port}"
        self.url = f"{base_url}/identity/v3"
        add_routes(app, identity, base_url)
        self.password = identity.bootstrap(lambda password: write_credentials(state_path, self.url, password))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):  # where it wakes by itself meanwhile, it is closed already
            self._server.trigger.pull_trigger(self._server.close)
        self._server.task_dispatcher.shutdown()
        self._server.close()
        self._thread.join(10)
        self._database.close()

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Debian's openstack client, as the administrator where `env` names nobody else."""
        login = env or {"OS_CLOUD": "evener", "OS_CLIENT_CONFIG_FILE": str(self.state_path / "clouds.yaml")}
        return subprocess.run(
            [warm("openstack"), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.state_path), "LC_ALL": "C.UTF-8", **login},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def openstack(self, *arguments: str, **env: str) -> Any:
        """Run a command that has to succeed, and return what it shows."""
        verb = next((word for word in arguments if word in ("list", "show", "create", "issue")), None)
        done = self.run(*arguments, *(("-f", "json") if verb else ()), **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if verb else done.stdout

    def login(self, user: str, password: str, project: str | None) -> dict[str, str]:
        """Return the environment of a user of the domain `default`."""
        scope = {"OS_PROJECT_NAME": project, "OS_PROJECT_DOMAIN_ID": "default"} if project else {}
        return {
            "OS_AUTH_URL": self.url,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_USERNAME": user,
            "OS_USER_DOMAIN_ID": "default",
            "OS_PASSWORD": password,
            **scope,
        }

    def session(self, user: str, password: str, project: str | None = None) -> Session:
        """Return keystoneauth's session of a user of the domain `default`."""
        scope = {"project_name": project, "project_domain_id": "default"} if project else {}
        auth = v3.Password(self.url, username=user, password=password, user_domain_id="default", **scope)
        return Session(auth=auth)

    def tenant(self, name: str) -> dict[str, str]:
        """Make a project and a user of one name, over HTTP, and return the user's ids."""
        admin = self.session("admin", self.password or "", "admin")
        project = admin.post(f"{self.url}/projects", json={"project": {"name": name}}).json()["project"]["id"]
        body = {"user": {"name": name, "password": "old-password", "default_project_id": project}}
        user = admin.post(f"{self.url}/users", json=body).json()["user"]["id"]
        role = admin.get(f"{self.url}/roles?name=member").json()["roles"][0]["id"]
        admin.put(f"{self.url}/projects/{project}/users/{user}/roles/{role}")
        return {"user": user, "project": project}

    def status(self, token: str | None) -> int:
        """Return the status of a request that any valid token may make."""
        headers = {"X-Auth-Token": token or ""}
        return requests.get(f"{self.url}/auth/projects", headers=headers, timeout=60).status_code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("identity"))
    yield running
    running.close()


def test_the_administrator_gets_a_token_with_clouds_yaml(server: Server) -> None:
    shown = server.openstack("token", "issue")
    assert server.status(shown["id"]) == 200
    assert {"project_id", "user_id", "expires"} <= set(shown)


def test_the_administrator_gets_a_token_with_openrc_in_a_shell_set_up_for_another_cloud(
    server: Server,
) -> None:
    script = f". {server.state_path / 'openrc'} && /usr/bin/openstack token issue -f value -c id"
    foreign = {"OS_CLOUD": "other", "OS_PROJECT_ID": "other", "OS_USER_DOMAIN_NAME": "other", "OS_TOKEN": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": "/usr/bin:/bin", "HOME": str(server.state_path), **foreign},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert server.status(done.stdout.strip()) == 200, done.stderr


def test_the_password_stands_in_two_files_that_only_their_owner_reads(server: Server) -> None:
    assert server.password
    files = [path for path in server.state_path.rglob("*") if path.is_file()]
    holding = {path.name for path in files if server.password.encode() in path.read_bytes()}
    assert holding == {"clouds.yaml", "openrc"}
    for name in (*holding, "fernet.key"):
        assert stat.S_IMODE((server.state_path / name).stat().st_mode) == 0o600
    assert not [path for path in files if path.name.startswith(".clouds") or path.name.startswith(".openrc")]


def test_credentials_are_private_under_any_umask_and_replace_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text("old")
    (tmp_path / "clouds.yaml").chmod(0o666)
    before = os.umask(0)
    try:
        write_credentials(tmp_path, "http://127.0.0.1:9876/identity/v3", "it's")
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clouds.yaml", "openrc"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert (
        yaml.safe_load((tmp_path / "clouds.yaml").read_text())["clouds"]["evener"]["auth"]["password"]
        == "it's"
    )


def test_three_commands_make_a_second_project_with_its_own_user(server: Server) -> None:
    server.openstack("project", "create", "second")
    user = server.openstack("user", "create", "--project", "second", "--password", "pass word", "ute")
    server.openstack("role", "add", "--project", "second", "--user", "ute", "member")
    ute = server.login("ute", "pass word", "second")

    token = server.openstack("token", "issue", **ute)
    assert token["project_id"] == server.openstack("project", "show", "second", **ute)["id"]
    assert [each["Name"] for each in server.openstack("project", "list", **ute)] == ["second"]
    # By id: newer clients look a name up in the list of users, which only an administrator may read.
    assert server.openstack("user", "show", user["id"], **ute)["name"] == "ute"
    for refused in (("user", "list"), ("project", "create", "third"), ("domain", "list"), ("role", "list")):
        done = server.run(*refused, **ute)
        assert done.returncode != 0
        assert "403" in done.stderr, done.stderr

    rows = server.openstack("role", "assignment", "list", "--names", "--user", "ute")
    assert [(row["Role"], row["User"], row["Project"]) for row in rows] == [
        ("member", "ute@Default", "second@Default")
    ]

    server.openstack("user", "set", "--disable", "ute")
    assert server.status(token["id"]) == 401
    assert "401" in server.run("token", "issue", **ute).stderr
    server.openstack("user", "set", "--enable", "ute")
    assert server.status(token["id"]) == 401
    token = server.openstack("token", "issue", **ute)
    server.openstack("role", "remove", "--project", "second", "--user", "ute", "member")
    assert server.status(token["id"]) == 401
    server.openstack("user", "delete", "ute")
    assert "401" in server.run("token", "issue", **ute).stderr
    server.openstack("project", "delete", "second")
    assert "second" not in [each["Name"] for each in server.openstack("project", "list")]


def test_the_catalog_lists_the_services(server: Server) -> None:
    base = server.url.removesuffix("/identity/v3")
    catalog = {each["Type"]: each["Endpoints"] for each in server.openstack("catalog", "list")}
    assert set(catalog) == {"identity", "network", "load-balancer", "key-manager", "compute"}
    urls = {(endpoint["interface"], endpoint["url"]) for endpoint in catalog["network"]}
    assert urls == {(interface, f"{base}/networking") for interface in ("public", "internal", "admin")}
    names = {each["Name"] for each in server.openstack("service", "list")}
    assert names == {"keystone", "neutron", "octavia", "barbican", "nova"}
    rows = server.openstack("endpoint", "list", "--service", "network", "--interface", "public")
    assert [(row["URL"], row["Region"]) for row in rows] == [(f"{base}/networking", "RegionOne")]
    assert [row["Region"] for row in server.openstack("region", "list")] == ["RegionOne"]


def test_what_a_user_interface_asks_and_sends_besides_is_answered(server: Server) -> None:
    ids, admin = server.tenant("plain"), server.session("admin", server.password or "", "admin")
    plain = server.session("plain", "old-password", "plain")
    assert admin.get(f"{server.url}/groups").json()["groups"] == []
    assert plain.get(f"{server.url}/credentials", params={"user_id": ids["user"]}).json()["credentials"] == []
    assert server.openstack("credential", "list") == []
    for plural in ("groups", "application_credentials"):
        assert plain.get(f"{server.url}/users/{ids['user']}/{plural}").json()[plural] == []
        with pytest.raises(exceptions.Forbidden):
            plain.get(f"{server.url}/users/somebody/{plural}")
    with pytest.raises(exceptions.Forbidden):
        plain.get(f"{server.url}/groups")
    body = {"user": {"name": "optional", "options": {"lock_password": False, "ignore_password_expiry": None}}}
    made = admin.post(f"{server.url}/users", json=body).json()["user"]["id"]
    body["user"]["options"]["lock_password"] = True
    with pytest.raises(exceptions.BadRequest, match="options"):
        admin.patch(f"{server.url}/users/{made}", json=body)


def test_domains_projects_users_and_roles_are_made_changed_and_deleted(server: Server) -> None:
    domain = server.openstack("domain", "create", "--description", "of tests", "lab")
    assert domain["enabled"] is True
    project = server.openstack("project", "create", "--domain", "lab", "inside")
    assert (project["domain_id"], project["parent_id"]) == (domain["id"], domain["id"])
    user = server.openstack("user", "create", "--domain", "lab", "--email", "a@b", "--password", "x", "lina")
    server.openstack("role", "create", "watcher")
    server.openstack("role", "add", "--domain", "lab", "--user", user["id"], "watcher")
    rows = server.openstack("role", "assignment", "list", "--names", "--domain", "lab")
    assert [(row["Role"], row["User"], row["Domain"]) for row in rows] == [("watcher", "lina@lab", "lab")]

    server.openstack("project", "set", "--name", "renamed", "--disable", project["id"])
    shown = server.openstack("project", "show", "--domain", "lab", "renamed")
    assert (shown["id"], shown["enabled"]) == (project["id"], False)
    server.openstack("user", "set", "--email", "c@d", "--name", "line", user["id"])
    assert server.openstack("user", "show", user["id"])["email"] == "c@d"
    assert [row["Name"] for row in server.openstack("user", "list", "--domain", "lab")] == ["line"]
    assert "watcher" in [row["Name"] for row in server.openstack("role", "list")]

    assert server.run("domain", "delete", "lab").returncode != 0
    server.openstack("domain", "set", "--disable", "lab")
    server.openstack("domain", "delete", "lab")
    assert server.run("user", "show", user["id"]).returncode != 0
    server.openstack("role", "delete", "watcher")
    assert server.run("role", "delete", "admin").returncode != 0


def test_users_change_their_own_password_and_lose_their_tokens(server: Server) -> None:
    server.tenant("paul")
    before = server.session("paul", "old-password", "paul").get_token()
    paul = server.login("paul", "old-password", "paul")
    change = ("user", "password", "set", "--password", "new-password", "--original-password")
    refused = server.run(*change, "no", **paul)
    assert refused.returncode != 0
    assert server.status(before) == 200
    if "missing 1 required positional argument" in refused.stderr:  # openstackclient 7 never comes to ask
        body = {"user": {"password": "new-password", "original_password": "old-password"}}
        session = server.session("paul", "old-password", "paul")
        session.post(f"{server.url}/users/{session.get_user_id()}/password", json=body)
    else:
        server.openstack(*change, "old-password", **paul)
    assert server.status(before) == 401
    with pytest.raises(exceptions.Unauthorized):
        server.session("paul", "old-password", "paul").get_token()
    assert server.status(server.session("paul", "new-password", "paul").get_token()) == 200


def test_a_token_that_is_given_back_is_void(server: Server) -> None:
    token = server.openstack("token", "issue")["id"]
    server.openstack("token", "revoke", token)
    assert server.status(token) == 401


def test_a_token_that_was_tampered_with_is_void(server: Server) -> None:
    token = server.session("admin", server.password or "", "admin").get_token() or ""
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    assert server.status(token) == 200
    assert server.status(token[:middle] + other + token[middle + 1 :]) == 401
    assert server.status(token[:-8]) == 401


def test_a_token_ends_when_it_said_it_would_and_so_do_those_made_from_it(tmp_path: Path) -> None:
    for lifetime_s in BRIEF_LIFETIMES_S:
        directory = tmp_path / str(lifetime_s)
        directory.mkdir()
        with closing(Server(directory, lifetime_s)) as brief, suppress(TooSlow):
            assert_tokens_end(brief)
            return
    pytest.fail("the machine is too slow for tokens that end within a minute")


class TooSlow(Exception):
    """What was to be seen while a token was valid was not seen in time."""


def assert_tokens_end(brief: Server) -> None:
    """Expect that a token and one made from it end at the moment that was said."""
    session = brief.session("admin", brief.password or "", "admin")
    parent = session.auth.get_access(session)
    try:
        child = v3.Token(brief.url, token=parent.auth_token).get_access(Session())
        statuses = [brief.status(access.auth_token) for access in (parent, child)]
    except exceptions.Unauthorized:
        statuses = []
    if datetime.now(UTC) >= parent.expires:
        raise TooSlow
    assert child.expires == parent.expires
    assert statuses == [200, 200]
    time.sleep(max(0, (parent.expires - datetime.now(UTC)).total_seconds()) + 0.1)
    assert [brief.status(access.auth_token) for access in (parent, child)] == [401, 401]


def test_the_sdk_manages_with_clouds_yaml(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.state_path / "clouds.yaml"))
    with openstack.connect(cloud="evener") as cloud:
        project = cloud.identity.create_project(name="sdk", description="made by the SDK")
        user = cloud.identity.create_user(name="sdk", password="p", default_project_id=project.id)
        role = cloud.identity.find_role("member")
        cloud.identity.assign_project_role_to_user(project, user, role)
        assert cloud.identity.validate_user_has_project_role(project, user, role)
        assert [each.name for each in cloud.identity.projects(name="sdk")] == ["sdk"]
        held = cloud.identity.role_assignments(user_id=user.id, include_names=True)
        assert [each.role["name"] for each in held] == ["member"]
        assert len(list(cloud.identity.users(limit=1))) == len(list(cloud.identity.users()))
        with cloud.connect_as(username="sdk", password="p", project_name="sdk") as theirs:
            assert theirs.current_project_id == project.id
        cloud.identity.update_user(user, is_enabled=False)
        assert cloud.identity.get_user(user).is_enabled is False
        cloud.identity.delete_user(user)
        cloud.identity.delete_project(project)
        assert cloud.identity.find_project("sdk") is None


def test_a_login_without_a_scope_is_for_the_default_project(server: Server) -> None:
    ids = server.tenant("dora")
    auth = v3.Password(server.url, username="dora", password="old-password", user_domain_name="Default")
    access = auth.get_access(Session())
    assert access.project_id == ids["project"]
    assert access.role_names == ["member", "reader"]
    unscoped = v3.Password(
        server.url, username="dora", password="old-password", user_domain_id="default", unscoped=True
    ).get_access(Session())
    assert (unscoped.project_id, unscoped.role_names) == (None, [])
    assert [each["id"] for each in _projects(server, unscoped.auth_token)] == [ids["project"]]


def test_a_login_for_a_domain_needs_a_role_on_it(server: Server) -> None:
    ids = server.tenant("dirk")
    auth = v3.Password(server.url, user_id=ids["user"], password="old-password", domain_id="default")
    with pytest.raises(exceptions.Unauthorized):
        auth.get_access(Session())
    server.openstack("role", "add", "--domain", "default", "--user", "dirk", "reader")
    access = auth.get_access(Session())
    assert (access.domain_id, access.role_names) == ("default", ["reader"])


def test_a_project_of_others_is_closed(server: Server) -> None:
    server.tenant("eva")
    with pytest.raises(exceptions.Unauthorized):
        server.session("eva", "old-password", "admin").get_token()
    admin = server.session("admin", server.password or "", "admin").get_token()
    theirs = server.session("eva", "old-password", "eva").get_token()
    for method in ("GET", "DELETE"):
        headers = {"X-Auth-Token": theirs or "", "X-Subject-Token": admin or ""}
        assert (
            requests.request(method, f"{server.url}/auth/tokens", headers=headers, timeout=60).status_code
            == 403
        )
    assert server.status(admin) == 200


def test_a_second_start_keeps_the_users_and_their_tokens(tmp_path: Path) -> None:
    first = Server(tmp_path)
    token = first.session("admin", first.password or "", "admin").get_token()
    first.close()
    second = Server(tmp_path)
    try:
        assert second.password is None
        assert second.status(token) == 200
    finally:
        second.close()


def test_an_answer_names_where_to_log_in(server: Server) -> None:
    reply = requests.get(f"{server.url}/users", timeout=60)
    assert reply.status_code == 401
    assert re.fullmatch(
        r'Keystone uri="http://127\.0\.0\.1:\d+/identity/v3"', reply.headers["WWW-Authenticate"]
    )


def _projects(server: Server, token: str) -> list[dict[str, Any]]:
    headers = {"X-Auth-Token": token}
    found: list[dict[str, Any]] = requests.get(
        f"{server.url}/auth/projects", headers=headers, timeout=60
    ).json()["projects"]
    return found
