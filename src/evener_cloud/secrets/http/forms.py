"""How a request in Barbican's form reaches a function, and how its result or error goes back. Decides nothing itself.

Errors are answered in Barbican's form by these resources themselves. No payload is ever logged.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import falcon

from evener.resources import errors
from evener.resources.caller import ADMIN, MEMBER, READER, Caller
from evener.resources.types import validate_uuid
from evener.store.database import Transaction, retried
from evener_cloud import http_replies
from evener_cloud.http_replies import Reply
from evener_cloud.secrets import vault
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.listing import PAGE
from evener_cloud.secrets.references import PATH, Collection, Reference, build

LOG = logging.getLogger(__name__)
CREATOR = "creator"  # Barbican's own role for those who may store secrets
WRITERS = frozenset({ADMIN, MEMBER, CREATOR})
READERS = WRITERS | {READER}
LATEST_MINOR = 1
MICROVERSION_HEADER = "OpenStack-API-Version"
MICROVERSION = re.compile(r"\s*key-manager\s+(?:(latest)|1\.([0-9]{1,4}))\s*")
STATUSES: tuple[tuple[type[errors.EvenerError], HTTPStatus], ...] = (
    (errors.InvalidInput, HTTPStatus.BAD_REQUEST),
    (errors.Forbidden, HTTPStatus.FORBIDDEN),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
T = TypeVar("T")


class Refusal(Exception):
    """A request that HTTP itself has a status for."""

    def __init__(self, status: HTTPStatus, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


@dataclass(frozen=True, slots=True)
class Call:
    """A request with all that is needed to answer it; `path` holds the ids in the URL."""

    secrets: BuiltinSecrets
    base_url: str
    largest_body: int
    request: falcon.Request
    path: Mapping[str, str]

    def reader(self) -> Caller:
        """Return the caller, who may see what there is.

        Raises:
            Forbidden: when the caller's roles do not allow that.
        """
        return self._caller(READERS)

    def writer(self) -> Caller:
        """Return the caller, who may make and delete, and see payloads, as in Barbican's own policy.

        Raises:
            Forbidden: when the caller's roles do not allow that.
        """
        return self._caller(WRITERS)

    def _caller(self, roles: frozenset[str]) -> Caller:
        caller: Caller = self.request.context.caller
        if not caller.roles & roles:
            raise errors.Forbidden("Not allowed. Your roles do not allow this operation.")
        return caller

    def id(self, name: str, kind: str) -> str:
        """Return the UUID that stands in the URL under `name`.

        Raises:
            NotFound: when it is none; `kind` is what it would be of.
        """
        try:
            return validate_uuid(self.path[name])
        except ValueError:
            raise errors.NotFound(f"Not Found. Provided {kind} id is invalid.") from None

    def query(self) -> dict[str, str]:
        """Return the URL's parameters; of one that stands there several times, the last."""
        params = self.request.params.items()
        return {name: value[-1] if isinstance(value, list) else value for name, value in params}

    def raw_body(self) -> bytes:
        """Return the request's body.

        Raises:
            Refusal: when it is too large.
        """
        raw = self.request.bounded_stream.read(self.largest_body + 1)
        if len(raw) > self.largest_body:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request body is too large.")
        return raw

    def json_body(self) -> Any:
        """Return the request's body, which is JSON.

        Raises:
            InvalidInput: when it is none.
            Refusal: when it is of another type, or too large.
        """
        kind = (self.request.content_type or "").partition(";")[0].strip().lower()
        if kind not in ("", falcon.MEDIA_JSON):
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The request body has to be application/json.")
        try:
            return json.loads(self.raw_body())
        except (ValueError, RecursionError):
            raise errors.InvalidInput("Malformed JSON") from None

    def minor(self) -> int | None:
        """Return the minor version that the client asks for, or None when it asks for none.

        Raises:
            Refusal: when there is no such version.
        """
        for each in (self.request.get_header(MICROVERSION_HEADER) or "").split(","):
            found = MICROVERSION.fullmatch(each)
            if found is None:
                continue
            minor = LATEST_MINOR if found[1] else int(found[2])
            if minor > LATEST_MINOR:
                raise Refusal(
                    HTTPStatus.NOT_ACCEPTABLE, f"Unacceptable version: 1.0 to 1.{LATEST_MINOR} are supported."
                )
            return minor
        return None

    def href(self, collection: Collection, object_id: str) -> str:
        """Return the URL of a secret or container."""
        return build(self.base_url, Reference(collection, object_id))

    def page_links(self, path: str, limit: int, offset: int, total: int) -> dict[str, str]:
        """Return the URLs of the pages before and after this one of the list at `path`, where there are any."""
        others = {name: value for name, value in self.query().items() if name not in PAGE}

        def link(start: int) -> str:
            return f"{self.base_url}{PATH}/{path}?{urlencode({'limit': limit, 'offset': start, **others})}"

        links = {}
        if offset > 0:
            links["previous"] = link(max(0, offset - limit))
        if limit and offset + limit < total:
            links["next"] = link(offset + limit)
        return links

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns in a transaction that reads."""
        with self.secrets.database.read() as tx:
            return work(tx)

    def make_room(self, caller: Caller, check: Callable[..., None], *more: Any) -> None:
        """See, by one of the checks of `bounds`, whether the caller's project has room for more.

        What has expired is gone for everybody, so it makes room.

        Raises:
            Forbidden: naming the bound.
        """
        arguments = (self.secrets.bounds, caller.project_id, *more)
        try:
            self.read(lambda tx: check(tx, *arguments))
        except errors.Forbidden:
            self.write(lambda tx: vault.forget_expired(tx, caller.project_id))
            self.read(lambda tx: check(tx, *arguments))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns in a transaction that writes; after a lost race it is run again."""

        @retried
        def attempt() -> T:
            with self.secrets.database.write() as tx:
                return work(tx)

        return attempt()


Handler = Callable[[Call], Reply]


def endpoint(
    secrets: BuiltinSecrets, base_url: str, largest_body: int, handlers: Mapping[str, Handler]
) -> http_replies.Endpoint[Handler]:
    """Return a falcon resource that answers each method with a function."""

    def answer(handler: Handler, req: falcon.Request, path: Mapping[str, str]) -> Reply:
        call = Call(secrets, base_url, largest_body, req, path)
        try:
            version = {MICROVERSION_HEADER: f"key-manager 1.{call.minor() or 0}", "Vary": MICROVERSION_HEADER}
            reply = handler(call)
            reply = replace(reply, headers={**reply.headers, **version})
        except errors.EvenerError as error:
            reply = error_reply(
                http_replies.status_of(error, STATUSES, HTTPStatus.BAD_REQUEST), error.message
            )
        except Refusal as refusal:
            reply = error_reply(refusal.status, refusal.description)
        if reply.status >= HTTPStatus.BAD_REQUEST:
            LOG.info("%s %s refused: %s", req.method, req.path, reply.body)
        return reply

    return http_replies.Endpoint(handlers, answer, error_reply, _write)


def error_reply(status: HTTPStatus, description: str) -> Reply:
    """Return an error in Barbican's form."""
    return Reply(status, {"code": status.value, "title": status.phrase, "description": description})


def not_found(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:  # noqa: ARG001
    """Answer a request for what does not exist."""
    _write(resp, error_reply(HTTPStatus.NOT_FOUND, "The resource could not be found."))


def _write(resp: falcon.Response, reply: Reply) -> None:
    http_replies.write(resp, reply)
    resp.set_header("Cache-Control", "no-store")
