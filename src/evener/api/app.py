"""The WSGI application: who calls, under which request id, and every error answered in a form clients read."""

import logging
import re
import uuid
from typing import Any

import falcon
from oslo_context.context import RequestContext

from evener.api import errors
from evener.identity.base import Identity
from evener.resources.errors import EvenerError, Unauthorized

LOG = logging.getLogger(__name__)
REQUEST_ID = re.compile(r"^req-[0-9a-f-]{36}$")
OPEN_PATHS = frozenset(
    {
        "/",
        "/healthcheck",
        "/metrics",
        "/networking",
        "/networking/",
        "/networking/v2.0/openapi.json",
        "/key-manager",
        "/key-manager/",
    }
)


class Authentication:
    """Gives every request an id, and finds out who makes it; identity's own routes look at tokens themselves."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Set `request.context.caller` and `.request_id`.

        Raises:
            Unauthorized: for a request without a valid token.
        """
        given = request.get_header("X-Openstack-Request-Id") or ""
        request_id = given if REQUEST_ID.match(given) else f"req-{uuid.uuid4()}"
        request.context.request_id = request_id
        response.set_header("X-Openstack-Request-Id", request_id)
        RequestContext(request_id=request_id, overwrite=True)
        if request.path in OPEN_PATHS or request.path.startswith("/identity"):
            return
        token = request.get_header("X-Auth-Token")
        if not token:
            raise Unauthorized("The request you have made requires authentication.")
        caller = self._identity.validate(token)
        request.context.caller = caller
        RequestContext(
            request_id=request_id, user_id=caller.user_id, project_id=caller.project_id, overwrite=True
        )


class Healthcheck:
    """`/healthcheck`: whether this server can do its work."""

    def __init__(self, check: Any) -> None:
        self._check = check

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Answer 200 OK, or 503 with the reason."""
        reason = self._check()
        response.content_type = falcon.MEDIA_TEXT
        response.status = falcon.HTTP_503 if reason else falcon.HTTP_200
        response.text = f"{reason}\n" if reason else "OK\n"


class Root:
    """`/`: where everything is."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the services."""
        response.media = {
            "name": "evener",
            "services": {
                name: f"{request.prefix}/{name}"
                for name in ("identity", "networking", "key-manager", "healthcheck")
            },
        }


def make_app(identity: Identity, check: Any) -> falcon.App[Any, Any]:
    """Return an application with authentication and error handling, to which rooms add their routes."""
    app: falcon.App[Any, Any] = falcon.App(middleware=[Authentication(identity)])
    app.req_options.strip_url_path_trailing_slash = False
    app.add_error_handler(Exception, errors.unexpected)
    app.add_error_handler(falcon.HTTPError, errors.refuse_http)
    app.add_error_handler(EvenerError, errors.refuse)
    app.add_route("/healthcheck", Healthcheck(check))
    app.add_route("/", Root())
    return app
