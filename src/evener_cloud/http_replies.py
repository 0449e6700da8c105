"""How a request in another service's form reaches a function, and its result or error goes back.

Keystone's and Barbican's forms are handed over: nothing here knows one from the other, or decides anything.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import falcon

from evener.resources.errors import EvenerError

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a status; JSON, a payload or nothing; headers."""

    status: int = 200
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes | None = field(default=None, repr=False)
    content_type: str = falcon.MEDIA_JSON


NOTHING = Reply(204)


def write(resp: falcon.Response, reply: Reply) -> None:
    """Put `reply` into the response."""
    resp.status = reply.status
    resp.set_headers(dict(reply.headers))
    if reply.payload is not None:
        resp.content_type = reply.content_type
        resp.data = reply.payload
    elif reply.body is not None:
        resp.content_type = falcon.MEDIA_JSON
        resp.data = json.dumps(reply.body).encode("ascii")


def status_of(
    error: EvenerError, statuses: Iterable[tuple[type[EvenerError], HTTPStatus]], otherwise: HTTPStatus
) -> HTTPStatus:
    """Return the first of `statuses` whose kind of error it is, or `otherwise`."""
    return next((status for kind, status in statuses if isinstance(error, kind)), otherwise)


class Endpoint(Generic[H]):
    """A falcon resource that answers each method with a function, and HEAD wherever GET is: RFC 9110, section 9.3.2.

    `answer` calls one with a request and the ids in its URL, and raises nothing of ours. `refused` words an error.
    `write` puts a reply into the response; the server leaves out the body where it has to.
    """

    def __init__(
        self,
        handlers: Mapping[str, H],
        answer: Callable[[H, falcon.Request, Mapping[str, str]], Reply],
        refused: Callable[[HTTPStatus, str], Reply],
        write: Callable[[falcon.Response, Reply], None] = write,
    ) -> None:
        self._handlers = {"HEAD": handlers["GET"], **handlers} if "GET" in handlers else handlers
        self._answer, self._refused, self._write = answer, refused, write

    def on_get(self, req: falcon.Request, resp: falcon.Response, **path: str) -> None:
        """Answer a GET."""
        handler = self._handlers.get(req.method)
        if handler is None:
            error = self._refused(
                HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed for this resource."
            )
            reply = replace(error, headers={"Allow": ", ".join(self._handlers)})
        else:
            reply = self._answer(handler, req, path)
        self._write(resp, reply)

    on_head = on_post = on_put = on_patch = on_delete = on_get
