"""Who administers everything: users with the role `admin` in the administrators' project, and nobody else.

A role `admin` elsewhere is for that place. Does not ask who calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, exists, select

from evener.resources.caller import ADMIN, DEFAULT_DOMAIN
from evener.resources.errors import Forbidden
from evener.store.database import Transaction
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_roles,
    identity_users,
)

_user_domains = identity_domains.alias("user_domains")


class Administrators:
    """Those of the project named `project`, of the domain `default`."""

    def __init__(self, project: str) -> None:
        self.project = project

    @contextmanager
    def kept(self, tx: Transaction) -> Iterator[None]:
        """Let something change, but not that nobody is left who can log in and administer.

        Raises:
            Forbidden: when nobody would be; then the transaction is to be rolled back.
        """
        before = tx.scalar(self._able())
        yield
        if before and not tx.scalar(self._able()):
            raise Forbidden("Nobody would be left who can administer this cloud.")

    def protects(self, tx: Transaction, *, project_id: str | None = None, user_id: str | None = None) -> bool:
        """Return whether that project is the administrators', or that user has a role there."""
        projects, assignments = identity_projects, identity_assignments
        ours = select(projects.c.id).where(
            projects.c.domain_id == DEFAULT_DOMAIN, projects.c.name == self.project
        )
        if project_id is not None and tx.scalar(ours) == project_id:
            return True
        theirs = assignments.c.project_id.in_(ours) & (assignments.c.user_id == user_id)
        return user_id is not None and tx.scalar(select(assignments.c.id).where(theirs).limit(1)) is not None

    def _able(self) -> Select[Any]:
        users, projects, assignments, roles = (
            identity_users,
            identity_projects,
            identity_assignments,
            identity_roles,
        )
        return select(
            exists()
            .where(assignments.c.user_id == users.c.id, assignments.c.project_id == projects.c.id)
            .where(assignments.c.role_id == roles.c.id, roles.c.name == ADMIN)
            .where(projects.c.domain_id == DEFAULT_DOMAIN, projects.c.name == self.project)
            .where(identity_domains.c.id == projects.c.domain_id, _user_domains.c.id == users.c.domain_id)
            .where(users.c.enabled, users.c.password_hash.is_not(None), projects.c.enabled)
            .where(identity_domains.c.enabled, _user_domains.c.enabled)
        )
