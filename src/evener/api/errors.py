"""From errors to HTTP: the one table of status codes, and Neutron's form of an error's body."""

import logging
from http import HTTPStatus
from typing import Any

import falcon
from sqlalchemy.exc import SQLAlchemyError

from evener.resources import errors
from evener.store.failures import Failure, failure_of

LOG = logging.getLogger(__name__)

# The status of each type of error, and what Neutron calls it where the error has no name of its own there.
STATUS: dict[type[errors.EvenerError], tuple[int, str]] = {
    errors.InvalidInput: (400, "HTTPBadRequest"),
    errors.Unauthorized: (401, "HTTPUnauthorized"),
    errors.Forbidden: (403, "PolicyNotAuthorized"),
    errors.NotFound: (404, "HTTPNotFound"),
    errors.InUse: (409, "InUse"),
    errors.QuotaExceeded: (409, "OverQuota"),
    errors.Conflict: (409, "Conflict"),
    errors.Unavailable: (503, "ServiceUnavailable"),
}
FAILURES = {
    Failure.FAULT: (500, "HTTPInternalServerError", "An unexpected error occurred"),
    Failure.OUTAGE: (503, "ServiceUnavailable", "The database does not answer"),
    Failure.CONFLICT: (
        409,
        "Conflict",
        "Another change was made at the same time; see what there is, and try again",
    ),
}


def neutron_body(type_name: str, message: str) -> dict[str, Any]:
    """Return the body that Neutron's clients read an error from."""
    return {"NeutronError": {"type": type_name, "message": message, "detail": ""}}


def _body(path: str, status: int, type_name: str, message: str) -> dict[str, Any]:
    """Return an error's body in the form of the API that `path` is of."""
    title = HTTPStatus(status).phrase
    if path.startswith("/key-manager"):
        return {"code": status, "title": title, "description": message}
    if path.startswith("/identity"):
        return {"error": {"code": status, "title": title, "message": message}}
    return neutron_body(type_name, message)


def refuse(
    request: falcon.Request, response: falcon.Response, error: errors.EvenerError, _params: Any
) -> None:
    """Answer an error of ours."""
    status, general = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    name = error.type_name if error.named or type(error) not in STATUS else general
    response.status = status
    if isinstance(error, errors.Busy):
        response.set_header("Retry-After", str(error.retry_after_s))
    if isinstance(error, errors.Unauthorized):
        response.set_header("WWW-Authenticate", f'Keystone uri="{request.context.base_url}/identity"')
        response.media = {
            "error": {"code": 401, "title": "Unauthorized", "message": error.message},
            **neutron_body(name, error.message),
        }
    else:
        response.media = _body(request.path, status, name, error.message)
    who = request.env.get("REMOTE_ADDR")
    LOG.info("%s %s of %s refused with %d: %s", request.method, request.path, who, status, error.message)


def refuse_http(
    request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, _params: Any
) -> None:
    """Answer an error of Falcon's: no such route, method, too large a body."""
    response.status = error.status
    if error.headers:
        response.set_headers(error.headers)
    message = str(error.description or error.title)
    response.media = _body(request.path, error.status_code, type(error).__name__, message)


def unexpected(request: falcon.Request, response: falcon.Response, error: Exception, _params: Any) -> None:
    """Answer what should not happen: the log gets everything, the client a request id."""
    LOG.exception("%s %s failed", request.method, request.path, exc_info=error)
    request_id = getattr(request.context, "request_id", "")
    failure = failure_of(error) if isinstance(error, SQLAlchemyError) else Failure.FAULT
    status, name, what = FAILURES[failure]
    response.status = status
    response.media = _body(request.path, status, name, f"{what} (request {request_id})")
