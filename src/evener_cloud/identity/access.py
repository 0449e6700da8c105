"""What a token gives access to: read in one statement from the tables. Decides, and changes nothing."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, or_, select

from evener.resources.caller import ADMIN, DEFAULT_DOMAIN, MEMBER, READER
from evener.resources.errors import Unauthorized
from evener.store.database import Transaction
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_revocations,
    identity_roles,
    identity_users,
)
from evener_cloud.identity.tokens import Token

# Keystone's default implied roles: who has the first has the others.
IMPLIED = {ADMIN: (MEMBER, READER), MEMBER: (READER,)}

_held = identity_roles.alias("held")
_user_domains = identity_domains.alias("user_domains")
_project_domains = identity_domains.alias("project_domains")
_scope_domains = identity_domains.alias("scope_domains")


@dataclass(frozen=True, slots=True)
class Named:
    """A domain or role: id and name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class InDomain:
    """A user or project: id, name and domain."""

    id: str
    name: str
    domain: Named


@dataclass(frozen=True, slots=True)
class Access:
    """A valid token with whose and for what it is; at most one of `project` and `domain` is set."""

    token: Token
    user: InDomain
    project: InDomain | None
    domain: Named | None
    roles: tuple[Named, ...]
    in_admin_project: bool  # whether `project` is the one whose administrators are everybody's

    @property
    def role_names(self) -> frozenset[str]:
        """What the token may, in names of roles, implied ones included; `admin` is who administers everything."""
        names = frozenset(role.name for role in self.roles)
        return names if self.in_admin_project else names - {ADMIN}

    @property
    def is_admin(self) -> bool:
        """Whether the token is for managing all domains, projects, users and roles."""
        return ADMIN in self.role_names

    @property
    def administers(self) -> str | None:
        """The id of the domain that the token is for managing, where it is for one."""
        has_role = any(role.name == ADMIN for role in self.roles)
        return self.domain.id if self.domain is not None and has_role else None


def implied_by(held: Any, role: Any) -> Any:
    """Return the condition under which who has a row of `held` has that of `role` too, both of the roles."""
    implied = [
        and_(held.c.name == having, role.c.name.in_(implications)) for having, implications in IMPLIED.items()
    ]
    return or_(role.c.id == held.c.id, *implied)


def _statement() -> Select[Any]:
    users, projects, assignments = identity_users, identity_projects, identity_assignments
    roles, revocations = identity_roles, identity_revocations
    return (
        select(
            users.c.id.label("user_id"),
            users.c.name.label("user_name"),
            users.c.enabled.label("user_enabled"),
            users.c.token_generation,
            _user_domains.c.id.label("user_domain_id"),
            _user_domains.c.name.label("user_domain_name"),
            _user_domains.c.enabled.label("user_domain_enabled"),
            projects.c.id.label("project_id"),
            projects.c.name.label("project_name"),
            projects.c.enabled.label("project_enabled"),
            _project_domains.c.id.label("project_domain_id"),
            _project_domains.c.name.label("project_domain_name"),
            _project_domains.c.enabled.label("project_domain_enabled"),
            _scope_domains.c.id.label("domain_id"),
            _scope_domains.c.name.label("domain_name"),
            _scope_domains.c.enabled.label("domain_enabled"),
            roles.c.id.label("role_id"),
            roles.c.name.label("role_name"),
            revocations.c.audit_id.label("revoked"),
        )
        .select_from(users)
        .join(_user_domains, _user_domains.c.id == users.c.domain_id)
        .outerjoin(projects, projects.c.id == bindparam("of_project"))
        .outerjoin(_project_domains, _project_domains.c.id == projects.c.domain_id)
        .outerjoin(_scope_domains, _scope_domains.c.id == bindparam("of_domain"))
        .outerjoin(
            assignments,
            and_(
                assignments.c.user_id == users.c.id,
                or_(
                    assignments.c.project_id == projects.c.id,
                    assignments.c.domain_id == _scope_domains.c.id,
                ),
            ),
        )
        .outerjoin(_held, _held.c.id == assignments.c.role_id)
        .outerjoin(roles, implied_by(_held, roles))
        .outerjoin(revocations, revocations.c.audit_id.in_(bindparam("of_tokens", expanding=True)))
        .where(users.c.id == bindparam("of_user"))
    )


# Built once: every request needs it, and to build it takes longer than to run it.
_ACCESS = _statement()


def load_access(tx: Transaction, token: Token, admin_project: str) -> Access:
    """Return what `token` gives access to now: one statement. `admin_project` is of the domain `default`.

    Raises:
        Unauthorized: when it was revoked, or one that it was made from, its user, project or domain is disabled or
            gone, the user has got a new password since, or has no role any more in what the token is for.
    """
    parameters = {
        "of_user": token.user_id,
        "of_project": token.project_id or "",
        "of_domain": token.domain_id or "",
        "of_tokens": list(token.audit_ids),
    }
    rows = tx.execute(_ACCESS, parameters).all()
    if not rows or not _holds(token, rows[0]):
        raise Unauthorized("The token is not valid")
    row = rows[0]
    roles = sorted({(each.role_name, each.role_id) for each in rows if each.role_id is not None})
    if (token.project_id or token.domain_id) and not roles:
        raise Unauthorized("The user has no role there")
    return Access(
        token=token,
        user=InDomain(row.user_id, row.user_name, Named(row.user_domain_id, row.user_domain_name)),
        project=InDomain(
            row.project_id, row.project_name, Named(row.project_domain_id, row.project_domain_name)
        )
        if token.project_id
        else None,
        domain=Named(row.domain_id, row.domain_name) if token.domain_id else None,
        roles=tuple(Named(role_id, name) for name, role_id in roles),
        in_admin_project=(row.project_domain_id, row.project_name) == (DEFAULT_DOMAIN, admin_project),
    )


def _holds(token: Token, row: Row[Any]) -> bool:
    return bool(
        row.revoked is None
        and row.token_generation == token.generation
        and row.user_enabled
        and row.user_domain_enabled
        and (not token.project_id or (row.project_enabled and row.project_domain_enabled))
        and (not token.domain_id or row.domain_enabled)
    )
