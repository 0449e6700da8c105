"""Neutron's REST API as plain documents: what is there, by its own names, and what it refuses, as our errors.

Knows no load balancer. What an administrator alone may is asked as ourselves, what a caller may as the caller.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from keystoneauth1.exceptions import HttpError

from evener.resources.errors import (
    Conflict,
    EvenerError,
    Forbidden,
    InUse,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    Unavailable,
)
from evener.services.sessions import Service

IDS_AT_ONCE = 100
Json = Mapping[str, Any]


class IpAddressGenerationFailure(Conflict):
    """All addresses of the subnet are taken."""


class Neutron:
    """A Neutron. With a `token` it is asked as the caller whose that is, else as ourselves.

    All calls raise what Neutron refuses as errors with its message and its name: NotFound, InvalidInput, Forbidden,
    QuotaExceeded, Conflict (of which IpAddressGenerationFailure and InUse are some), Unauthorized; Unavailable where
    it does not answer, or forbids us something.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def show(self, kind: str, object_id: str, token: str | None = None) -> Json:
        """Return one object, of a kind like `port` or `security_group`."""
        found: Json = self._call("GET", _path(kind, object_id), token)[kind]
        return found

    def list(self, kind: str, token: str | None = None, **query: Any) -> list[Json]:
        """Return all objects that `query` asks for; a filter with several values wants one of them."""
        return list(self._pages(kind, token, query))

    def _pages(self, kind: str, token: str | None, query: Json) -> Sequence[Json]:
        found: list[Json] = []
        more: Json | None = query
        while more is not None:
            page = self._call("GET", _path(kind), token, params=dict(more))
            found += page[f"{kind}s"]
            links = {each["rel"]: each["href"] for each in page.get(f"{kind}s_links", ())}
            more = parse_qs(urlsplit(links["next"]).query) if "next" in links else None
        return found

    def quotas(self) -> Sequence[Json]:
        """Return the limits of all projects that have any of their own."""
        found: Sequence[Json] = self._call("GET", "/v2.0/quotas", None)["quotas"]
        return found

    def create(self, kind: str, values: Json, token: str | None = None) -> Json:
        """Make an object, and return it."""
        found: Json = self._call("POST", _path(kind), token, json={kind: values})[kind]
        return found

    def create_all(self, kind: str, values: Sequence[Json]) -> None:
        """Make all of these, or none."""
        if values:
            self._call("POST", _path(kind), None, json={f"{kind}s": values})

    def update(
        self, kind: str, object_id: str, values: Json, token: str | None = None, revision: int | None = None
    ) -> Json:
        """Change an object, if it is at that revision still, and return it."""
        condition = {} if revision is None else {"If-Match": f"revision_number={revision}"}
        path = _path(kind, object_id)
        found: Json = self._call("PUT", path, token, json={kind: values}, headers=condition)[kind]
        return found

    def delete(self, kind: str, object_id: str) -> None:
        """Delete an object; one that is gone is fine."""
        try:
            self._call("DELETE", _path(kind, object_id), None)
        except NotFound:
            return

    def tag(self, kind: str, object_id: str, tag: str, token: str | None = None) -> None:
        """Give an object one more tag."""
        self._call("PUT", f"{_path(kind, object_id)}/tags/{tag}", token)

    def set_tags(self, kind: str, object_id: str, tags: Sequence[str]) -> None:
        """Have an object have these tags alone."""
        self._call("PUT", f"{_path(kind, object_id)}/tags", None, json={"tags": list(tags)})

    def untag(self, kind: str, object_id: str, tag: str) -> None:
        """Take a tag from an object; one that it has not is fine."""
        try:
            self._call("DELETE", f"{_path(kind, object_id)}/tags/{tag}", None)
        except NotFound:
            return

    def project_id(self) -> str:
        """Return the project that our own credentials are for."""
        return self._service.project_id()

    def _call(self, method: str, path: str, token: str | None, **more: Any) -> Any:
        try:
            answer = self._service.call(method, path, token=token, **more)
        except HttpError as error:
            raise _refusal(error, ours=token is None) from error
        return answer.json() if answer.content else None


def batched(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield these ids in parts that a URL has room for."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]


def _path(kind: str, object_id: str | None = None) -> str:
    path = f"/v2.0/{kind.replace('_', '-')}s"
    return path if object_id is None else f"{path}/{object_id}"


_CONFLICTS: Mapping[str, type[EvenerError]] = {
    "IpAddressAlreadyAllocated": InUse,
    "IpAddressGenerationFailure": IpAddressGenerationFailure,
    "OverQuota": QuotaExceeded,
}
_REFUSALS: Mapping[int, type[EvenerError]] = {400: InvalidInput, 403: Forbidden, 404: NotFound}

_KINDS = {kind.__name__: kind for kind in (*_CONFLICTS.values(), *_REFUSALS.values(), Conflict)}


def _refusal(error: HttpError, *, ours: bool) -> EvenerError:
    """Return what Neutron says no to, by its own name, for clients that look at that."""
    name, message = _said(error)
    if ours and error.http_status == 403:
        return Unavailable(
            f"Neutron forbids the user of [service_auth] what needs the role admin in its project: {message}"
        )
    kind = _REFUSALS.get(error.http_status, Conflict)
    if kind is Conflict:
        kind = _CONFLICTS.get(name, InUse if name.endswith("InUse") else Conflict)
    if name.isidentifier() and name != kind.__name__:
        return _named(kind.__name__, name)(message)
    return kind(message)


def _said(error: HttpError) -> tuple[str, str]:
    try:
        said = error.response.json()["NeutronError"] if error.response is not None else {}
        return str(said["type"]), str(said["message"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return "", error.message


@lru_cache(maxsize=256)
def _named(kind: str, name: str) -> type[EvenerError]:
    return type(name, (_KINDS[kind],), {})
