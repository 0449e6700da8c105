"""The identity service of standalone: logins, tokens and who may what. Knows no HTTP."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, insert, select

from evener.resources.caller import ADMIN, Caller
from evener.resources.errors import NotFound, Unauthorized
from evener.store.database import Database, Transaction, now, retried
from evener_cloud.identity.access import Access, load_access
from evener_cloud.identity.administrators import Administrators
from evener_cloud.identity.attempts import Attempts
from evener_cloud.identity.bootstrap import bootstrap
from evener_cloud.identity.directory import PROJECT, Directory
from evener_cloud.identity.grants import Grants
from evener_cloud.identity.models import DomainRef, Login, ProjectRef, Scope, UserCredentials
from evener_cloud.identity.passwords import verify_password
from evener_cloud.identity.tables import (
    identity_domains,
    identity_projects,
    identity_revocations,
    identity_users,
)
from evener_cloud.identity.tokens import Token, TokenSealer, new_audit_id

MOST_ANCESTORS = 16  # tokens that one was made from, one from the other
REMEMBERED_S = 1  # at most so long an answer stands after another process has changed the database


class BuiltinIdentity:
    """Implements `evener.services.identity.Identity` on tables of its own.

    `directory` holds domains, projects, users and roles, `grants` who has which role where.
    """

    def __init__(
        self,
        database: Database,
        key_file: Path,
        token_lifetime_s: int,
        admin_project: str = ADMIN,
        min_password_length: int = 1,
    ) -> None:
        """Serve from `database`; tokens live `token_lifetime_s`, sealed by `key_file`, made if missing.

        Administrators of `admin_project`, of the domain `default`, administer everything.
        """
        # Nobody else changes the tables of this room, so what others change leaves tokens as they are.
        self._database = database.apart()
        administrators = Administrators(admin_project)
        self.directory = Directory(self._database, administrators, min_password_length)
        self.grants = Grants(self._database, administrators)
        self._admin_project = admin_project
        self._attempts = Attempts()
        self._sealer = TokenSealer(key_file)
        self._lifetime = timedelta(seconds=token_lifetime_s)
        self._remembered = lru_cache(maxsize=1000)(self._load)

    def bootstrap(self, deliver: Callable[[str], None] | None = None) -> str | None:
        """Make the first user; see `evener_cloud.identity.bootstrap.bootstrap`."""
        return bootstrap(self._database, deliver, self._admin_project)

    def validate(self, token: str, _service_token: str | None = None) -> Caller:
        """Return whose `token` this is. There are no service tokens.

        Raises:
            Unauthorized: when the token is malformed, forged, expired or revoked, or for no project.
        """
        access = self.access(token)
        if access.project is None:
            raise Unauthorized("The token is for no project")
        return Caller(user_id=access.user.id, project_id=access.project.id, roles=access.role_names)

    def has_project(self, project_id: str) -> bool:
        """Return whether there is a project with that id, enabled or not."""
        with suppress(NotFound):
            return bool(self.directory.get(PROJECT, project_id))
        return False

    def access(self, token: str) -> Access:
        """Return all that `token` gives access to; it may be for a project, a domain or nothing.

        Raises:
            Unauthorized: when the token is malformed, forged, expired or revoked.
        """
        at = int(time.monotonic() // REMEMBERED_S)
        access = self._remembered(token, self._database.changes, at)
        if access.token.expires_at <= now():
            raise Unauthorized("The token has expired")
        return access

    def _load(self, token: str, _changes: int, _at: int) -> Access:
        """Return what the database says; nothing that this process changes leaves an old answer standing."""
        opened = self._sealer.open(token, now())
        with self._database.read() as tx:
            return load_access(tx, opened, self._admin_project)

    def login(self, login: Login, address: str = "") -> tuple[str, Access]:
        """Return a new token, sealed and open; `address` is where the request comes from.

        Without a scope it is for the user's default project, or for nothing when the user has no role there.

        Raises:
            Unauthorized: for wrong credentials, and for a scope in which the user has no role. The message is
                for logs: a client that learns which of them it was, learns who exists.
            TooManyAttempts: when too many logins have failed just before.
        """
        user, parent = self._authenticate(login, address)
        with self._database.read() as tx:
            if login.scope is not None:
                access = load_access(
                    tx, self._token(tx, login, user, parent, login.scope), self._admin_project
                )
            else:
                access = self._default_access(tx, login, user, parent)
        return self._sealer.seal(access.token), access

    def _default_access(self, tx: Transaction, login: Login, user: Row[Any], parent: Token | None) -> Access:
        if user.default_project_id is not None:
            scope = Scope(project=ProjectRef(id=user.default_project_id))
            try:
                return load_access(tx, self._token(tx, login, user, parent, scope), self._admin_project)
            except Unauthorized:
                pass
        return load_access(tx, self._token(tx, login, user, parent, "unscoped"), self._admin_project)

    @retried
    def revoke(self, token: str) -> None:
        """Make `token` void, and all that were made from it.

        Raises:
            Unauthorized: when it is not valid, or not any more.
        """
        opened = self.access(token).token
        revocations = identity_revocations
        with self._database.write() as tx:
            tx.execute(delete(revocations).where(revocations.c.expires_at < now()))
            tx.execute(insert(revocations).values(audit_id=opened.audit_ids[0], expires_at=opened.expires_at))

    def _authenticate(self, login: Login, address: str) -> tuple[Row[Any], Token | None]:
        """Return the user that all methods of `login` prove, and the token among them."""
        methods = login.identity
        user: Row[Any] | None = None
        parent: Token | None = None
        if "password" in methods.methods and methods.password is not None:
            user = self._by_password(methods.password.user, address)
        if "token" in methods.methods and methods.token is not None:
            parent = self.access(methods.token.id).token
            if len(parent.audit_ids) >= MOST_ANCESTORS:
                raise Unauthorized("The token comes from too many others, one from the other")
            if user is not None and user.id != parent.user_id:
                raise Unauthorized("The token is another user's")
            with self._database.read() as tx:
                user = tx.execute(select(identity_users).where(identity_users.c.id == parent.user_id)).first()
        if user is None:
            raise Unauthorized("Nobody logs in")
        return user, parent

    def _by_password(self, credentials: UserCredentials, address: str) -> Row[Any]:
        users, who = identity_users, _called(credentials)
        self._attempts.check(who, address)
        with self._database.read() as tx:
            statement = select(users).where(_is(users, credentials.id, credentials.name, credentials.domain))
            user = tx.execute(statement).first()
        # Outside of the transaction, because it takes its time; for unknown users too, so that none can tell.
        if not verify_password(user.password_hash if user else None, credentials.password) or user is None:
            self._attempts.failed(who, address)
            raise Unauthorized("The user or the password is not right")
        self._attempts.succeeded(who, address)
        return user

    def _token(
        self, tx: Transaction, login: Login, user: Row[Any], parent: Token | None, scope: Scope | str
    ) -> Token:
        project_id, domain_id = _scope_ids(tx, scope)
        issued_at: datetime = now()
        methods = dict.fromkeys((*login.identity.methods, *(parent.methods if parent else ())))
        audit_ids = (new_audit_id(),)
        return Token(
            user_id=user.id,
            project_id=project_id,
            domain_id=domain_id,
            methods=tuple(methods),
            issued_at=issued_at,
            # A token made from a token must not outlive it, or a stolen one would live for ever.
            expires_at=parent.expires_at if parent else issued_at + self._lifetime,
            audit_ids=(*audit_ids, *parent.audit_ids) if parent else audit_ids,
            # Of the row that the password was checked against: a change since makes this token void.
            generation=parent.generation if parent else user.token_generation,
        )


def _called(credentials: UserCredentials) -> str:
    """Return how the caller names the user who logs in."""
    domain = credentials.domain
    return str(credentials.id or f"{credentials.name}@{domain and (domain.id or domain.name)}")


def _is(table: Any, object_id: str | None, name: str | None, domain: DomainRef | None) -> Any:
    """Return the condition for the user or project with that id, or that name in `domain`."""
    if object_id is not None or domain is None:
        return table.c.id == object_id
    domains = identity_domains
    named = domains.c.id == domain.id if domain.id is not None else domains.c.name == domain.name
    return (table.c.name == name) & table.c.domain_id.in_(select(domains.c.id).where(named))


def _scope_ids(tx: Transaction, scope: Scope | str) -> tuple[str | None, str | None]:
    """Return the ids of the project and of the domain that `scope` names.

    Raises:
        Unauthorized: when there is no such project or domain.
    """
    if isinstance(scope, str) or scope.unscoped is not None:
        return None, None
    projects, domains = identity_projects, identity_domains
    found = None
    if scope.project is not None:
        wanted = scope.project
        statement = select(projects.c.id).where(_is(projects, wanted.id, wanted.name, wanted.domain))
        if (found := tx.scalar(statement)) is not None:
            return found, None
    if scope.domain is not None:
        wanted_id = scope.domain.id
        named = domains.c.id == wanted_id if wanted_id is not None else domains.c.name == scope.domain.name
        if (found := tx.scalar(select(domains.c.id).where(named))) is not None:
            return None, found
    raise Unauthorized("There is no such scope for the user")
