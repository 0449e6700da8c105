"""How a Keystone request reaches a function, and how its result or error goes back. Decides nothing itself.

Errors are answered in Keystone's form by these resources themselves, so that the rest of the API has its own.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import falcon
from pydantic import BaseModel, ValidationError

from evener.resources import validation_messages
from evener.resources.errors import (
    Busy,
    Conflict,
    EvenerError,
    Forbidden,
    InvalidInput,
    NotFound,
    TooManyAttempts,
    Unauthorized,
    Unavailable,
)
from evener_cloud import http_replies
from evener_cloud.http_replies import Reply
from evener_cloud.identity.access import Access
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http.site import Site

LOG = logging.getLogger(__name__)
LONGEST_BODY = 1_048_576  # bytes
STATUSES: tuple[tuple[type[EvenerError], HTTPStatus], ...] = (
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (Unauthorized, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (TooManyAttempts, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """A request with all that is needed to answer it; `path` holds the ids in the URL."""

    identity: BuiltinIdentity
    site: Site
    request: falcon.Request
    path: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return str(self.request.remote_addr)

    def query(self, name: str) -> str | None:
        """Return the (last) value of a query parameter."""
        value = self.request.params.get(name)
        return value[-1] if isinstance(value, list) else value

    def flag(self, name: str) -> bool:
        """Return whether a query parameter says yes, which its mere name does too."""
        value = self.query(name)
        return value is not None and value.lower() not in ("0", "false", "no", "off")

    def access(self) -> Access:
        """Return whose token came with the request.

        Raises:
            Unauthorized: when none did, or none that is valid.
        """
        token = self.request.get_header("X-Auth-Token")
        if not token:
            raise Unauthorized("There is no token")
        return self.identity.access(token)

    def parse(self, model: type[M], key: str) -> M:
        """Return the object named `key` in the body as a `model`.

        Raises:
            InvalidInput: when it is missing, is not JSON or does not fit.
        """
        body = self._body()
        if not isinstance(body, dict) or not isinstance(body.get(key), dict):
            raise InvalidInput(f"Expecting to find {key} in the request body, as an object")
        try:
            return model.model_validate(body[key])
        except ValidationError as error:
            raise InvalidInput(f"Invalid input for {key}. {_reason(error)}") from None

    def _body(self) -> Any:
        raw = self.request.bounded_stream.read(LONGEST_BODY + 1)
        if len(raw) > LONGEST_BODY:
            raise InvalidInput("The request body is too large")
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise InvalidInput("The request body is not valid JSON") from None


Handler = Callable[[Call], Reply]


def forbidden() -> Forbidden:
    """Return the error for a caller whose roles do not allow the request."""
    return Forbidden("You are not authorized to perform the requested action.")


def _reason(error: ValidationError) -> str:
    """Say what is wrong, never what was given: it may be a password."""
    wrong = validation_messages.first(error)
    return f"{validation_messages.place(wrong) or 'It'}: {validation_messages.says(wrong)}"


def endpoint(
    identity: BuiltinIdentity, site: Site, handlers: Mapping[str, Handler]
) -> http_replies.Endpoint[Handler]:
    """Return a falcon resource that answers each method with a function."""

    def answer(handler: Handler, req: falcon.Request, path: Mapping[str, str]) -> Reply:
        try:
            return handler(Call(identity, site, req, path))
        except EvenerError as error:
            return _reply_to(error, site)
        except falcon.HTTPError as error:
            return error_reply(HTTPStatus(error.status_code), error.description or error.title or "")

    return http_replies.Endpoint(handlers, answer, error_reply, write)


def write(resp: falcon.Response, reply: Reply) -> None:
    """Put `reply` into the response."""
    http_replies.write(resp, reply)
    resp.set_header("Vary", "X-Auth-Token")


def error_reply(status: HTTPStatus, message: str) -> Reply:
    """Return an error in Keystone's form."""
    return Reply(status, {"error": {"code": status.value, "title": status.phrase, "message": message}})


def _reply_to(error: EvenerError, site: Site) -> Reply:
    status = http_replies.status_of(error, STATUSES, HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is not HTTPStatus.UNAUTHORIZED:
        reply = error_reply(status, error.message)
        if isinstance(error, TooManyAttempts | Busy):
            return Reply(reply.status, reply.body, {"Retry-After": str(error.retry_after_s)})
        return reply
    # Why is for the log alone: it would say which users and projects exist.
    LOG.info("Refused: %s", error.message)
    reply = error_reply(status, "The request you have made requires authentication.")
    return Reply(status, reply.body, {"WWW-Authenticate": f'Keystone uri="{site.url("/identity/v3")}"'})
