"""From errors to HTTP: each is answered in the form of the API that it was met in."""

import logging
from collections.abc import Callable
from typing import Any

import falcon
from sqlalchemy.exc import SQLAlchemyError

from evener.api.dialects.base import ErrorForm
from evener.resources import errors
from evener.store.failures import Failure, failure_of, in_a_line

LOG = logging.getLogger(__name__)
FAILURES: dict[Failure, tuple[type[errors.EvenerError], str]] = {
    Failure.FAULT: (errors.Unexpected, "An unexpected error occurred"),
    Failure.OUTAGE: (errors.Unavailable, "The database does not answer"),
    Failure.CONFLICT: (
        errors.Conflict,
        "Another change was made at the same time; see what there is, and try again",
    ),
}


class ErrorHandlers:
    """Falcon's handlers of errors. `forms` are by the beginning of the paths that they are for; "" is for the rest."""

    def __init__(self, forms: dict[str, ErrorForm]) -> None:
        self.forms = forms

    def of(self, path: str) -> ErrorForm:
        """Return the form of the API that `path` is of."""
        return self.forms[max((each for each in self.forms if path.startswith(each)), key=len)]

    def handlers(self) -> dict[type[Exception], Callable[..., None]]:
        """Return what answers each type of exception, the widest first."""
        return {
            Exception: self.unexpected,
            falcon.HTTPError: self.refuse_http,
            errors.EvenerError: self.refuse,
        }

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: errors.EvenerError, _params: Any
    ) -> None:
        """Answer an error of ours."""
        status, response.media = self.of(request.path).answer(error)
        response.status = status
        if isinstance(error, errors.Busy):
            response.set_header("Retry-After", str(error.retry_after_s))
        if isinstance(error, errors.Unauthorized):
            response.set_header("WWW-Authenticate", f'Keystone uri="{request.context.base_url}/identity"')
        who = request.env.get("REMOTE_ADDR")
        LOG.info("%s %s of %s refused with %d: %s", request.method, request.path, who, status, error.message)

    def refuse_http(
        self, request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, _params: Any
    ) -> None:
        """Answer an error of Falcon's: no such route, method, too large a body."""
        response.status = error.status
        if error.headers:
            response.set_headers(error.headers)
        message = str(error.description or error.title)
        response.media = self.of(request.path).body(error.status_code, type(error).__name__, message)

    def unexpected(
        self, request: falcon.Request, response: falcon.Response, error: Exception, _params: Any
    ) -> None:
        """Answer what should not happen: the log gets everything of what is our fault, the client a request id."""
        request_id = getattr(request.context, "request_id", "")
        failure = failure_of(error) if isinstance(error, SQLAlchemyError) else Failure.FAULT
        kind, what = FAILURES[failure]
        if isinstance(error, SQLAlchemyError) and failure is not Failure.FAULT:
            LOG.warning("%s %s was not done: %s: %s", request.method, request.path, what, in_a_line(error))
        else:
            LOG.exception("%s %s failed", request.method, request.path, exc_info=error)
        response.status, response.media = self.of(request.path).answer(kind(f"{what} (request {request_id})"))
