"""The part of Barbican's API v1 that clients need, at `/key-manager`: which function answers which URL."""

from http import HTTPStatus
from typing import Any

from evener.api.app import App
from evener.api.dialects.base import STATUSES, ErrorForm, unauthorized_body
from evener_cloud.http_replies import Reply
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.http import acls, containers
from evener_cloud.secrets.http import secrets as secrets_of
from evener_cloud.secrets.http.containers import CONTAINER, SECRET, Owner
from evener_cloud.secrets.http.forms import LATEST_MINOR, Call, Handler, endpoint, error_reply, not_found
from evener_cloud.secrets.references import MOUNT, PATH

Routes = dict[str, dict[str, Handler]]


def add_routes(app: App, secrets: BuiltinSecrets, base_url: str, largest_body: int) -> None:
    """Let `app` answer below `/key-manager`; `base_url` is how clients reach it, `largest_body` is in bytes."""
    for path, handlers in _routes().items():
        route = endpoint(secrets, base_url.rstrip("/"), largest_body, handlers)
        app.add_route(path, route)
        app.add_route(f"{path}/", route)  # Barbican's own client posts there
    app.error_forms[MOUNT] = ErrorForm(STATUSES, _error_body)
    app.add_sink(not_found, f"{MOUNT}/")


def _error_body(status: int, _name: str, message: str) -> dict[str, Any]:
    """Return the body of what is refused before a request comes here."""
    if status == HTTPStatus.UNAUTHORIZED:
        return unauthorized_body(message)
    return dict(error_reply(HTTPStatus(status), message).body or {})


def _routes() -> Routes:
    return {
        MOUNT: {"GET": list_versions},
        PATH: {"GET": show_version},
        f"{PATH}/quotas": {"GET": show_quotas},
        f"{PATH}/secrets": {"GET": secrets_of.list_them, "POST": secrets_of.create},
        f"{PATH}/secrets/{{secret_id}}": {
            "GET": secrets_of.show,
            "PUT": secrets_of.fill,
            "DELETE": secrets_of.delete,
        },
        f"{PATH}/secrets/{{secret_id}}/payload": {"GET": secrets_of.show_payload},
        f"{PATH}/secrets/{{secret_id}}/acl": acls.handlers(SECRET),
        f"{PATH}/secrets/{{secret_id}}/consumers": _consumers(SECRET),
        f"{PATH}/containers": {"GET": containers.list_them, "POST": containers.create},
        f"{PATH}/containers/{{container_id}}": {"GET": containers.show, "DELETE": containers.delete},
        f"{PATH}/containers/{{container_id}}/secrets": {
            "POST": containers.add_secret,
            "DELETE": containers.remove_secret,
        },
        f"{PATH}/containers/{{container_id}}/acl": acls.handlers(CONTAINER),
        f"{PATH}/containers/{{container_id}}/consumers": _consumers(CONTAINER),
    }


def _consumers(owner: Owner) -> dict[str, Handler]:
    return {
        "GET": containers.consumer_lister(owner),
        "POST": containers.consumer_adder(owner),
        "DELETE": containers.consumer_remover(owner),
    }


def _version(call: Call) -> dict[str, Any]:
    """Return the description of API v1; its minor versions are told to those who know of such."""
    version: dict[str, Any] = {
        "id": "v1",
        "status": "stable",
        "links": [{"rel": "self", "href": f"{call.base_url}{PATH}/"}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.key-manager-v1+json"}
        ],
    }
    if call.minor() is None:
        return version
    return version | {"status": "CURRENT", "min_version": "1.0", "max_version": f"1.{LATEST_MINOR}"}


def list_versions(call: Call) -> Reply:
    """GET /key-manager: which versions there are."""
    version = [_version(call)]
    versions = {"values": version} if call.minor() is None else version
    return Reply(HTTPStatus.MULTIPLE_CHOICES, {"versions": versions})


def show_quotas(call: Call) -> Reply:
    """GET /quotas: what the caller's project may have; -1 is any number."""
    call.reader()
    own = call.secrets.bounds
    shown = {
        "secrets": own.secrets,
        "containers": own.containers,
        "consumers": own.consumers,
        "orders": 0,
        "cas": 0,
    }
    return Reply(200, {"quotas": shown})


def show_version(call: Call) -> Reply:
    """GET /key-manager/v1."""
    return Reply(200, {"version": _version(call)})
