"""The WSGI application: who calls, under which request id, and every error answered in a form clients read."""

import logging
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import falcon
from oslo_context.context import RequestContext

from evener.api.dialects import lbaas, octavia_paths
from evener.api.dialects.base import ErrorForm
from evener.api.errors import ErrorHandlers
from evener.api.lanes import Lanes
from evener.resources.errors import Unauthorized
from evener.services.identity import Identity

LOG = logging.getLogger(__name__)
REQUEST_ID = re.compile(r"^req-[0-9a-f-]{36}$")
LONGEST_URI = 8192  # characters of path and query
# What the plugin in Neutron's server says of how a client has reached it, and which of our paths that stands for.
NEUTRON_URL, BELOW_NEUTRON = "X-Neutron-Url", "/networking/v2.0"
A_URL = re.compile(r"https?://[!-~]{1,500}")
OPEN_PATHS = frozenset(
    {
        "/",
        "/healthcheck",
        "/metrics",
        "/networking",
        "/networking/",
        "/networking/v2.0/openapi.json",
        "/load-balancer",
        "/load-balancer/v2/openapi.json",
        "/key-manager",
        "/key-manager/",
        "/compute",
        "/compute/",
    }
)


class Authentication:
    """Gives every request an id, and finds out who makes it; identity's own routes look at tokens themselves."""

    def __init__(
        self,
        identity: Identity,
        base_url: str,
        *,
        trust_neutron_url: bool = False,
        be_there: Callable[[], None] = lambda: None,
    ) -> None:
        """Refuse, with what `be_there` raises, what nobody can do at present: identity may hang for the same reason."""
        self._identity = identity
        self._be_there = be_there
        self._base_url = base_url
        self._trusts_neutron = trust_neutron_url

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Set `request.context.caller`, `.request_id`, `.base_url`, and `.asked_url`, as clients write it.

        What has several addresses is looked for at one of them.

        Raises:
            Unauthorized: for a request without a valid token.
            falcon.HTTPUriTooLong: for a URI that nothing of ours has.
        """
        request.context.base_url, request.context.asked_url = self._base_url, self._asked_url(request)
        request.path = octavia_paths.canonical(request.path)
        given = request.get_header("X-Openstack-Request-Id") or ""
        request_id = given if REQUEST_ID.match(given) else f"req-{uuid.uuid4()}"
        request.context.request_id = request_id
        response.set_header("X-Openstack-Request-Id", request_id)
        RequestContext(request_id=request_id, overwrite=True)
        if len(request.path) + len(request.query_string) > LONGEST_URI:
            raise falcon.HTTPUriTooLong(description=f"A URI may have {LONGEST_URI} characters at most")
        if request.path in OPEN_PATHS or request.path.startswith("/identity"):
            return
        token = request.get_header("X-Auth-Token")
        if not token:
            raise Unauthorized("The request you have made requires authentication.")
        self._be_there()
        caller = self._identity.validate(token, request.get_header("X-Service-Token"))
        request.context.caller = replace(caller, request_id=request_id)
        RequestContext(
            request_id=request_id, user_id=caller.user_id, project_id=caller.project_id, overwrite=True
        )

    def _asked_url(self, request: falcon.Request) -> str:
        neutron = request.get_header(NEUTRON_URL) if self._trusts_neutron else None
        if neutron and A_URL.fullmatch(neutron) and request.path.startswith(f"{BELOW_NEUTRON}/"):
            return neutron.rstrip("/") + request.path.removeprefix(BELOW_NEUTRON)
        return self._base_url + request.path


class Healthcheck:
    """`/healthcheck`: whether this server can do its work. Why not is for the log: anybody may ask."""

    def __init__(self, check: Callable[[], str | None]) -> None:
        self._check = check

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Answer 200 OK, or 503."""
        reason = self._check()
        if reason:
            LOG.error("Not well: %s", reason)
        response.content_type = falcon.MEDIA_TEXT
        response.status = falcon.HTTP_503 if reason else falcon.HTTP_200
        response.text = "Service unavailable\n" if reason else "OK\n"


class Root:
    """`/`: where everything is."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = tuple(services)

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the services."""
        response.media = {
            "name": "evener",
            "services": {name: f"{request.context.base_url}/{name}" for name in self._services},
        }


class App(falcon.App[Any, Any]):
    """Falcon's application, whose routes answer HEAD wherever they answer GET; the server sends no body then.

    Whoever adds routes below a path says in `error_forms` how errors are answered there; `lbaas` holds for the rest.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_forms: dict[str, ErrorForm] = {"": lbaas.ERRORS}

    def add_route(
        self, uri_template: str, resource: object, *, suffix: str | None = None, **kwargs: Any
    ) -> None:
        """Add a route, and HEAD to it."""
        name = f"_{suffix}" if suffix else ""
        get = getattr(resource, f"on_get{name}", None)
        if get is not None and not hasattr(resource, f"on_head{name}"):
            setattr(resource, f"on_head{name}", get)
        super().add_route(uri_template, resource, suffix=suffix, **kwargs)


def make_app(
    identity: Identity,
    check: Callable[[], str | None],
    base_url: str,
    slow_at_once: int = 64,
    services: Sequence[str] = (),
    *,
    trust_neutron_url: bool = False,
    be_there: Callable[[], None] = lambda: None,
) -> App:
    """Return an application with authentication and error handling, to which rooms add their routes.

    `base_url` is how clients reach it (`http://127.0.0.1:9876`): all links begin with it, whatever they say; but where
    Neutron is believed, those of who comes by way of it.
    `services` are the names below `/` of what is served; rooms add it.
    What `be_there` raises is what requests are refused with before anybody is asked who makes them.
    Of requests that wait for something else than the database, `slow_at_once` of a kind are served at once.
    """
    authentication = Authentication(
        identity, base_url, trust_neutron_url=trust_neutron_url, be_there=be_there
    )
    app = App(middleware=[authentication, Lanes(slow_at_once)])
    app.req_options.strip_url_path_trailing_slash = False
    for kind, handler in ErrorHandlers(app.error_forms).handlers().items():
        app.add_error_handler(kind, handler)
    app.add_route("/healthcheck", Healthcheck(check))
    app.add_route("/", Root(services))
    return app
