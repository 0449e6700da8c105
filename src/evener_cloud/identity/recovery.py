"""`evener-admin-password`: gives the administrator a new password, and back what it takes to administer.

For who has root on the host and no password that works: it asks nobody but the database. A server may run meanwhile.
"""

import getpass
import sys

from oslo_config import cfg
from sqlalchemy import Table, insert, select, update

from evener import config
from evener.resources.caller import ADMIN, DEFAULT_DOMAIN
from evener.store.database import Database, Transaction, retried
from evener.store.departures import database_id
from evener_cloud import config as cloud
from evener_cloud.identity.bootstrap import deliver_credentials
from evener_cloud.identity.directory import new_id
from evener_cloud.identity.passwords import hash_password
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_roles,
    identity_users,
)

PROGRAM = "evener-admin-password"


def main() -> None:
    """Read the new password from the terminal, or as a line of standard input; exits 1 with a line on stderr."""
    conf: cfg.ConfigOpts = cloud.load(sys.argv[1:], PROGRAM)
    password = _asked()
    if len(password) < conf.identity.min_password_length:
        sys.exit(f"{PROGRAM}: a password has at least {conf.identity.min_password_length} characters")
    state, project = config.state_path(conf), conf.identity.admin_project
    database = Database(config.database_url(conf))
    try:
        name = recover(database, password, project)
    except LookupError as error:
        sys.exit(f"{PROGRAM}: {error}")
    finally:
        database.close()
    deliver_credentials(state, f"{config.public_url(conf)}/identity/v3", password, name, project)
    print(f"The user {ADMIN} has the new password; it is in {state}/clouds.yaml and openrc too.")  # noqa: T201


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"New password of {ADMIN}: ")
    if getpass.getpass("Once more: ") != password:
        sys.exit(f"{PROGRAM}: that is not the same password")
    return password


def recover(database: Database, password: str, project: str) -> str:
    """Let the user `admin` log in with `password` and administer everything; return the database's id.

    Whatever was disabled or taken away of the user, the administrators' `project` and their domain is put right.

    Raises:
        LookupError: when the database has no user or project of that name.
    """
    return _recover(database, hash_password(password), project)


@retried
def _recover(database: Database, password_hash: str, project: str) -> str:
    users, projects, domains = identity_users, identity_projects, identity_domains
    with database.write() as tx:
        user_id = _found(tx, users, ADMIN, "user")
        project_id = _found(tx, projects, project, "project")
        values = {"password_hash": password_hash, "token_generation": users.c.token_generation + 1}
        tx.execute(update(users).where(users.c.id == user_id).values(enabled=True, **values))
        tx.execute(update(projects).where(projects.c.id == project_id).values(enabled=True))
        tx.execute(update(domains).where(domains.c.id == DEFAULT_DOMAIN).values(enabled=True))
        role_id = tx.scalar(select(identity_roles.c.id).where(identity_roles.c.name == ADMIN))
        grant = {"user_id": user_id, "role_id": role_id, "project_id": project_id}
        given = identity_assignments.c
        if (
            tx.scalar(select(given.id).where(*(given[name] == value for name, value in grant.items())))
            is None
        ):
            tx.execute(insert(identity_assignments).values(id=new_id(), **grant))
        return database_id(tx)


def _found(tx: Transaction, table: Table, name: str, kind: str) -> str:
    columns = table.c
    found = tx.scalar(select(columns.id).where(columns.name == name, columns.domain_id == DEFAULT_DOMAIN))
    if found is None:
        raise LookupError(
            f"the database has no {kind} {name} in the domain {DEFAULT_DOMAIN}; is it the right one?"
        )
    return str(found)
