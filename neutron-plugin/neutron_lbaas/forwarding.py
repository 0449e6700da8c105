"""The WSGI application that stands for `evener-api` in Neutron: it passes requests on, and answers back, as they came.

It looks into neither, so the dialect is `evener-api`'s own. Neutron has seen to it that the caller has a token.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from webob import Request

from neutron_lbaas.evener_api import EvenerApi, NoAnswer, Unreachable

LOG = logging.getLogger(__name__)
PREFIX = "/networking/v2.0"
# What of a request is passed on; what Neutron has found out about the caller (X-Roles, X-User-Id …) is not.
PASSED = {
    "HTTP_ACCEPT": "Accept",
    "HTTP_ACCEPT_LANGUAGE": "Accept-Language",
    "HTTP_IF_MATCH": "If-Match",
    "HTTP_USER_AGENT": "User-Agent",
    "HTTP_X_AUTH_TOKEN": "X-Auth-Token",
    "HTTP_X_SERVICE_TOKEN": "X-Service-Token",
    "CONTENT_TYPE": "Content-Type",
}
REQUEST_ID, URL = "X-OpenStack-Request-Id", "X-Neutron-Url"
# What is between two neighbours on the way (RFC 9110, 7.6.1), and what Neutron's own server says.
NEIGHBOURS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
    }
    | {"transfer-encoding", "upgrade", "date", "server"}
)
SAFE = "/:@!$&'()*+,;=~-._"  # in a path (RFC 3986, 3.3)

Environment = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class Answer:
    """What `evener-api` has answered, its body as it came."""

    status: int
    reason: str
    headers: Sequence[tuple[str, str]]
    data: bytes


# Sends a method, path and body to evener-api with the headers of the caller's request.
Ask = Callable[[str, str, bytes | None], Answer]


def as_it_came(ask: Ask, environ: Environment) -> Answer:
    """Pass a request on without a change. Another filter may have read its body; webob knows."""
    return ask(environ["REQUEST_METHOD"], path_of(environ), Request(environ).body or None)


class Forwarding:
    """Answers with what `evener-api` answers; `how` passes a request on."""

    action_status: Mapping[str, int] = {}  # Neutron asks every controller for it

    def __init__(
        self, api: EvenerApi, conf: Any, how: Callable[[Ask, Environment], Answer] = as_it_came
    ) -> None:
        self._api = api
        self._conf = conf
        self._how = how

    def __call__(self, environ: Environment, start: Start) -> Iterable[bytes]:
        """Pass one request on."""
        headers = passed_headers(environ)
        headers[URL] = prefixed(reached_by(environ), self._conf.network_link_prefix)

        def ask(method: str, path: str, body: bytes | None) -> Answer:
            got = self._api.send(method, path, headers, body)
            return Answer(got.status, got.reason, [*got.headers.items()], got.data)

        try:
            answer = self._how(ask, environ)
        except Unreachable as error:
            LOG.error("evener-api cannot be reached: %s", error)
            return _refuse(start, 503, "The load balancing service cannot be reached; nothing was done")
        except NoAnswer as error:
            LOG.error("evener-api has not answered: %s", error)
            return _refuse(
                start, 504, "The load balancing service has not answered; it may have done what was asked"
            )
        start(f"{answer.status} {answer.reason}", _shown(answer))
        return [answer.data]


def _shown(answer: Answer) -> list[tuple[str, str]]:
    """Return the headers that the client is shown; an answer to HEAD says how long its body would be."""
    shown = [each for each in answer.headers if each[0].lower() not in NEIGHBOURS]
    return [
        (name, str(len(answer.data)) if name.lower() == "content-length" and answer.data else value)
        for name, value in shown
    ]


def path_of(environ: Environment) -> str:
    """Return path and query for `evener-api`; `.json` at the end, which old clients send, says nothing.

    A server hands the path over decoded, as characters of Latin-1 (PEP 3333).
    """
    path = PREFIX + environ["PATH_INFO"].removesuffix(".json")
    query = environ.get("QUERY_STRING", "")
    return quote(path.encode("latin-1"), safe=SAFE) + (f"?{query}" if query else "")


def passed_headers(environ: Environment) -> dict[str, str]:
    """Return the headers that are passed on, and the request's id: the caller's, or else Neutron's own."""
    headers = {name: environ[key] for key, name in PASSED.items() if environ.get(key)}
    if "content-type" not in (name.lower() for name, _ in environ.get("headers_raw", [("content-type", "")])):
        headers.pop("Content-Type", None)  # eventlet says text/plain where a client says nothing
    request_id = environ.get("openstack.global_request_id") or environ.get("openstack.request_id")
    return {**headers, REQUEST_ID: request_id} if request_id else headers


def reached_by(environ: Environment) -> str:
    """Return the URL of Neutron's API (`http://controller:9696/v2.0`), as the client has it."""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    scheme = environ.get("HTTP_X_FORWARDED_PROTO") or environ["wsgi.url_scheme"]
    return f"{scheme}://{host}{environ.get('SCRIPT_NAME', '')}"


def prefixed(url: str, prefix: str | None) -> str:
    """Return `url` as Neutron's setting `network_link_prefix` wants it."""
    if not prefix:
        return url
    wanted = urlsplit(prefix)
    return urlunsplit((wanted.scheme, wanted.netloc, wanted.path.rstrip("/") + urlsplit(url).path, "", ""))


def _refuse(start: Start, status: int, message: str) -> list[bytes]:
    """Answer in the form that Neutron's clients read errors from."""
    phrase = HTTPStatus(status).phrase
    error = {"type": phrase.replace(" ", ""), "message": message, "detail": ""}
    body = json.dumps({"NeutronError": error}).encode()
    start(f"{status} {phrase}", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
