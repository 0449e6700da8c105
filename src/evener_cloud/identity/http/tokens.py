"""Keystone's requests about tokens, the catalog and versions. What a token may is decided in `evener_cloud.identity`.

The shapes are those of the Identity API v3 reference, "Authentication and token management".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from evener.resources.errors import InvalidInput, NotFound, Unauthorized
from evener_cloud.http_replies import NOTHING, Reply
from evener_cloud.identity.access import Access, InDomain
from evener_cloud.identity.directory import DOMAIN, PROJECT
from evener_cloud.identity.http import site as site_of
from evener_cloud.identity.http.directory import shown
from evener_cloud.identity.http.forms import Call, Handler, forbidden
from evener_cloud.identity.http.site import Site
from evener_cloud.identity.models import Login


def list_versions(call: Call) -> Reply:
    """GET /identity: which versions there are."""
    versions = {"versions": {"values": [site_of.version(call.site)]}}
    return Reply(HTTPStatus.MULTIPLE_CHOICES, versions, {"Location": call.site.url("/identity/v3/")})


def show_version(call: Call) -> Reply:
    """GET /identity/v3."""
    return Reply(200, {"version": site_of.version(call.site)})


def issue_token(call: Call) -> Reply:
    """POST /auth/tokens: log in."""
    sealed, access = call.identity.login(call.parse(Login, "auth"), call.address)
    return Reply(201, _token_body(call, access), {"X-Subject-Token": sealed})


def show_token(call: Call) -> Reply:
    """GET and HEAD /auth/tokens: validate another token, or one's own."""
    sealed, access = _subject(call)
    return Reply(200, _token_body(call, access), {"X-Subject-Token": sealed})


def revoke_token(call: Call) -> Reply:
    """DELETE /auth/tokens: give a token back."""
    sealed, _ = _subject(call)
    call.identity.revoke(sealed)
    return NOTHING


def _subject(call: Call) -> tuple[str, Access]:
    """Return the token that the request is about, which is the caller's or any for an administrator."""
    caller = call.access()
    sealed = call.request.get_header("X-Subject-Token")
    if not sealed:
        raise InvalidInput("The header X-Subject-Token is missing")
    try:
        access = call.identity.access(sealed)
    except Unauthorized:
        raise NotFound("Failed to validate token") from None
    if not caller.is_admin and caller.user.id != access.user.id:
        raise forbidden()
    return sealed, access


def _token_body(call: Call, access: Access) -> dict[str, Any]:
    token = access.token
    body: dict[str, Any] = {
        "methods": list(token.methods),
        "user": _in_domain(access.user) | {"password_expires_at": None},
        "audit_ids": list(dict.fromkeys((token.audit_ids[0], token.audit_ids[-1]))),
        "issued_at": _moment(token.issued_at),
        "expires_at": _moment(token.expires_at),
    }
    if access.project is not None:
        body |= {"project": _in_domain(access.project), "is_domain": False}
        body["is_admin_project"] = access.in_admin_project
    if access.domain is not None:
        body["domain"] = {"id": access.domain.id, "name": access.domain.name}
    if access.roles:
        body["roles"] = [{"id": role.id, "name": role.name} for role in access.roles]
        if not call.flag("nocatalog"):
            body["catalog"] = site_of.catalog(call.site)
    return {"token": body}


def _in_domain(named: InDomain) -> dict[str, Any]:
    domain = {"id": named.domain.id, "name": named.domain.name}
    return {"id": named.id, "name": named.name, "domain": domain}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"


def show_catalog(call: Call) -> Reply:
    """GET /auth/catalog: where the services are."""
    call.access()
    links = {"self": call.site.url("/identity/v3/auth/catalog")}
    return Reply(200, {"catalog": site_of.catalog(call.site), "links": links})


def list_my_projects(call: Call) -> Reply:
    """GET /auth/projects: what the caller could get a token for."""
    user_id = call.access().user.id
    return shown(call, PROJECT, call.identity.directory.projects_of(user_id, enabled_only=True))


def list_my_domains(call: Call) -> Reply:
    """GET /auth/domains: what the caller could get a token for."""
    return shown(call, DOMAIN, call.identity.directory.domains_of(call.access().user.id))


def lister(plural: str, source: Callable[[Site], list[dict[str, Any]]], *filters: str) -> Handler:
    """Return the handler that lists what `source` derives from the catalog, narrowed by query parameters."""

    def list_them(call: Call) -> Reply:
        call.access()
        wanted = {name: call.query(name) for name in filters if call.query(name)}
        found = [each for each in source(call.site) if _fits(each, wanted)]
        return Reply(200, {plural: found, "links": call.site.links(f"/identity/v3/{plural}")})

    return list_them


def _fits(each: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(each[name] == value for name, value in wanted.items())


def shower(singular: str, source: Callable[[Site], list[dict[str, Any]]]) -> Handler:
    """Return the handler that shows one of what `source` derives from the catalog."""

    def show_it(call: Call) -> Reply:
        call.access()
        for each in source(call.site):
            if each["id"] == call.path["object_id"]:
                return Reply(200, {singular: each})
        raise NotFound(f"Could not find {singular}: {call.path['object_id'][:64]}.")

    return show_it
