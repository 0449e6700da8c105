"""The part of Nova's API v2.1 that is here, at `/compute`: servers to look at, and that there is nothing else.

Shapes are those of the Compute API reference; of its microversions there is the first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import falcon

from evener.api.app import App
from evener.api.collections import read_json
from evener.api.dialects.base import STATUSES, ErrorForm, unauthorized_body
from evener.resources.caller import ADMIN, MEMBER, READER, Caller
from evener.resources.errors import EvenerError, Forbidden, InvalidInput, NotFound
from evener.store.database import Database
from evener_cloud import http_replies
from evener_cloud.compute import nothing, servers
from evener_cloud.compute.servers import Server
from evener_cloud.http_replies import Reply

MOUNT, PATH = "/compute", "/compute/v2.1"
QUOTAS = f"{PATH}/os-quota-sets/{{project_id}}"
MOST = 1000  # servers in one answer, as in Nova
LARGEST_BODY = 65_536  # bytes
VERSION = "2.1"
VERSION_HEADERS = ("OpenStack-API-Version", "X-OpenStack-Nova-API-Version")
_READERS = frozenset({ADMIN, MEMBER, READER})
_FILTERS = {"name": "name", "ip": "ip", "ip6": "ip", "project_id": "project_id", "tenant_id": "project_id"}
_EVERYWHERE = "all_tenants"
# Servers are in the order of their ids, whatever is asked for, and none that is deleted is known.
_KNOWN = frozenset({*_FILTERS, _EVERYWHERE, "limit", "marker", "sort_key", "sort_dir", "deleted"})
_NAMES = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    503: "serviceUnavailable",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request with all that is needed to answer it; `path` holds the ids in the URL."""

    database: Database
    base_url: str
    request: falcon.Request
    path: Mapping[str, str]

    def query(self) -> dict[str, str]:
        """Return the URL's parameters; of one that stands there several times, the last."""
        params = self.request.params.items()
        return {name: value[-1] if isinstance(value, list) else value for name, value in params}

    def caller(self) -> Caller:
        """Return the caller, who may look.

        Raises:
            Forbidden: when the caller's roles do not allow that.
        """
        caller: Caller = self.request.context.caller
        if not caller.roles & _READERS:
            raise Forbidden("Policy doesn't allow this to be performed.")
        return caller

    def servers(self, scope: str | None) -> list[Server]:
        """Return the servers of a project, or of all where `scope` is None."""
        with self.database.read() as tx:
            return servers.listed(tx, scope)


Handler = Callable[[Call], Reply]
Show = Callable[[Call, Server], dict[str, Any]]


def add_routes(app: App, database: Database, base_url: str) -> None:
    """Let `app` answer below `/compute`; `base_url` is how clients reach it."""
    for path, handler in _routes().items():
        answer = partial(_answer, database, base_url.rstrip("/"))
        changing = {"PUT": _set_quotas} if path == QUOTAS else {}
        route = http_replies.Endpoint({"GET": handler, **changing}, answer, _refused)
        app.add_route(path, route)
        app.add_route(f"{path}/", route)
    app.error_forms[MOUNT] = _ERRORS
    app.add_sink(_not_found, f"{MOUNT}/")


def _routes() -> dict[str, Handler]:
    below: dict[str, Handler] = {
        "/servers": partial(_list, _brief),
        "/servers/detail": partial(_list, _detailed),
        "/servers/{server_id}": _show,
        "/os-quota-sets/{project_id}/defaults": partial(_quotas, 0),
        "/os-quota-sets/{project_id}/detail": partial(_quotas, {"limit": 0, "in_use": 0, "reserved": 0}),
        **{path: partial(_nothing, body) for path, body in nothing.BODIES.items()},
    }
    whole: dict[str, Handler] = {MOUNT: _versions, PATH: _version, QUOTAS: partial(_quotas, 0)}
    return whole | {PATH + path: handler for path, handler in below.items()}


def _answer(
    database: Database, base_url: str, handler: Handler, request: falcon.Request, path: Mapping[str, str]
) -> Reply:
    asked = {word.split()[-1] for name in VERSION_HEADERS if (word := request.get_header(name) or "").strip()}
    if not asked <= {VERSION, "latest"}:
        return _refused(HTTPStatus.NOT_ACCEPTABLE, f"There is version {VERSION} only.")
    try:
        reply = handler(Call(database, base_url, request, path))
    except EvenerError as error:
        reply = Reply(*_ERRORS.answer(error))
    versions = {VERSION_HEADERS[0]: f"compute {VERSION}", VERSION_HEADERS[1]: VERSION}
    return replace(reply, headers={**reply.headers, **versions, "Vary": ", ".join(VERSION_HEADERS)})


def _error_body(status: int, _name: str, message: str) -> dict[str, Any]:
    if status == HTTPStatus.UNAUTHORIZED:
        return unauthorized_body(message)
    return {_NAMES.get(status, "computeFault"): {"code": status, "message": message}}


_ERRORS = ErrorForm(STATUSES, _error_body)


def _refused(status: HTTPStatus, message: str) -> Reply:
    return Reply(status, _error_body(status, "", message))


def _not_found(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:  # noqa: ARG001
    http_replies.write(resp, _refused(HTTPStatus.NOT_FOUND, "The resource could not be found."))


def _described(call: Call) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": VERSION,
        "min_version": VERSION,
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{call.base_url}{PATH}/"}],
    }


def _versions(call: Call) -> Reply:
    return Reply(body={"versions": [_described(call)]})


def _version(call: Call) -> Reply:
    return Reply(body={"version": _described(call)})


def _nothing(body: Mapping[str, Any], call: Call) -> Reply:
    call.caller()
    return Reply(body=body)


def _quotas(each: object, call: Call) -> Reply:
    call.caller()
    limits = dict.fromkeys(nothing.QUOTAS, each)
    return Reply(body={"quota_set": {"id": call.path["project_id"], **limits}})


def _set_quotas(call: Call) -> Reply:
    """PUT /os-quota-sets/ID: as they are; Horizon sends them along with the network's.

    Raises:
        Forbidden: for who is no administrator.
        InvalidInput: naming the quota that is to be another.
    """
    if not call.caller().is_admin:
        raise Forbidden("Policy doesn't allow os_compute_api:os-quota-sets:update to be performed.")
    body = read_json(call.request, LARGEST_BODY)
    given = body.get("quota_set") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise InvalidInput("Invalid input for quota_set: it has to be an object.")
    others = [name for name in nothing.QUOTAS if given.get(name) not in (None, 0, "0")]
    if others:
        raise InvalidInput(f"Invalid input for {others[0]}: there are no machines, so that it is 0.")
    return _quotas(0, call)


def _list(show: Show, call: Call) -> Reply:
    """GET /servers: of the caller's project, or of all where `all_tenants` asks for them."""
    caller, query = call.caller(), call.query()
    unknown = sorted(set(query) - _KNOWN)
    if unknown:
        raise InvalidInput(
            f"Nothing is filtered by '{unknown[0][:64]}'; there are: {', '.join(sorted(_KNOWN))}."
        )
    everywhere = query.get(_EVERYWHERE, "0").lower() not in ("0", "false", "no", "off")
    if everywhere and not caller.is_admin:
        raise Forbidden("Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed.")
    wanted = {_FILTERS[name]: text for name, text in query.items() if name in _FILTERS}
    found = servers.matching(call.servers(None if everywhere else caller.project_id), wanted)
    page, more = _page(found, query)
    body: dict[str, Any] = {"servers": [show(call, each) for each in page]}
    if more:
        following = urlencode({**query, "marker": page[-1].id})
        href = f"{call.base_url}{call.request.path}?{following}"
        body["servers_links"] = [{"rel": "next", "href": href}]
    return Reply(body=body)


def _page(found: Sequence[Server], query: Mapping[str, str]) -> tuple[Sequence[Server], bool]:
    """Return the servers after `marker`, at most `limit`, and whether there are more.

    Raises:
        InvalidInput: naming the parameter that makes no sense.
    """
    marker, limit = query.get("marker"), query.get("limit", str(MOST))
    if marker is not None:
        ids = [each.id for each in found]
        if marker not in ids:
            raise InvalidInput(f"marker [{marker[:64]}] not found")
        found = found[ids.index(marker) + 1 :]
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
        raise InvalidInput("'limit' is not a number")
    most = min(int(limit), MOST)
    return found[:most], 0 < most < len(found)


def _brief(call: Call, server: Server) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{call.base_url}{PATH}/servers/{server.id}"}]
    return {"id": server.id, "name": server.name, "links": links}


def _detailed(call: Call, server: Server) -> dict[str, Any]:
    addresses: dict[str, list[dict[str, Any]]] = {}
    for each in server.addresses:
        shown = {"addr": each.ip_address, "version": 6 if ":" in each.ip_address else 4}
        more = {"OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": each.mac_address}
        addresses.setdefault(each.network, []).append(shown | more)
    # As its ports say; Horizon's network topology fails at UNKNOWN.
    status = {"status": "ACTIVE", "OS-EXT-STS:vm_state": "active"}
    return {
        **nothing.SERVER,
        **_brief(call, server),
        **status,
        "tenant_id": server.project_id,
        "addresses": addresses,
    }


def _show(call: Call) -> Reply:
    server_id = call.path["server_id"]
    for each in call.servers(call.caller().scope):
        if each.id == server_id:
            return Reply(body={"server": _detailed(call, each)})
    raise NotFound(f"Instance {server_id[:64]} could not be found.")
