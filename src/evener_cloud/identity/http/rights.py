"""Which domains, projects, users and roles a caller may see and change.

Administrators all; who administers a domain, what is in it; anybody, what is their own.

What belongs to who administers everything is out of reach of a domain's administrator: it would be a way up.
"""

from evener.resources.errors import NotFound
from evener_cloud.identity.access import Access
from evener_cloud.identity.directory import DOMAIN, PROJECT, ROLE, USER, Kind, Record
from evener_cloud.identity.grants import Grant
from evener_cloud.identity.http.forms import Call, forbidden


def administrator(call: Call) -> Access:
    """Return the access of who administers everything, or a domain.

    Raises:
        Unauthorized: when there is no valid token.
        Forbidden: when the caller administers nothing.
    """
    access = call.access()
    if not access.is_admin and access.administers is None:
        raise forbidden()
    return access


def get_unseen(call: Call, kind: Kind, object_id: str) -> Record:
    """Return an object for who may not learn whether there is one.

    Raises:
        Forbidden: when there is none.
    """
    try:
        return call.identity.directory.get(kind, object_id)
    except NotFound:
        raise forbidden() from None


def check_sees(call: Call, access: Access, kind: Kind, record: Record) -> None:
    """Refuse what is neither the caller's own nor in the caller's domain.

    Raises:
        Forbidden: with nothing said of what there is.
    """
    if access.is_admin or (access.administers is not None and (kind is ROLE or _in(access, kind, record))):
        return
    if kind is USER and record["id"] == access.user.id:
        return
    projects = call.identity.directory.projects_of(access.user.id) if kind is PROJECT else []
    if record["id"] not in [project["id"] for project in projects]:
        raise forbidden()


def check_changes(call: Call, access: Access, kind: Kind, object_id: str) -> None:
    """Refuse to change what is out of the caller's reach.

    Raises:
        Forbidden: also where there is no such object, for all but administrators of everything.
    """
    if access.is_admin:
        return
    record = get_unseen(call, kind, object_id)
    if kind not in (PROJECT, USER) or not _in(access, kind, record):
        raise forbidden()
    if call.identity.directory.is_protected(kind, object_id):
        raise forbidden()


def check_grants(call: Call, access: Access, grant: Grant) -> None:
    """Refuse to give or take a role out of the caller's reach.

    Raises:
        Forbidden: as `check_changes`.
    """
    if access.is_admin:
        return
    check_changes(call, access, USER, grant.user_id)
    if grant.target_kind == "project":
        check_changes(call, access, PROJECT, grant.target_id)
    elif grant.target_id != access.administers:
        raise forbidden()


def _in(access: Access, kind: Kind, record: Record) -> bool:
    return (
        access.administers is not None
        and record["id" if kind is DOMAIN else "domain_id"] == access.administers
    )
