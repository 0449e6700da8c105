"""Callers, as a real Keystone knows them by their tokens."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_config import cfg

from conftest import load, named
from evener.resources.errors import Forbidden, Unauthorized, Unavailable
from evener.services.keystone import KeystoneIdentity

pytestmark = pytest.mark.cloud
NOBODYS = "9d3cb1b2-0000-4000-8000-000000000000"


@pytest.fixture
def middleware(settings: str) -> str:
    """Return the settings of keystonemiddleware, with the administrator's credentials."""
    url, user, password = (os.environ[f"OS_{name}"] for name in ("AUTH_URL", "USERNAME", "PASSWORD"))
    return (
        f"{settings}[keystone_authtoken]\nauth_url = {url}\nwww_authenticate_uri = {url}\nauth_type = password\n"
        f"username = {user}\npassword = {password}\nproject_name = {os.environ['OS_PROJECT_NAME']}\n"
        "user_domain_id = default\nproject_domain_id = default\n"
    )


@pytest.fixture
def identity(tmp_path: Any, middleware: str) -> KeystoneIdentity:
    return KeystoneIdentity(load(tmp_path, middleware), remembered_s=0.5)


@pytest.fixture
def ann(admin: Any) -> Iterator[Any]:
    """Yield a user with the role `member` in a project of her own, as (user, project, token)."""
    project = admin.identity.create_project(name=named("project"), domain_id="default")
    user = admin.identity.create_user(name=named("ann"), password="secret", domain_id="default")
    admin.identity.assign_project_role_to_user(project, user, admin.identity.find_role("member"))
    connection = admin.connect_as(
        username=user.name, password="secret", project_id=project.id, user_domain_id="default"
    )
    yield user, project, connection.auth_token
    admin.identity.delete_user(user)
    admin.identity.delete_project(project)


@pytest.fixture
def service(admin: Any) -> Iterator[str]:
    """Yield the token of a service."""
    role = admin.identity.find_role("service") or admin.identity.create_role(name="service")
    project = admin.identity.find_project("service")
    user = admin.identity.create_user(name=named("service"), password="secret", domain_id="default")
    admin.identity.assign_project_role_to_user(project, user, role)
    connection = admin.connect_as(username=user.name, password="secret", project_id=project.id)
    yield connection.auth_token
    admin.identity.delete_user(user)


def test_a_caller_has_the_roles_that_keystone_says_with_those_implied(
    identity: KeystoneIdentity, ann: Any
) -> None:
    user, project, token = ann
    caller = identity.validate(token)
    assert (caller.user_id, caller.project_id) == (user.id, project.id)
    assert caller.roles >= {"member", "reader"}
    assert not caller.is_admin
    assert caller.token == token


def test_a_token_that_is_none_or_was_revoked_is_nobodys(
    identity: KeystoneIdentity, ann: Any, admin: Any
) -> None:
    token = ann[2]
    for wrong in ("nonsense", token[:-4] + "AAAA", "a" * 10_000, "ä"):
        with pytest.raises(Unauthorized):
            identity.validate(wrong)
    identity.validate(token)
    admin.session.delete(
        "/auth/tokens", headers={"X-Subject-Token": token}, endpoint_filter={"service_type": "identity"}
    )
    time.sleep(0.6)  # as long as an answer is remembered
    with pytest.raises(Unauthorized):
        identity.validate(token)


def test_a_token_for_the_system_is_refused_and_one_for_nothing_is_nobodys(
    identity: KeystoneIdentity, admin: Any
) -> None:
    given = {"username": os.environ["OS_USERNAME"], "password": os.environ["OS_PASSWORD"]}
    password = {
        "user": {"name": given["username"], "password": given["password"], "domain": {"id": "default"}}
    }
    asked = {"auth": {"identity": {"methods": ["password"], "password": password}}}
    tokens = {}
    for scope in ({"system": {"all": True}}, "unscoped"):
        body = {"auth": {**asked["auth"], "scope": scope}}
        answer = admin.session.post(
            f"{os.environ['OS_AUTH_URL']}/auth/tokens", json=body, authenticated=False
        )
        tokens[str(scope)] = answer.headers["X-Subject-Token"]
    with pytest.raises(Forbidden):
        identity.validate(tokens["{'system': {'all': True}}"])
    with pytest.raises(Unauthorized):
        identity.validate(tokens["unscoped"])


def test_a_service_that_passes_a_request_on_says_who_it_is(
    identity: KeystoneIdentity, ann: Any, service: str
) -> None:
    assert identity.validate(ann[2], service).user_id == ann[0].id
    with pytest.raises(Unauthorized):
        identity.validate(ann[2], "nonsense")


def test_projects_are_known(identity: KeystoneIdentity, ann: Any) -> None:
    assert identity.has_project(ann[1].id)
    assert not identity.has_project(NOBODYS)


def test_who_is_not_answered_says_so(tmp_path: Any, middleware: str) -> None:
    nowhere = middleware.replace(os.environ["OS_AUTH_URL"], "http://127.0.0.1:9/v3")
    identity = KeystoneIdentity(load(tmp_path, nowhere))
    with pytest.raises(Unavailable):
        identity.validate("a-token")
    with pytest.raises(Unavailable):
        identity.has_project(NOBODYS)


def test_settings_of_the_middleware_are_read(middleware: str, tmp_path: Any) -> None:
    conf: cfg.ConfigOpts = load(tmp_path, middleware)
    KeystoneIdentity(conf)
    assert conf.keystone_authtoken.auth_url == os.environ["OS_AUTH_URL"]
