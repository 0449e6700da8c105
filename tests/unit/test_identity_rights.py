"""Who may do what in the identity service, over its API: administrators of everything, of a domain, of a project."""

import itertools
import logging

import pytest
from falcon import testing

from evener.api.app import App
from evener.store.database import Database
from evener_cloud.all_tables import metadata
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http.routes import add_routes

PASSWORD = "correct horse"


class Cloud:
    """The identity API in this process, with its administrator."""

    def __init__(self, path):
        self.database = Database(f"sqlite:///{path / 'x.sqlite'}")
        metadata.create_all(self.database.engine)
        self.identity = BuiltinIdentity(self.database, path / "key", 3600, min_password_length=8)
        self.password = self.identity.bootstrap()
        app = App()
        add_routes(app, self.identity, "http://x")
        self._client = testing.TestClient(app)
        self.admin = self.login(
            "admin", self.password, project={"name": "admin", "domain": {"id": "default"}}
        )
        self.roles = {role["name"]: role["id"] for role in self.get(self.admin, "roles")["roles"]}

    def call(self, token, method, path, body=None, **headers):
        given = {"X-Auth-Token": token, **headers} if token else headers
        return self._client.simulate_request(method, f"/identity/v3/{path}", json=body, headers=given)

    def get(self, token, path):
        answer = self.call(token, "GET", path)
        assert answer.status_code == 200, answer.json
        return answer.json

    def make(self, kind, **values):
        answer = self.call(self.admin, "POST", f"{kind}s", {kind: values})
        assert answer.status_code == 201, answer.json
        return answer.json[kind]

    def grant(self, token, user, role, target, target_id):
        return self.call(
            token, "PUT", f"{target}s/{target_id}/users/{user}/roles/{self.roles[role]}"
        ).status_code

    def log_in(self, user, password=PASSWORD, domain="default", **scope):
        credentials = {"name": user, "domain": {"id": domain}, "password": password}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": credentials}}}}
        return self.call(
            None, "POST", "auth/tokens", {"auth": {**body["auth"], "scope": scope or "unscoped"}}
        )

    def login(self, user, password=PASSWORD, domain="default", **scope):
        answer = self.log_in(user, password, domain, **scope)
        assert answer.status_code == 201, answer.json
        return answer.headers["x-subject-token"]


@pytest.fixture
def cloud(tmp_path):
    made = Cloud(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def domain(cloud):
    """A domain with a project, a user, and an administrator of its own."""
    made = cloud.make("domain", name="lab")
    cloud.project = cloud.make("project", name="p", domain_id=made["id"])
    cloud.user = cloud.make("user", name="ute", domain_id=made["id"], password=PASSWORD)
    chief = cloud.make("user", name="chief", domain_id=made["id"], password=PASSWORD)
    assert cloud.grant(cloud.admin, chief["id"], "admin", "domain", made["id"]) == 204
    cloud.chief = _domain_token(cloud, made["id"])
    return made


def _domain_token(cloud, domain_id):
    credentials = {"name": "chief", "domain": {"id": domain_id}, "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": credentials}}
    body = {"auth": {"identity": identity, "scope": {"domain": {"id": domain_id}}}}
    return cloud.call(None, "POST", "auth/tokens", body).headers["x-subject-token"]


def test_the_role_admin_in_any_other_project_administers_nothing(cloud):
    project = cloud.make("project", name="p")
    user = cloud.make("user", name="ada", password=PASSWORD)
    cloud.grant(cloud.admin, user["id"], "admin", "project", project["id"])
    token = cloud.login("ada", project={"id": project["id"]})
    assert cloud.identity.validate(token).roles == {"member", "reader"}
    for path in ("users", "projects", "domains", "roles", "role_assignments"):
        assert cloud.call(token, "GET", path).status_code == 403
    assert cloud.call(token, "PATCH", f"users/{user['id']}", {"user": {"email": "a@b"}}).status_code == 403
    mine = cloud.call(token, "GET", "auth/tokens", **{"X-Subject-Token": token}).json["token"]
    assert mine["is_admin_project"] is False
    assert "admin" in [role["name"] for role in mine["roles"]]


def test_a_domain_s_administrator_acts_in_the_domain(cloud, domain):
    chief, lab = cloud.chief, domain["id"]
    assert {each["name"] for each in cloud.get(chief, "users")["users"]} == {"ute", "chief"}
    assert [each["name"] for each in cloud.get(chief, "projects")["projects"]] == ["p"]
    assert [each["id"] for each in cloud.get(chief, "domains")["domains"]] == [lab]
    made = cloud.call(chief, "POST", "users", {"user": {"name": "new", "password": PASSWORD}})
    assert (made.status_code, made.json["user"]["domain_id"]) == (201, lab)
    assert (
        cloud.call(chief, "PATCH", f"users/{cloud.user['id']}", {"user": {"email": "a@b"}}).status_code == 200
    )
    assert cloud.grant(chief, cloud.user["id"], "member", "project", cloud.project["id"]) == 204
    assert cloud.grant(chief, cloud.user["id"], "admin", "domain", lab) == 204
    seen = cloud.get(chief, "role_assignments")["role_assignments"]
    assert len(seen) == 3
    assert cloud.call(chief, "DELETE", f"users/{made.json['user']['id']}").status_code == 204
    assert cloud.get(chief, "roles")["roles"]


def test_a_domain_s_administrator_reaches_nothing_outside(cloud, domain):
    chief = cloud.chief
    outside = cloud.make("user", name="out", password=PASSWORD)
    project = cloud.make("project", name="out")
    (admin,) = cloud.get(cloud.admin, "users?name=admin")["users"]
    tries = [
        ("GET", f"users/{outside['id']}", None),
        ("PATCH", f"users/{outside['id']}", {"user": {"password": PASSWORD}}),
        ("PATCH", f"users/{admin['id']}", {"user": {"password": PASSWORD}}),
        ("DELETE", f"projects/{project['id']}", None),
        ("PATCH", f"domains/{domain['id']}", {"domain": {"enabled": False}}),
        ("POST", "domains", {"domain": {"name": "more"}}),
        ("POST", "roles", {"role": {"name": "more"}}),
        ("POST", "users", {"user": {"name": "x", "domain_id": "default"}}),
        ("GET", "users/nobody", None),
        ("PATCH", "users/nobody", {"user": {}}),
    ]
    for method, path, body in tries:
        assert cloud.call(chief, method, path, body).status_code == 403, path
    assert cloud.grant(chief, cloud.user["id"], "member", "project", project["id"]) == 403
    assert cloud.grant(chief, outside["id"], "member", "project", cloud.project["id"]) == 403
    assert cloud.grant(chief, cloud.user["id"], "admin", "domain", "default") == 403


def test_the_default_domain_s_administrator_does_not_become_everybody_s(cloud):
    chief = cloud.make("user", name="chief", password=PASSWORD)
    cloud.grant(cloud.admin, chief["id"], "admin", "domain", "default")
    token = _domain_token(cloud, "default")
    (admin,) = cloud.get(cloud.admin, "users?name=admin")["users"]
    (project,) = cloud.get(cloud.admin, "projects?name=admin")["projects"]
    assert (
        cloud.call(token, "PATCH", f"users/{admin['id']}", {"user": {"password": PASSWORD}}).status_code
        == 403
    )
    assert (
        cloud.call(token, "PATCH", f"projects/{project['id']}", {"project": {"name": "x"}}).status_code == 403
    )
    assert cloud.grant(token, chief["id"], "admin", "project", project["id"]) == 403
    assert (
        cloud.call(token, "POST", "users", {"user": {"name": "fine", "password": PASSWORD}}).status_code
        == 201
    )


def test_nobody_locks_out_the_last_administrator(cloud):
    (admin,) = cloud.get(cloud.admin, "users?name=admin")["users"]
    (project,) = cloud.get(cloud.admin, "projects?name=admin")["projects"]
    role = f"projects/{project['id']}/users/{admin['id']}/roles/{cloud.roles['admin']}"
    tries = [
        ("PATCH", f"users/{admin['id']}", {"user": {"enabled": False}}),
        ("DELETE", f"users/{admin['id']}", None),
        ("PATCH", f"projects/{project['id']}", {"project": {"enabled": False}}),
        ("PATCH", f"projects/{project['id']}", {"project": {"name": "renamed"}}),
        ("DELETE", f"projects/{project['id']}", None),
        ("PATCH", "domains/default", {"domain": {"enabled": False}}),
        ("DELETE", role, None),
    ]
    for method, path, body in tries:
        answer = cloud.call(cloud.admin, method, path, body)
        assert answer.status_code == 403, path
        assert "administer" in answer.json["error"]["message"]
    assert cloud.get(cloud.admin, "users")["users"]  # the token still holds
    second = cloud.make("user", name="second", password=PASSWORD)
    cloud.grant(cloud.admin, second["id"], "admin", "project", project["id"])
    assert cloud.call(cloud.admin, "DELETE", role).status_code == 204


def test_a_token_goes_with_any_that_it_was_made_from(cloud):
    first = cloud.login("admin", cloud.password)
    chain = [first]
    for _ in range(3):
        identity = {"methods": ["token"], "token": {"id": chain[-1]}}
        answer = cloud.call(
            None, "POST", "auth/tokens", {"auth": {"identity": identity, "scope": "unscoped"}}
        )
        chain.append(answer.headers["x-subject-token"])
        assert len(answer.json["token"]["audit_ids"]) == 2
    assert cloud.call(chain[1], "DELETE", "auth/tokens", **{"X-Subject-Token": chain[1]}).status_code == 204
    assert [cloud.call(each, "GET", "auth/projects").status_code for each in chain] == [200, 401, 401, 401]


def test_failures_make_wait_and_are_in_the_log(cloud, caplog):
    caplog.set_level(logging.WARNING)
    answers = [cloud.log_in("admin\nforged", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "try again in" in answers[-1].json["error"]["message"]
    lines = [record.getMessage() for record in caplog.records if "failed from" in record.getMessage()]
    assert len(lines) == 5
    assert "127.0.0.1" in lines[0]
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("short", ["a", "1234567"])
def test_a_password_has_a_least_length(cloud, short):
    (admin,) = cloud.get(cloud.admin, "users?name=admin")["users"]
    change = {"user": {"original_password": cloud.password, "password": short}}
    for method, path, body in (
        ("POST", "users", {"user": {"name": "x", "password": short}}),
        ("PATCH", f"users/{admin['id']}", {"user": {"password": short}}),
        ("POST", f"users/{admin['id']}/password", change),
    ):
        answer = cloud.call(cloud.admin, method, path, body)
        assert (answer.status_code, "8 characters" in answer.json["error"]["message"]) == (400, True)


def test_lists_refuse_what_they_do_not_filter_by_and_compare_as_keystone_does(cloud):
    for name in ("alpha", "alphabet", "Beta"):
        cloud.make("project", name=name)

    def found(query):
        return [each["name"] for each in cloud.get(cloud.admin, f"projects?{query}")["projects"]]

    assert found("name__startswith=alpha") == ["alpha", "alphabet"]
    assert found("name__icontains=BET") == ["Beta", "alphabet"]
    assert found("name__endswith=eta&enabled=true") == ["Beta"]
    assert found("tags=x") == []
    for kind, query in itertools.product(
        ("projects", "users", "domains", "roles"), ("nix=1", "name__like=a")
    ):
        answer = cloud.call(cloud.admin, "GET", f"{kind}?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json["error"]["message"]
    assert cloud.call(cloud.admin, "GET", "role_assignments?nix=1").status_code == 400
