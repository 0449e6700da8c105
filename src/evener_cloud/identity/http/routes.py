"""The part of Keystone's Identity API v3 that clients need, at `/identity`: which function answers which URL."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import falcon

from evener.api.app import App
from evener.api.dialects.base import STATUSES, ErrorForm
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.directory import KINDS
from evener_cloud.identity.http import directory, tokens
from evener_cloud.identity.http import site as site_of
from evener_cloud.identity.http.forms import Handler, endpoint, error_reply, write
from evener_cloud.identity.http.site import Service, Site

MOUNT = "/identity"
IDENTITY = Service("identity", "keystone", MOUNT)
NETWORK = Service("network", "neutron", "/networking")
LOAD_BALANCER = Service("load-balancer", "octavia", "/load-balancer")  # without a version: clients add it
KEY_MANAGER = Service("key-manager", "barbican", "/key-manager")
COMPUTE = Service("compute", "nova", "/compute/v2.1")
DEFAULT_SERVICES = (IDENTITY, NETWORK, LOAD_BALANCER, KEY_MANAGER, COMPUTE)
Routes = dict[str, dict[str, Handler]]


def add_routes(
    app: App,
    identity: BuiltinIdentity,
    base_url: str,
    services: Iterable[Service] = DEFAULT_SERVICES,
) -> None:
    """Let `app` answer below `/identity`; `base_url` (`http://127.0.0.1:9876`) is how clients reach it."""
    site = Site(base_url.rstrip("/"), tuple(services))
    for path, handlers in _routes().items():
        app.add_route(MOUNT + path, endpoint(identity, site, handlers))
    app.error_forms[MOUNT] = ErrorForm(STATUSES, _error_body)
    app.add_sink(_not_found, MOUNT + "/")


def _error_body(status: int, _name: str, message: str) -> dict[str, Any]:
    """Return the body of what is refused before a request comes here."""
    return dict(error_reply(HTTPStatus(status), message).body or {})


def _not_found(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:  # noqa: ARG001
    write(resp, error_reply(HTTPStatus.NOT_FOUND, "The resource could not be found."))


def _routes() -> Routes:
    return {**_version_routes(), **_token_routes(), **_object_routes(), **_grant_routes()}


def _version_routes() -> Routes:
    versions: dict[str, Handler] = {"GET": tokens.list_versions}
    version: dict[str, Handler] = {"GET": tokens.show_version}
    return {"": versions, "/": versions, "/v3": version, "/v3/": version}


def _token_routes() -> Routes:
    routes: Routes = {
        "/v3/auth/tokens": {
            "POST": tokens.issue_token,
            "GET": tokens.show_token,
            "DELETE": tokens.revoke_token,
        },
        "/v3/auth/catalog": {"GET": tokens.show_catalog},
        "/v3/auth/projects": {"GET": tokens.list_my_projects},
        "/v3/auth/domains": {"GET": tokens.list_my_domains},
    }
    derived = (
        ("region", site_of.regions, ("parent_region_id",)),
        ("service", site_of.services, ("type", "name")),
        ("endpoint", site_of.endpoints, ("service_id", "interface", "region_id")),
    )
    for singular, source, filters in derived:
        routes[f"/v3/{singular}s"] = {"GET": tokens.lister(f"{singular}s", source, *filters)}
        routes[f"/v3/{singular}s/{{object_id}}"] = {"GET": tokens.shower(singular, source)}
    return routes


def _object_routes() -> Routes:
    routes: Routes = {}
    for kind in KINDS:
        routes[f"/v3/{kind.plural}"] = {"GET": directory.lister(kind), "POST": directory.creator(kind)}
        routes[f"/v3/{kind.plural}/{{object_id}}"] = {
            "GET": directory.shower(kind),
            "PATCH": directory.changer(kind),
            "DELETE": directory.deleter(kind),
        }
    routes["/v3/groups"] = {"GET": directory.list_groups}
    routes["/v3/credentials"] = {"GET": directory.list_credentials}
    for plural in ("groups", "application_credentials"):
        routes[f"/v3/users/{{object_id}}/{plural}"] = {"GET": directory.lister_of_nothing(plural)}
    return routes


def _grant_routes() -> Routes:
    routes: Routes = {
        "/v3/users/{object_id}/password": {"POST": directory.change_password},
        "/v3/users/{object_id}/projects": {"GET": directory.list_projects_of_user},
        "/v3/role_assignments": {"GET": directory.list_assignments},
    }
    for target in ("project", "domain"):
        path = f"/v3/{target}s/{{object_id}}/users/{{user_id}}/roles"
        routes[path] = {"GET": directory.grant_lister(target)}
        routes[f"{path}/{{role_id}}"] = {
            "PUT": directory.granter(target),
            "HEAD": directory.grant_checker(target),
            "DELETE": directory.revoker(target),
        }
    return routes
