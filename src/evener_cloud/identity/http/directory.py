"""Keystone's requests about domains, projects, users, roles and role assignments: who may, and how it is shown.

The shapes are those of the Identity API v3 reference. What the requests mean is decided in `evener_cloud.identity`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from evener.resources.errors import InvalidInput
from evener_cloud.http_replies import NOTHING, Reply
from evener_cloud.identity.access import InDomain, Named
from evener_cloud.identity.directory import BUILTIN_ROLES, DOMAIN, PROJECT, ROLE, USER, Kind, Record
from evener_cloud.identity.grants import Assignment, Grant, TargetKind
from evener_cloud.identity.http.forms import Call, Handler, forbidden
from evener_cloud.identity.http.rights import (
    administrator,
    check_changes,
    check_grants,
    check_sees,
    get_unseen,
)
from evener_cloud.identity.models import PasswordChange

_GRANT_FILTERS = ("user.id", "role.id", "scope.project.id", "scope.domain.id")
_NOWHERE = ("group.id", "scope.system", "scope.OS-INHERIT:inherited_to")
_COLUMNS = ("name", "domain_id", "default_project_id", "email", "enabled", "description", "id")
_PAGING = ("limit", "marker", "sort_key", "sort_dir")
# Of each kind, what is asked for besides columns; what no project, user or role has finds nothing.
_MORE = {
    DOMAIN: ("tags", "tags-any", "not-tags", "not-tags-any"),
    PROJECT: ("parent_id", "is_domain", "tags", "tags-any", "not-tags", "not-tags-any"),
    USER: ("idp_id", "protocol_id", "unique_id", "password_expires_at"),
    ROLE: ("domain_id",),
}
_TAGGED = ("tags", "tags-any", "idp_id", "protocol_id", "unique_id", "password_expires_at")
# Keystone's comparisons (Identity API v3, "Filtering and searching"), of text as it is and without case.
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda have, want: want in have,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def _wire(call: Call, kind: Kind, record: Record) -> dict[str, Any]:
    """Return `record` as Keystone shows it."""
    hidden = {"token_generation"}
    if kind is USER:
        hidden |= {name for name in ("email", "default_project_id") if record[name] is None}
    wire = {name: value for name, value in record.items() if name not in hidden}
    wire["links"] = {"self": call.site.url(f"/identity/v3/{kind.plural}/{record['id']}")}
    wire["options"] = {}
    if kind is PROJECT:
        wire |= {"parent_id": record["domain_id"], "is_domain": False, "tags": []}
    elif kind is DOMAIN:
        wire["tags"] = []
    elif kind is USER:
        wire["password_expires_at"] = None
    elif kind is ROLE:
        builtin = record["name"] in BUILTIN_ROLES
        wire |= {"domain_id": None, "options": {"immutable": True} if builtin else {}}
    return wire


def shown(call: Call, kind: Kind, records: Sequence[Record]) -> Reply:
    """Return the reply with the records that `limit` and `marker` leave."""
    wires = [_wire(call, kind, record) for record in records]
    links = call.site.links(f"/identity{call.request.path.partition('/identity')[2]}")
    return Reply(200, {kind.plural: _page(call, wires), "links": links})


def _page(call: Call, wires: list[dict[str, Any]]) -> list[dict[str, Any]]:
    marker, limit = call.query("marker"), call.query("limit")
    if marker is not None:
        ids = [wire["id"] for wire in wires]
        wires = wires[ids.index(marker) + 1 :] if marker in ids else []
    if not limit:
        return wires
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
        raise InvalidInput("'limit' is not a number")
    return wires[: int(limit)]


def lister(kind: Kind) -> Handler:
    """Return the handler of GET /KINDs."""

    def list_them(call: Call) -> Reply:
        access = administrator(call)
        wanted = _filters(call, kind)
        found = [] if wanted is None else call.identity.directory.listing(kind, wanted)
        if access.administers is not None:
            column = "id" if kind is DOMAIN else "domain_id"
            found = [each for each in found if kind is ROLE or each[column] == access.administers]
        return shown(call, kind, [each for each in found if _matches(call, kind, each)])

    return list_them


def refuse_unknown(call: Call, known: Iterable[str]) -> None:
    """Refuse a query for what nobody looks at: a script would take all there is for what it asked for.

    Raises:
        InvalidInput: naming it, and what there is.
    """
    unknown = sorted(set(call.request.params) - set(known))
    if unknown:
        raise InvalidInput(
            f"Nothing is filtered by '{unknown[0][:64]}'; there are: {', '.join(sorted(known))}."
        )


def _comparisons(kind: Kind) -> dict[str, tuple[str, Callable[[str, str], bool]]]:
    """Return the parameters that compare, such as `name__icontains`, with the column and how."""
    found: dict[str, tuple[str, Callable[[str, str], bool]]] = {}
    for column in ("name", "description", "email"):
        for word, compare in _COMPARISONS.items() if column in kind.table.c else ():
            found[f"{column}__{word}"] = (column, compare)
            found[f"{column}__i{word}"] = (column, partial(_caseless, compare))
    return found


def _caseless(compare: Callable[[str, str], bool], have: str, want: str) -> bool:
    return compare(have.casefold(), want.casefold())


def _matches(call: Call, kind: Kind, record: Record) -> bool:
    asked = ((call.query(name), how) for name, how in _comparisons(kind).items())
    return all(compare(record[column] or "", want) for want, (column, compare) in asked if want is not None)


def _filters(call: Call, kind: Kind) -> dict[str, Any] | None:
    """Return what the query asks columns to be; None when nothing can fit.

    Raises:
        InvalidInput: when it asks for what there is not.
    """
    columns = [name for name in _COLUMNS if name in kind.table.c]
    refuse_unknown(call, (*columns, *_MORE[kind], *_PAGING, *_comparisons(kind)))
    if any(call.query(name) for name in _TAGGED):
        return None
    filters: dict[str, Any] = {
        name: value for name in columns if name != "enabled" and (value := call.query(name)) is not None
    }
    if "enabled" in kind.table.c and call.query("enabled") is not None:
        filters["enabled"] = call.flag("enabled")
    if kind is ROLE and call.query("domain_id"):
        return None  # no role belongs to a domain
    if kind is PROJECT:
        parent = call.query("parent_id")
        if call.flag("is_domain") or (parent and filters.setdefault("domain_id", parent) != parent):
            return None  # no project is a domain or below another
    return filters


def creator(kind: Kind) -> Handler:
    """Return the handler of POST /KINDs."""

    def create(call: Call) -> Reply:
        access = administrator(call)
        given = call.parse(kind.model, kind.name)
        if not access.is_admin:
            if kind not in (PROJECT, USER) or getattr(given, "domain_id", None) not in (
                None,
                access.administers,
            ):
                raise forbidden()
            given = given.model_copy(update={"domain_id": access.administers})
        record = call.identity.directory.create(kind, given)
        return Reply(201, {kind.name: _wire(call, kind, record)})

    return create


def shower(kind: Kind) -> Handler:
    """Return the handler of GET /KINDs/ID; users see themselves and the projects they have a role in."""

    def show(call: Call) -> Reply:
        access = call.access()
        object_id = call.path["object_id"]
        directory = call.identity.directory
        record = directory.get(kind, object_id) if access.is_admin else get_unseen(call, kind, object_id)
        check_sees(call, access, kind, record)
        return Reply(200, {kind.name: _wire(call, kind, record)})

    return show


def changer(kind: Kind) -> Handler:
    """Return the handler of PATCH /KINDs/ID."""

    def change(call: Call) -> Reply:
        check_changes(call, administrator(call), kind, call.path["object_id"])
        given = call.parse(kind.model, kind.name)
        record = call.identity.directory.change(kind, call.path["object_id"], given)
        return Reply(200, {kind.name: _wire(call, kind, record)})

    return change


def deleter(kind: Kind) -> Handler:
    """Return the handler of DELETE /KINDs/ID."""

    def delete(call: Call) -> Reply:
        check_changes(call, administrator(call), kind, call.path["object_id"])
        call.identity.directory.delete(kind, call.path["object_id"])
        return NOTHING

    return delete


def change_password(call: Call) -> Reply:
    """POST /users/ID/password: the old password is the proof, no token is needed."""
    given = call.parse(PasswordChange, USER.name)
    call.identity.directory.change_password(call.path["object_id"], given.original_password, given.password)
    return NOTHING


def list_projects_of_user(call: Call) -> Reply:
    """GET /users/ID/projects."""
    user_id = call.path["object_id"]
    _own_or_administered(call, user_id)
    call.identity.directory.get(USER, user_id)
    return shown(call, PROJECT, call.identity.directory.projects_of(user_id))


def list_groups(call: Call) -> Reply:
    """GET /groups: there are none; clients that offer them ask all the same."""
    administrator(call)
    return _none(call, "groups")


def list_credentials(call: Call) -> Reply:
    """GET /credentials: nobody has any, of EC2 or for one-time passwords; clients that show them ask all the same."""
    call.access()
    return _none(call, "credentials")


def lister_of_nothing(plural: str) -> Handler:
    """Return the handler of GET /users/ID/PLURAL, for what no user has here."""

    def list_none(call: Call) -> Reply:
        _own_or_administered(call, call.path["object_id"])
        return _none(call, plural)

    return list_none


def _none(call: Call, plural: str) -> Reply:
    return Reply(200, {plural: [], "links": call.site.links(call.request.path)})


def _grant(call: Call, target: TargetKind) -> Grant:
    path = call.path
    return Grant(path["user_id"], path["role_id"], target, path["object_id"])


def granter(target: TargetKind) -> Handler:
    """Return the handler of PUT /TARGETs/ID/users/ID/roles/ID."""

    def grant(call: Call) -> Reply:
        check_grants(call, administrator(call), _grant(call, target))
        call.identity.grants.add(_grant(call, target))
        return NOTHING

    return grant


def grant_checker(target: TargetKind) -> Handler:
    """Return the handler of HEAD /TARGETs/ID/users/ID/roles/ID."""

    def check(call: Call) -> Reply:
        _own_or_administered(call, call.path["user_id"])
        call.identity.grants.check(_grant(call, target))
        return NOTHING

    return check


def revoker(target: TargetKind) -> Handler:
    """Return the handler of DELETE /TARGETs/ID/users/ID/roles/ID."""

    def revoke(call: Call) -> Reply:
        check_grants(call, administrator(call), _grant(call, target))
        call.identity.grants.remove(_grant(call, target))
        return NOTHING

    return revoke


def grant_lister(target: TargetKind) -> Handler:
    """Return the handler of GET /TARGETs/ID/users/ID/roles."""

    def list_grants(call: Call) -> Reply:
        user_id = call.path["user_id"]
        _own_or_administered(call, user_id)
        roles = call.identity.grants.roles_on(user_id, target, call.path["object_id"])
        records = [{"id": role.id, "name": role.name, "description": ""} for role in roles]
        return shown(call, ROLE, records)

    return list_grants


def list_assignments(call: Call) -> Reply:
    """GET /role_assignments: with `include_names` and `effective`; users see their own, of a domain its own."""
    refuse_unknown(call, (*_GRANT_FILTERS, *_NOWHERE, "include_names", "effective", "include_subtree"))
    access = call.access()
    mine = access.user.id == call.query("user.id")
    if not (mine or access.is_admin or access.administers):
        raise forbidden()
    filters = {name: value for name in _GRANT_FILTERS if (value := call.query(name)) is not None}
    found: list[Assignment] = []
    if not any(call.query(name) for name in _NOWHERE):
        found = call.identity.grants.listing(filters, effective=call.flag("effective"))
    if not (mine or access.is_admin):
        found = [each for each in found if access.administers in _domains(each)]
    name_of = _with_names if call.flag("include_names") else _id_only
    wires = [_assignment(call, each, name_of) for each in found]
    links = call.site.links("/identity/v3/role_assignments")
    return Reply(200, {"role_assignments": wires, "links": links})


def _domains(found: Assignment) -> set[str]:
    """Return the ids of the domains that a role assignment concerns."""
    place = found.domain.id if found.project is None and found.domain is not None else ""
    return {found.project.domain.id if found.project is not None else place, found.user.domain.id}


def _own_or_administered(call: Call, user_id: str) -> None:
    """Refuse who is neither that user nor administers it.

    Raises:
        Forbidden: as `check_changes`.
    """
    access = call.access()
    if access.user.id != user_id and not access.is_admin:
        check_sees(call, access, USER, get_unseen(call, USER, user_id))


Naming = Callable[[Named | InDomain], dict[str, Any]]


def _id_only(named: Named | InDomain) -> dict[str, Any]:
    return {"id": named.id}


def _with_names(named: Named | InDomain) -> dict[str, Any]:
    wire: dict[str, Any] = {"id": named.id, "name": named.name}
    return wire | {"domain": _with_names(named.domain)} if isinstance(named, InDomain) else wire


def _assignment(call: Call, found: Assignment, name_of: Naming) -> dict[str, Any]:
    kind: TargetKind = "domain" if found.project is None else "project"
    target = found.project or found.domain
    if target is None:  # the tables allow it, the service does not make it
        raise LookupError(f"A role of user {found.user.id} is on nothing")
    path = f"{kind}s/{target.id}/users/{found.user.id}/roles/{found.role.id}"
    return {
        "role": name_of(found.role),
        "user": name_of(found.user),
        "scope": {kind: name_of(target)},
        "links": {"assignment": call.site.url(f"/identity/v3/{path}")},
    }
