"""Whatever a client sends to the identity API, it is told in Keystone's form, and never with a 500."""

import itertools
import json
from pathlib import Path
from typing import Any

import falcon
import falcon.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evener.api.app import App
from evener.store.database import Database
from evener.store.schema import metadata
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http.routes import add_routes

V3 = "/identity/v3"


class Rig:
    """An API on an SQLite database, with the administrator's token and ids."""

    def __init__(self, path: Path) -> None:
        database = Database(f"sqlite:///{path / 'db.sqlite'}")
        metadata.create_all(database.engine)
        identity = BuiltinIdentity(database, path / "key", 3600)
        self.password = identity.bootstrap() or ""
        app = App()
        add_routes(app, identity, "http://127.0.0.1:9876")
        self.client = falcon.testing.TestClient(app)
        reply = self.client.simulate_post(f"{V3}/auth/tokens", json=self.login(self.password))
        self.headers = {"X-Auth-Token": reply.headers["X-Subject-Token"]}
        token = reply.json["token"]
        self.user_id, self.project_id = token["user"]["id"], token["project"]["id"]

    def login(self, password: str, **scope: Any) -> dict[str, Any]:
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        project = {"project": {"name": "admin", "domain": domain}}
        return {"auth": {"identity": identity, "scope": scope or project}}

    def send(self, method: str, path: str, body: bytes | str | None = None, **more: Any) -> Any:
        return self.client.simulate_request(method, V3 + path, body=body, headers=self.headers, **more)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(tmp_path_factory.mktemp("identity"))


def refused(reply: Any) -> int:
    """Return the status of an answer that is an error in Keystone's form."""
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json["error"]
    assert set(error) == {"code", "title", "message"}
    assert error["code"] == reply.status_code
    assert "Traceback" not in error["message"]
    return int(reply.status_code)


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "a\x00b", "\ud800", "x" * 300, " ", "default", "admin", "é" * 70]),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "name",
    "domain_id",
    "enabled",
    "description",
    "default_project_id",
    "email",
    "parent_id",
    "options",
    "x",
]
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
numbers = itertools.count()
KIND_NAMES = ["domain", "project", "user", "role"]
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(reply: Any, *fine: int) -> None:
    if reply.status_code not in fine:
        refused(reply)


@slow
@given(kind=st.sampled_from(KIND_NAMES), fields=objects)
def test_no_object_of_a_request_to_create_is_a_server_error(rig: Rig, kind: str, fields: Any) -> None:
    check(rig.send("POST", f"/{kind}s", json.dumps({kind: fields})), 201)


@slow
@given(kind=st.sampled_from(KIND_NAMES), body=values, change=st.booleans())
def test_no_json_is_a_server_error(rig: Rig, kind: str, body: Any, change: bool) -> None:
    path = f"/{kind}s/nothing" if change else f"/{kind}s"
    refused(rig.send("PATCH" if change else "POST", path, json.dumps(body)))


@slow
@given(fields=objects)
def test_no_change_of_a_user_is_a_server_error(rig: Rig, fields: Any) -> None:
    made = rig.send("POST", "/users", json.dumps({"user": {"name": f"u{next(numbers)}"}}))
    check(rig.send("PATCH", f"/users/{made.json['user']['id']}", json.dumps({"user": fields})), 200)


@slow
@given(st.binary(max_size=60))
def test_no_bytes_are_a_server_error(rig: Rig, body: bytes) -> None:
    refused(rig.send("POST", "/users", body))
    refused(rig.send("POST", "/auth/tokens", body))


@slow
@given(data=st.data())
def test_no_damaged_login_gets_in_or_is_a_server_error(rig: Rig, data: st.DataObject) -> None:
    body = rig.login("wrong")
    at: Any = body
    while isinstance(at, dict) and at:
        key = data.draw(st.sampled_from(sorted(at)))
        if data.draw(st.booleans()) or not isinstance(at[key], dict):
            at[key] = data.draw(values)
            break
        at = at[key]
    assert refused(rig.send("POST", "/auth/tokens", json.dumps(body))) in (400, 401)


@pytest.mark.parametrize(
    "body", ["", "[" * 100_000, '{"user": ' + "9" * 5000 + "}", "NaN", '{"user": 1', "\ufeff{}"]
)
def test_text_that_is_no_json_object_is_a_bad_request(rig: Rig, body: str) -> None:
    assert refused(rig.send("POST", "/users", body)) == 400


def test_a_body_of_more_than_a_mebibyte_is_refused(rig: Rig) -> None:
    assert refused(rig.send("POST", "/users", b" " * 1_048_577)) == 400


@slow
@given(
    path=st.sampled_from(["/users", "/projects", "/domains", "/roles", "/role_assignments"]),
    params=st.dictionaries(
        st.sampled_from(
            ["name", "domain_id", "enabled", "limit", "marker", "user.id", "scope.project.id", "parent_id"]
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
)
def test_no_filter_is_a_server_error(rig: Rig, path: str, params: Any) -> None:
    check(rig.send("GET", path, params=params), 200)


@slow
@given(method=st.sampled_from(["GET", "PATCH", "DELETE"]), kind=st.sampled_from(KIND_NAMES), part=texts)
def test_an_unknown_id_is_not_found(rig: Rig, method: str, kind: str, part: str) -> None:
    quoted = falcon.uri.encode_value(part.encode("utf-8", "replace").decode()) or "none"
    body = json.dumps({kind: {}}) if method == "PATCH" else None
    if part != "default":
        assert refused(rig.send(method, f"/{kind}s/{quoted}", body)) == 404


@pytest.mark.parametrize("path", ["/nothing", "/users/a/b/c", "/auth", "/projects/a%2Fb"])
def test_an_unknown_path_is_not_found(rig: Rig, path: str) -> None:
    assert refused(rig.send("GET", path)) == 404


def test_a_method_that_a_path_does_not_have_is_not_allowed(rig: Rig) -> None:
    reply = rig.send("PUT", "/users")
    assert refused(reply) == 405
    assert reply.headers["Allow"] == "HEAD, GET, POST"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 5},
        {"name": None},
        {"enabled": "true", "name": "a"},
        {"password": "secret-to-nobody", "name": "a", "email": 1},
        {"name": "a", "password": ["secret-to-nobody"]},
        {"name": "a", "unknown": "secret-to-nobody"},
        {"name": "a", "domain_id": "none"},
        {"name": "a", "default_project_id": "none"},
        {},
    ],
)
def test_a_user_that_cannot_be_is_refused_without_repeating_what_was_given(rig: Rig, fields: Any) -> None:
    reply = rig.send("POST", "/users", json.dumps({"user": fields}))
    assert refused(reply) == 400
    assert "secret-to-nobody" not in reply.text


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_name_that_is_taken_conflicts(rig: Rig, kind: str) -> None:
    body = json.dumps({kind: {"name": f"twin-{kind}"}})
    assert rig.send("POST", f"/{kind}s", body).status_code == 201
    assert refused(rig.send("POST", f"/{kind}s", body)) == 409
    other = rig.send("POST", f"/{kind}s", json.dumps({kind: {"name": f"other-{kind}"}})).json[kind]["id"]
    assert refused(rig.send("PATCH", f"/{kind}s/{other}", body)) == 409


def test_wrong_user_password_and_project_are_told_alike(rig: Rig) -> None:
    bodies = [rig.login("wrong"), rig.login(rig.password, project={"id": "none"}), rig.login(rig.password)]
    bodies[2]["auth"]["identity"]["password"]["user"]["name"] = "nobody"
    replies = [rig.send("POST", "/auth/tokens", json.dumps(body)) for body in bodies]
    assert [refused(reply) for reply in replies] == [401, 401, 401]
    assert len({reply.text for reply in replies}) == 1
    assert replies[0].headers["WWW-Authenticate"] == 'Keystone uri="http://127.0.0.1:9876/identity/v3"'


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "é", "x" * 10_000])
def test_a_token_that_is_none_is_unauthorized(rig: Rig, token: str) -> None:
    headers = {"X-Auth-Token": token}
    assert refused(rig.client.simulate_get(f"{V3}/users", headers=headers)) == 401


def test_the_versions_are_told_without_a_token(rig: Rig) -> None:
    reply = rig.client.simulate_get("/identity")
    assert reply.status_code == 300
    version = reply.json["versions"]["values"][0]
    assert (version["id"], version["status"]) == ("v3.14", "stable")
    for path in ("/identity/", "/identity/v3", "/identity/v3/"):
        assert rig.client.simulate_get(path).status_code in (200, 300)


def test_a_user_id_can_not_be_guessed_by_one_who_is_no_administrator(rig: Rig) -> None:
    scope = rig.login(rig.password, unscoped={})
    reply = rig.send("POST", "/auth/tokens", json.dumps(scope))
    headers = {"X-Auth-Token": reply.headers["X-Subject-Token"]}
    for user_id in ("none", "\x00"):
        path = f"{V3}/users/{falcon.uri.encode_value(user_id)}"
        assert refused(rig.client.simulate_get(path, headers=headers)) == 403
    assert rig.client.simulate_get(f"{V3}/users/{rig.user_id}", headers=headers).status_code == 200
