"""Which user has which role where: on a project or on a domain. Does not ask who wants to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, delete, insert, select

from evener.resources.errors import NotFound
from evener.store.database import Database, Transaction, retried
from evener_cloud.identity.access import InDomain, Named, implied_by
from evener_cloud.identity.administrators import Administrators
from evener_cloud.identity.directory import DOMAIN, PROJECT, ROLE, USER, get_record, new_id
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_roles,
    identity_users,
)

TargetKind = Literal["project", "domain"]
_TARGETS = {"project": PROJECT, "domain": DOMAIN}
_FILTERS = {
    "user.id": identity_assignments.c.user_id,
    "scope.project.id": identity_assignments.c.project_id,
    "scope.domain.id": identity_assignments.c.domain_id,
}
_held = identity_roles.alias("held")
_user_domains = identity_domains.alias("user_domains")
_project_domains = identity_domains.alias("project_domains")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a user on a project or on a domain."""

    user_id: str
    role_id: str
    target_kind: TargetKind
    target_id: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A grant with all names; exactly one of `project` and `domain` is set."""

    user: InDomain
    role: Named
    project: InDomain | None
    domain: Named | None


def _conditions(grant: Grant) -> list[ColumnElement[bool]]:
    columns = identity_assignments.c
    return [
        columns.user_id == grant.user_id,
        columns.role_id == grant.role_id,
        columns[f"{grant.target_kind}_id"] == grant.target_id,
    ]


class Grants:
    """The role assignments of `database`."""

    def __init__(self, database: Database, administrators: Administrators) -> None:
        self._database = database
        self._administrators = administrators

    @retried
    def add(self, grant: Grant) -> None:
        """Give the user the role there; nothing changes when it is so already.

        Raises:
            NotFound: when the user, the role or the target does not exist.
        """
        with self._database.write() as tx:
            _check_existence(tx, grant)
            if _exists(tx, grant):
                return
            values = {"id": new_id(), "user_id": grant.user_id, "role_id": grant.role_id}
            values[f"{grant.target_kind}_id"] = grant.target_id
            tx.execute(insert(identity_assignments).values(**values))

    def check(self, grant: Grant) -> None:
        """Do nothing when the user has the role there.

        Raises:
            NotFound: when not.
        """
        with self._database.read() as tx:
            _check_existence(tx, grant)
            if not _exists(tx, grant):
                raise _no_such(grant)

    @retried
    def remove(self, grant: Grant) -> None:
        """Take the role from the user there.

        Raises:
            NotFound: when the user does not have it.
            Forbidden: where nobody would be left who administers.
        """
        with self._database.write() as tx, self._administrators.kept(tx):
            _check_existence(tx, grant)
            if tx.execute(delete(identity_assignments).where(*_conditions(grant))).rowcount == 0:
                raise _no_such(grant)

    def listing(self, filters: Mapping[str, str], *, effective: bool = False) -> list[Assignment]:
        """Return the assignments that match `filters`; with `effective`, those of implied roles too.

        A filter is one of `user.id`, `role.id`, `scope.project.id` and `scope.domain.id`.
        """
        if any("\x00" in value for value in filters.values()):
            return []
        role = identity_roles
        statement = _listing(effective=effective)
        for name, value in filters.items():
            statement = statement.where((role.c.id if name == "role.id" else _FILTERS[name]) == value)
        with self._database.read() as tx:
            return list(dict.fromkeys(_assignment(row) for row in tx.execute(statement)))

    def roles_on(self, user_id: str, target_kind: TargetKind, target_id: str) -> list[Named]:
        """Return the roles that the user was given there.

        Raises:
            NotFound: when the user or the target does not exist.
        """
        with self._database.read() as tx:
            get_record(tx, USER, user_id)
            get_record(tx, _TARGETS[target_kind], target_id)
        filters = {"user.id": user_id, f"scope.{target_kind}.id": target_id}
        return [assignment.role for assignment in self.listing(filters)]


def _check_existence(tx: Transaction, grant: Grant) -> None:
    get_record(tx, ROLE, grant.role_id)
    get_record(tx, USER, grant.user_id)
    get_record(tx, _TARGETS[grant.target_kind], grant.target_id)


def _exists(tx: Transaction, grant: Grant) -> bool:
    return tx.scalar(select(identity_assignments.c.id).where(*_conditions(grant))) is not None


def _no_such(grant: Grant) -> NotFound:
    return NotFound(
        f"Could not find role assignment with role: {grant.role_id}, user: {grant.user_id}, "
        f"{grant.target_kind}: {grant.target_id}."
    )


def _listing(*, effective: bool) -> Select[Any]:
    users, projects, domains, roles = identity_users, identity_projects, identity_domains, identity_roles
    assignments = identity_assignments
    return (
        select(
            users.c.id.label("user_id"),
            users.c.name.label("user_name"),
            _user_domains.c.id.label("user_domain_id"),
            _user_domains.c.name.label("user_domain_name"),
            roles.c.id.label("role_id"),
            roles.c.name.label("role_name"),
            projects.c.id.label("project_id"),
            projects.c.name.label("project_name"),
            _project_domains.c.id.label("project_domain_id"),
            _project_domains.c.name.label("project_domain_name"),
            domains.c.id.label("domain_id"),
            domains.c.name.label("domain_name"),
        )
        .select_from(assignments)
        .join(users, users.c.id == assignments.c.user_id)
        .join(_user_domains, _user_domains.c.id == users.c.domain_id)
        .join(_held, _held.c.id == assignments.c.role_id)
        .join(roles, implied_by(_held, roles) if effective else roles.c.id == _held.c.id)
        .outerjoin(projects, projects.c.id == assignments.c.project_id)
        .outerjoin(_project_domains, _project_domains.c.id == projects.c.domain_id)
        .outerjoin(domains, domains.c.id == assignments.c.domain_id)
        .order_by(users.c.name, users.c.id, projects.c.name, domains.c.name, roles.c.name)
    )


def _assignment(row: Any) -> Assignment:
    return Assignment(
        user=InDomain(row.user_id, row.user_name, Named(row.user_domain_id, row.user_domain_name)),
        role=Named(row.role_id, row.role_name),
        project=InDomain(
            row.project_id, row.project_name, Named(row.project_domain_id, row.project_domain_name)
        )
        if row.project_id
        else None,
        domain=Named(row.domain_id, row.domain_name) if row.domain_id else None,
    )
