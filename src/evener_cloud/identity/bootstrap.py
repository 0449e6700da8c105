"""The first start: a first user, and the files that tell the administrator how to log in.

The password stands in these files and nowhere else.
"""

import logging
import secrets
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import yaml
from sqlalchemy import insert, select

from evener.resources.caller import ADMIN, DEFAULT_DOMAIN
from evener.store.database import Database, Transaction, retried
from evener_cloud import private_files
from evener_cloud.identity.directory import BUILTIN_ROLES, new_id
from evener_cloud.identity.passwords import hash_password
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_roles,
    identity_users,
)

LOG = logging.getLogger(__name__)
REGION = "RegionOne"
OF_DATABASE = "# of the database "  # begins the files, before its name
CLOUD = "evener"
# Settings of another cloud, left in a shell, that would contradict or override those of openrc.
_CONTRADICTING = (
    "OS_CLOUD",
    "OS_TOKEN",
    "OS_TENANT_ID",
    "OS_TENANT_NAME",
    "OS_PROJECT_ID",
    "OS_DOMAIN_ID",
    "OS_DOMAIN_NAME",
    "OS_SYSTEM_SCOPE",
    "OS_TRUST_ID",
    "OS_USER_ID",
    "OS_USER_DOMAIN_NAME",
    "OS_PROJECT_DOMAIN_NAME",
    "OS_CACERT",
    "OS_SERVICE_TOKEN",
    "OS_SERVICE_ENDPOINT",
    "OS_ENDPOINT_OVERRIDE",
)


@retried
def bootstrap(
    database: Database, deliver: Callable[[str], None] | None = None, project: str = ADMIN
) -> str | None:
    """Make, in an empty service, the domain `default`, the roles, the administrators' `project` and user `admin`.

    Returns the user's password, or None when the service is not empty. `deliver` is called with it before the
    commit, so that no crash leaves an administrator whose password nobody has.
    """
    password = secrets.token_urlsafe(24)
    password_hash = hash_password(password)
    with database.write() as tx:
        if tx.scalar(select(identity_domains.c.id).where(identity_domains.c.id == DEFAULT_DOMAIN)):
            return None
        # Of several that start at once, the first insert lets one through: only that one delivers.
        _fill(tx, password_hash, project)
        if deliver is not None:
            deliver(password)
    return password


def _fill(tx: Transaction, password_hash: str, project: str) -> None:
    project_id, user_id = new_id(), new_id()
    role_ids = {name: new_id() for name in BUILTIN_ROLES}
    common = {"description": "", "enabled": True}
    tx.execute(
        insert(identity_domains).values(
            id=DEFAULT_DOMAIN, name="Default", description="The default domain", enabled=True
        )
    )
    tx.execute(
        insert(identity_projects).values(id=project_id, domain_id=DEFAULT_DOMAIN, name=project, **common)
    )
    tx.execute(
        insert(identity_users).values(
            id=user_id,
            domain_id=DEFAULT_DOMAIN,
            name=ADMIN,
            password_hash=password_hash,
            token_generation=0,
            **common,
        )
    )
    for name, role_id in role_ids.items():
        tx.execute(insert(identity_roles).values(id=role_id, name=name, description=""))
    tx.execute(
        insert(identity_assignments).values(
            id=new_id(), user_id=user_id, role_id=role_ids[ADMIN], project_id=project_id
        )
    )


def deliver_credentials(
    state_path: Path, auth_url: str, password: str, database: str, project: str = ADMIN
) -> None:
    """Write the credentials of a new `database`; those of another one that are there already stay as they are.

    Then they get the database's name: they may be the only place of the other one's password.
    """
    if _database_of(state_path) in (None, database):
        write_credentials(state_path, auth_url, password, database, project=project)
        return
    suffix = f"-{database[:8]}"
    LOG.warning(
        "%s is of another database, and stays as it is; the administrator's password in the database %s is in"
        " clouds%s.yaml and openrc%s beside it",
        state_path / "clouds.yaml",
        database,
        suffix,
        suffix,
    )
    write_credentials(state_path, auth_url, password, database, suffix, project)


def _database_of(state_path: Path) -> str | None:
    """Return which database the credentials are for; None where there are none, "" where they do not say."""
    found = None
    for name in ("clouds.yaml", "openrc"):
        with suppress(FileNotFoundError):
            first, _, _ = (state_path / name).read_text().partition("\n")
            found = first.removeprefix(OF_DATABASE) if first.startswith(OF_DATABASE) else found or ""
    return found


def write_credentials(
    state_path: Path,
    auth_url: str,
    password: str,
    database: str | None = None,
    suffix: str = "",
    project: str = ADMIN,
) -> None:
    """Write `clouds.yaml` and `openrc` for user `admin` in `project` into `state_path`, readable by their owner only.

    `auth_url` is the service's, with version: `http://127.0.0.1:9876/identity/v3`. Each file appears whole or
    not at all. Its first line says which database it is for.
    """
    head = f"{OF_DATABASE}{database}\n" if database else ""
    auth = {
        "auth_url": auth_url,
        "username": ADMIN,
        "password": password,
        "project_name": project,
        "user_domain_id": DEFAULT_DOMAIN,
        "project_domain_id": DEFAULT_DOMAIN,
    }
    cloud = {"auth_type": "password", "auth": auth, "region_name": REGION, "identity_api_version": "3"}
    clouds = yaml.safe_dump({"clouds": {CLOUD: cloud}}, sort_keys=False)
    _write_private(state_path / f"clouds{suffix}.yaml", head + clouds)
    exports = {f"OS_{name.upper()}": value for name, value in auth.items()}
    exports |= {"OS_AUTH_TYPE": "password", "OS_REGION_NAME": REGION, "OS_IDENTITY_API_VERSION": "3"}
    lines = [f"unset {' '.join(_CONTRADICTING)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    _write_private(state_path / f"openrc{suffix}", head + "\n".join(lines) + "\n")


def follow_address(state_path: Path, auth_url: str) -> None:
    """Write the credentials again where they name another address than `auth_url`: the server has moved.

    Files that say anything else than `write_credentials` wrote are the administrator's own, and stay.
    """
    try:
        auth = yaml.safe_load((state_path / "clouds.yaml").read_text())["clouds"][CLOUD]["auth"]
        known, password = auth["auth_url"], auth["password"]
    except (OSError, yaml.YAMLError, LookupError, TypeError):
        return
    if known != auth_url and auth.get("username") == ADMIN and isinstance(password, str):
        project = str(auth.get("project_name", ADMIN))
        write_credentials(state_path, auth_url, password, _database_of(state_path), project=project)


def _write_private(path: Path, text: str) -> None:
    """Replace `path` at once by a file that nobody but its owner could read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    private_files.replace(path, lambda file: file.write(text.encode()))
