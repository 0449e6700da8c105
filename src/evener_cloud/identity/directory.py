"""Domains, projects, users and roles: made, found, changed, deleted. Does not ask who wants it.

A record is a row as a mapping, without the hash of the password.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from evener.resources.caller import ADMIN, DEFAULT_DOMAIN, MEMBER, READER
from evener.resources.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from evener.store.database import Database, Transaction, retried
from evener_cloud.identity.administrators import Administrators
from evener_cloud.identity.models import DomainInput, Input, ProjectInput, RoleInput, UserInput
from evener_cloud.identity.passwords import hash_password, verify_password
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_roles,
    identity_users,
)

BUILTIN_ROLES = (ADMIN, MEMBER, READER)
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the four kinds of object, with its names, its table and what may be written of it."""

    name: str
    plural: str
    table: Table
    model: type[Input]


DOMAIN = Kind("domain", "domains", identity_domains, DomainInput)
PROJECT = Kind("project", "projects", identity_projects, ProjectInput)
USER = Kind("user", "users", identity_users, UserInput)
ROLE = Kind("role", "roles", identity_roles, RoleInput)
KINDS = (DOMAIN, PROJECT, USER, ROLE)


def new_id() -> str:
    """Return an id of Keystone's form: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def get_record(tx: Transaction, kind: Kind, object_id: str) -> Record:
    """Return one object.

    Raises:
        NotFound: when there is none.
    """
    # PostgreSQL takes no NUL, not even to compare with.
    row = None if "\x00" in object_id else _row(tx, kind, object_id)
    if row is None:
        raise NotFound(f"Could not find {kind.name}: {object_id[:64]}.")
    return _record(row)


def _row(tx: Transaction, kind: Kind, object_id: str) -> Row[Any] | None:
    return tx.execute(select(kind.table).where(kind.table.c.id == object_id)).first()


def _record(row: Row[Any]) -> Record:
    return {name: value for name, value in row._mapping.items() if name != "password_hash"}  # noqa: SLF001


class Directory:
    """The domains, projects, users and roles of `database`."""

    def __init__(self, database: Database, administrators: Administrators, min_password_length: int) -> None:
        self._database = database
        self._administrators = administrators
        self._min_password_length = min_password_length

    def get(self, kind: Kind, object_id: str) -> Record:
        """Return one object.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as tx:
            return get_record(tx, kind, object_id)

    def is_protected(self, kind: Kind, object_id: str) -> bool:
        """Return whether only who administers everything may touch the object."""
        with self._database.read() as tx:
            return self._administrators.protects(
                tx,
                project_id=object_id if kind is PROJECT else None,
                user_id=object_id if kind is USER else None,
            )

    def listing(self, kind: Kind, filters: Mapping[str, Any]) -> list[Record]:
        """Return the objects whose columns have the values of `filters`, by name."""
        table = kind.table
        if any(isinstance(value, str) and "\x00" in value for value in filters.values()):
            return []
        conditions = [table.c[name] == value for name, value in filters.items()]
        with self._database.read() as tx:
            rows = tx.execute(select(table).where(*conditions).order_by(table.c.name, table.c.id))
            return [_record(row) for row in rows]

    def create(self, kind: Kind, given: Input) -> Record:
        """Make an object and return it.

        Raises:
            InvalidInput: when the name is missing, the password too short, or an object that is named does not exist.
            Conflict: when the name is taken.
        """
        self._check_password(getattr(given, "password", None))
        values = _columns(kind, given)
        if not values.get("name"):
            raise InvalidInput(f"'name' is a required property of a {kind.name}")
        for name, field in type(given).model_fields.items():
            if name in kind.table.c:
                values.setdefault(name, field.default)
        values["id"] = new_id()
        if "domain_id" in kind.table.c:
            values["domain_id"] = values["domain_id"] or DEFAULT_DOMAIN
        if kind is USER:
            values["token_generation"] = 0
        _check_parent(given, values)
        return self._create(kind, values)

    @retried
    def _create(self, kind: Kind, values: dict[str, Any]) -> Record:
        with self._database.write() as tx:
            _check_references(tx, values)
            _write(tx, kind, insert(kind.table).values(**values))
            return get_record(tx, kind, values["id"])

    def change(self, kind: Kind, object_id: str, given: Input) -> Record:
        """Change what is `given` of an object, and return it.

        A user who is disabled or gets a password loses all tokens.

        Raises:
            NotFound: when there is none.
            InvalidInput: when an object that is named does not exist, or the domain would change.
            Conflict: when the name is taken.
            Forbidden: for the name of a builtin role, and where nobody would be left who administers.
        """
        self._check_password(getattr(given, "password", None))
        return self._change(kind, object_id, given, _columns(kind, given))

    def _check_password(self, password: str | None) -> None:
        if password is not None and len(password) < self._min_password_length:
            raise InvalidInput(f"'password' must have at least {self._min_password_length} characters")

    @retried
    def _change(self, kind: Kind, object_id: str, given: Input, values: dict[str, Any]) -> Record:
        table = kind.table
        with self._database.write() as tx, self._administrators.kept(tx):
            record = get_record(tx, kind, object_id)
            _check_parent(given, record)
            changed = {name: value for name, value in values.items() if record.get(name, ...) != value}
            if changed.pop("domain_id", None) is not None:
                raise InvalidInput("'domain_id' cannot be changed")
            if kind is ROLE and "name" in changed:
                _check_role(record)
            _check_references(tx, changed)
            if "password_hash" in changed or (kind is USER and changed.get("enabled") is False):
                changed["token_generation"] = record["token_generation"] + 1
            if changed:
                _write(tx, kind, update(table).where(table.c.id == object_id).values(**changed))
            return get_record(tx, kind, object_id)

    @retried
    def delete(self, kind: Kind, object_id: str) -> None:
        """Delete an object and what belongs to it: a domain's projects and users, anyone's assignments.

        Raises:
            NotFound: when there is none.
            Forbidden: for a builtin role, the domain `default`, and a domain that is enabled; and where nobody would
                be left who administers.
        """
        with self._database.write() as tx, self._administrators.kept(tx):
            record = get_record(tx, kind, object_id)
            if kind is ROLE:
                _check_role(record)
            if kind is DOMAIN and object_id == DEFAULT_DOMAIN:
                raise Forbidden("The domain default cannot be deleted.")
            if kind is DOMAIN and record["enabled"]:
                raise Forbidden("Cannot delete a domain that is enabled, please disable it first.")
            tx.execute(delete(kind.table).where(kind.table.c.id == object_id))

    def change_password(self, user_id: str, original: str, password: str) -> None:
        """Give the user a new password, who proves to know the `original` one. All tokens are lost.

        Raises:
            Unauthorized: when that is not the password, or there is no such user.
            InvalidInput: when the new one is too short.
        """
        self._check_password(password)
        users = identity_users
        known = select(users.c.password_hash).where(users.c.id == user_id.replace("\x00", ""))
        with self._database.read() as tx:
            stored = tx.scalar(known)
        if not verify_password(stored, original):
            raise Unauthorized("The original password is not right")
        self._replace_hash(user_id, stored, hash_password(password))

    @retried
    def _replace_hash(self, user_id: str, old: str | None, new: str) -> None:
        users = identity_users
        with self._database.write() as tx:
            # Only over the hash that was checked: another change may have come between.
            same = (users.c.id == user_id, users.c.password_hash == old)
            values = {"password_hash": new, "token_generation": users.c.token_generation + 1}
            if tx.execute(update(users).where(*same).values(values)).rowcount != 1:
                raise Unauthorized("The original password is not right")

    def projects_of(self, user_id: str, *, enabled_only: bool = False) -> list[Record]:
        """Return the projects in which the user has a role, by name."""
        projects, assignments = identity_projects, identity_assignments
        mine = select(assignments.c.project_id).where(assignments.c.user_id == user_id)
        return self._owned(PROJECT, projects.c.id.in_(mine), enabled_only=enabled_only)

    def domains_of(self, user_id: str) -> list[Record]:
        """Return the enabled domains on which the user has a role, by name."""
        mine = select(identity_assignments.c.domain_id).where(identity_assignments.c.user_id == user_id)
        return self._owned(DOMAIN, identity_domains.c.id.in_(mine), enabled_only=True)

    def _owned(self, kind: Kind, condition: Any, *, enabled_only: bool) -> list[Record]:
        table = kind.table
        statement = select(table).where(condition).order_by(table.c.name, table.c.id)
        if enabled_only:
            statement = statement.where(table.c.enabled)
        with self._database.read() as tx:
            return [_record(row) for row in tx.execute(statement)]


def _columns(kind: Kind, given: Input) -> dict[str, Any]:
    """Return what was given as values of columns; the slow hash is made here, outside of any transaction."""
    values = given.model_dump(exclude_unset=True)
    if values.get("password") is not None:
        values["password_hash"] = hash_password(values["password"])
    return {name: value for name, value in values.items() if name in kind.table.c}


def _check_parent(given: Input, values: Record) -> None:
    parent_id = getattr(given, "parent_id", None)
    if parent_id is not None and parent_id != values["domain_id"]:
        raise InvalidInput("A project cannot hold projects: 'parent_id' must be its domain")


def _check_role(record: Record) -> None:
    if record["name"] in BUILTIN_ROLES:
        raise Forbidden(f"The role {record['name']} is builtin and can be neither renamed nor deleted.")


def _check_references(tx: Transaction, values: Record) -> None:
    for column, kind in (("domain_id", DOMAIN), ("default_project_id", PROJECT)):
        if values.get(column) is not None and _row(tx, kind, values[column]) is None:
            raise InvalidInput(f"Could not find {kind.name}: {values[column]}.")


def _write(tx: Transaction, kind: Kind, statement: Any) -> None:
    try:
        tx.execute(statement)
    except IntegrityError:
        raise Conflict(f"Conflict occurred attempting to store {kind.name} - the name is taken.") from None
