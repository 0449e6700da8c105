"""The identity service keeps its promises on each kind of database."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from evener.resources.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from evener.store.database import Database
from evener_cloud.identity.access import InDomain
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.directory import DOMAIN, PROJECT, ROLE, USER
from evener_cloud.identity.grants import Grant
from evener_cloud.identity.models import DomainInput, Login, ProjectInput, RoleInput, UserInput
from evener_cloud.identity.tables import identity_assignments, identity_revocations


class Rig:
    """A service with its administrator, and short ways to make and log in users."""

    def __init__(self, database: Database, path: Path) -> None:
        self.database = database
        self.identity = BuiltinIdentity(database, path / "key", 3600)
        self.admin_password = self.identity.bootstrap() or ""
        self.directory, self.grants = self.identity.directory, self.identity.grants

    def role(self, name: str) -> str:
        return str(self.directory.listing(ROLE, {"name": name})[0]["id"])

    def user(self, name: str, *roles: str, domain_id: str = "default") -> tuple[str, str]:
        """Make a user and a project of one name; return the ids of both."""
        project = self.directory.create(PROJECT, ProjectInput(name=name, domain_id=domain_id))["id"]
        given = UserInput(name=name, domain_id=domain_id, password="pw", default_project_id=project)
        user = self.directory.create(USER, given)["id"]
        for role in roles:
            self.grants.add(Grant(user, self.role(role), "project", project))
        return user, project

    def login(self, user_id: str, password: str = "pw", scope: Any = None) -> str:
        user = {"id": user_id, "password": password}
        body = {"identity": {"methods": ["password"], "password": {"user": user}}}
        return self.identity.login(Login.model_validate(body | ({"scope": scope} if scope else {})))[0]

    def refused(self, token: str) -> bool:
        try:
            self.identity.validate(token)
        except Unauthorized:
            return True
        return False


@pytest.fixture
def rig(database: Database, tmp_path: Path) -> Rig:
    return Rig(database, tmp_path)


def test_a_member_is_a_reader_too_and_an_administrator_everything(rig: Rig) -> None:
    for role, roles in (
        ("reader", {"reader"}),
        ("member", {"member", "reader"}),
        ("admin", {"member", "reader"}),  # of its own project
    ):
        user, project = rig.user(f"a-{role}", role)
        caller = rig.identity.validate(rig.login(user))
        assert (caller.user_id, caller.project_id, caller.roles) == (user, project, roles)
    (admin,) = rig.directory.listing(USER, {"name": "admin"})
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    caller = rig.identity.validate(rig.login(admin["id"], rig.admin_password, scope))
    assert caller.roles == {"admin", "member", "reader"}


def test_validation_takes_one_statement(rig: Rig) -> None:
    user, _ = rig.user("una", "admin", "reader")
    token = rig.login(user)
    statements: list[str] = []
    event.listen(rig.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    rig.identity.validate(token)
    assert len([text for text in statements if not text.startswith(("BEGIN", "PRAGMA"))]) == 1


def test_a_token_for_no_project_is_no_caller(rig: Rig) -> None:
    user, _ = rig.user("nils", "admin")
    token = rig.login(user, scope="unscoped")
    assert rig.identity.access(token).roles == ()
    assert rig.refused(token)


def _disable(kind: Any, model: Any) -> Callable[[Rig, str], object]:
    return lambda rig, object_id: rig.directory.change(kind, object_id, model(enabled=False))


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("user", _disable(USER, UserInput)),
        ("user", lambda rig, user: rig.directory.change(USER, user, UserInput(password="new"))),
        ("user", lambda rig, user: rig.directory.change_password(user, "pw", "new")),
        ("user", lambda rig, user: rig.directory.delete(USER, user)),
        ("project", _disable(PROJECT, ProjectInput)),
        ("project", lambda rig, project: rig.directory.delete(PROJECT, project)),
        ("domain", _disable(DOMAIN, DomainInput)),
    ],
)
def test_a_token_ends_with_what_it_stands_on(
    rig: Rig, what: str, change: Callable[[Rig, str], object]
) -> None:
    domain = rig.directory.create(DOMAIN, DomainInput(name="ground"))["id"]
    user, project = rig.user("tina", "member", domain_id=domain)
    token = rig.login(user)
    assert not rig.refused(token)
    change(rig, {"user": user, "project": project, "domain": domain}[what])
    assert rig.refused(token)


def test_tokens_do_not_come_back_with_a_user_who_was_disabled(rig: Rig) -> None:
    user, _ = rig.user("rita", "member")
    token = rig.login(user)
    for enabled in (False, True):
        rig.directory.change(USER, user, UserInput(enabled=enabled))
    assert rig.refused(token)
    assert not rig.refused(rig.login(user))


def test_a_change_that_changes_nothing_keeps_the_tokens(rig: Rig) -> None:
    user, _ = rig.user("karl", "member")
    token = rig.login(user)
    rig.directory.change(USER, user, UserInput(name="karl", enabled=True, email="k@l"))
    assert not rig.refused(token)


def test_a_token_given_back_is_void_and_forgotten_once_it_has_expired(rig: Rig, tmp_path: Path) -> None:
    user, _ = rig.user("greta", "member")
    kept = rig.identity
    for lifetime_s in (1, 5, 30):
        rig.identity = BuiltinIdentity(rig.database, tmp_path / "key", lifetime_s)
        with suppress(Unauthorized):  # it has expired before it could be given back
            rig.identity.revoke(rig.login(user))
            break
    threading.Event().wait(lifetime_s + 0.1)
    rig.identity = kept
    first, second = rig.login(user), rig.login(user)
    rig.identity.revoke(first)
    assert (rig.refused(first), rig.refused(second)) == (True, False)
    with pytest.raises(Unauthorized):
        rig.identity.revoke(first)
    with rig.database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(identity_revocations)) == 1


def test_what_belongs_to_a_domain_goes_with_it(rig: Rig) -> None:
    domain = rig.directory.create(DOMAIN, DomainInput(name="gone"))["id"]
    user, project = rig.user("gustav", "member", domain_id=domain)
    outsider, _ = rig.user("olga")
    rig.grants.add(Grant(outsider, rig.role("member"), "project", project))
    rig.grants.add(Grant(outsider, rig.role("reader"), "domain", domain))
    with pytest.raises(Forbidden):
        rig.directory.delete(DOMAIN, domain)
    rig.directory.change(DOMAIN, domain, DomainInput(enabled=False))
    rig.directory.delete(DOMAIN, domain)
    for kind, object_id in ((DOMAIN, domain), (PROJECT, project), (USER, user)):
        with pytest.raises(NotFound):
            rig.directory.get(kind, object_id)
    assert [each.user.name for each in rig.grants.listing({})] == ["admin"]
    with pytest.raises(Forbidden):
        rig.directory.delete(DOMAIN, "default")


def test_a_user_outlives_the_default_project(rig: Rig) -> None:
    user, project = rig.user("willi", "member")
    rig.directory.delete(PROJECT, project)
    assert rig.directory.get(USER, user)["default_project_id"] is None
    assert rig.identity.access(rig.login(user)).project is None


def test_names_are_taken_within_a_domain_only_and_by_code_points(rig: Rig) -> None:
    domain = rig.directory.create(DOMAIN, DomainInput(name="elsewhere"))["id"]
    rig.user("zoë")
    rig.user("zoë", domain_id=domain)
    rig.user("Zoë")
    rig.user("zoe")
    with pytest.raises(Conflict):
        rig.user("zoë")
    assert [each["name"] for each in rig.directory.listing(USER, {"name": "zoë", "domain_id": domain})] == [
        "zoë"
    ]


def test_a_role_is_given_once_and_taken_once(rig: Rig) -> None:
    user, project = rig.user("otto")
    grant = Grant(user, rig.role("member"), "project", project)
    with pytest.raises(NotFound):
        rig.grants.check(grant)
    rig.grants.add(grant)
    rig.grants.add(grant)
    rig.grants.check(grant)
    assert [role.name for role in rig.grants.roles_on(user, "project", project)] == ["member"]
    rig.grants.remove(grant)
    with pytest.raises(NotFound):
        rig.grants.remove(grant)
    with pytest.raises(NotFound):
        rig.grants.add(Grant(user, "none", "project", project))


def test_effective_assignments_name_the_implied_roles(rig: Rig) -> None:
    user, project = rig.user("emil", "member", "reader")
    filters = {"user.id": user, "scope.project.id": project}
    plain = [each.role.name for each in rig.grants.listing(filters)]
    effective = rig.grants.listing(filters, effective=True)
    assert plain == ["member", "reader"]
    assert [each.role.name for each in effective] == ["member", "reader"]
    assert isinstance(effective[0].project, InDomain)
    reader = {**filters, "role.id": rig.role("reader")}
    rig.grants.remove(Grant(user, rig.role("reader"), "project", project))
    assert rig.grants.listing(reader) == []
    assert len(rig.grants.listing(reader, effective=True)) == 1


def test_the_builtin_roles_stay(rig: Rig) -> None:
    for name in ("admin", "member", "reader"):
        with pytest.raises(Forbidden):
            rig.directory.delete(ROLE, rig.role(name))
        with pytest.raises(Forbidden):
            rig.directory.change(ROLE, rig.role(name), RoleInput(name="other"))
    made = rig.directory.create(ROLE, RoleInput(name="own"))["id"]
    rig.directory.change(ROLE, made, RoleInput(name="mine", description="d"))
    rig.directory.delete(ROLE, made)


def test_a_project_stays_in_its_domain_and_holds_no_projects(rig: Rig) -> None:
    _, project = rig.user("hugo")
    domain = rig.directory.create(DOMAIN, DomainInput(name="other"))["id"]
    for given in (ProjectInput(domain_id=domain), ProjectInput(parent_id=domain)):
        with pytest.raises(InvalidInput):
            rig.directory.change(PROJECT, project, given)
    rig.directory.change(PROJECT, project, ProjectInput(domain_id="default", parent_id="default"))
    with pytest.raises(InvalidInput):
        rig.directory.create(PROJECT, ProjectInput(name="nested", parent_id=project))


@pytest.mark.parametrize("strange", ["\x00", "a\x00b", "x" * 5000, "'; --", "%", "\U0001f600"])
def test_strange_text_is_looked_for_and_not_found(rig: Rig, strange: str) -> None:
    for kind in (DOMAIN, PROJECT, USER, ROLE):
        assert rig.directory.listing(kind, {"name": strange}) == []
        with pytest.raises(NotFound):
            rig.directory.get(kind, strange)
    assert rig.grants.listing({"user.id": strange}) == []
    with pytest.raises(Unauthorized):
        rig.directory.change_password(strange, "a", "b")


def test_only_one_of_many_who_start_at_once_makes_the_administrator(
    database: Database, tmp_path: Path
) -> None:
    services = [BuiltinIdentity(database, tmp_path / "key", 60) for _ in range(4)]
    passwords: list[str | None] = []
    _at_once([lambda service=service: passwords.append(service.bootstrap()) for service in services])
    assert len(passwords) == 4
    assert len([each for each in passwords if each]) == 1


def test_only_one_of_many_who_want_a_name_at_once_gets_it(rig: Rig) -> None:
    results: list[str] = []

    def create() -> None:
        try:
            rig.directory.create(PROJECT, ProjectInput(name="wanted"))
            results.append("made")
        except Conflict:
            results.append("taken")

    _at_once([create] * 6)
    assert sorted(results) == ["made", *["taken"] * 5]


def test_a_role_given_by_many_at_once_is_given_once(rig: Rig) -> None:
    user, project = rig.user("vera")
    grant = Grant(user, rig.role("member"), "project", project)
    failures: list[Exception] = []

    def add() -> None:
        try:
            rig.grants.add(grant)
        except Exception as error:  # noqa: BLE001 - any is a failure of this test
            failures.append(error)

    _at_once([add] * 6)
    assert failures == []
    with rig.database.read() as tx:
        mine = identity_assignments.c.user_id == user
        assert tx.scalar(select(func.count()).select_from(identity_assignments).where(mine)) == 1


def test_a_password_changed_by_many_at_once_is_one_of_theirs(rig: Rig) -> None:
    user, _ = rig.user("mona", "member")
    done: list[str] = []

    def change(password: str) -> None:
        try:
            rig.directory.change_password(user, "pw", password)
            done.append(password)
        except Unauthorized:
            pass

    _at_once([lambda password=f"new-{n}": change(password) for n in range(4)])
    assert len(done) == 1
    rig.login(user, done[0])


def test_credentials_are_delivered_before_the_administrator_exists(
    database: Database, tmp_path: Path
) -> None:
    identity = BuiltinIdentity(database, tmp_path / "key", 60)

    def fail(_password: str) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        identity.bootstrap(fail)
    delivered: list[str] = []
    assert identity.bootstrap(delivered.append) == delivered[0]
    assert identity.bootstrap(fail) is None


def _at_once(actions: list[Callable[[], object]]) -> None:
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        action()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_it_says_which_projects_there_are(rig: Rig) -> None:
    _, project = rig.user("ann")
    rig.directory.change(PROJECT, project, ProjectInput(enabled=False))
    assert rig.identity.has_project(project)
    for other in ("", "ann", project.upper(), project + " ", "0" * 32, "\x00", "\u2603"):
        assert not rig.identity.has_project(other)
