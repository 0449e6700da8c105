"""The server's resources over HTTP: list, show, create, update, delete, and names to ids.

Knows URLs and error bodies; nothing of arguments and output.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from evener.cli.errors import NotFound, NotUnique, Refused, Unreachable, one_line
from evener.cli.login import Connection, explain
from evener.cli.resource import Resource

UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
IDS_PER_REQUEST = 50  # keeps URLs below the 8 KiB that servers take

Object = dict[str, Any]


def refusal(status: int, body: Any, text: str) -> Refused:
    """Return the error for an answer: the words of a NeutronError, or the nearest to them that there is."""
    found = body if isinstance(body, dict) else {}
    for key in ("NeutronError", "error", "message", "faultstring", "description", "title"):
        said = found.get(key)
        if isinstance(said, dict) and said.get("message"):
            detail = said.get("detail")
            return Refused(f"{said['message']} {detail if isinstance(detail, str) else ''}", status)
        if isinstance(said, str) and said:
            return Refused(said, status)
    return Refused(one_line(text)[:300] or f"The server answered with HTTP status {status}", status)


class Client:
    """A Neutron LBaaS v2 server at the end of `connection`, and the `kinds` of objects that it has.

    All methods may raise `Refused` (the server's words) and `Unreachable`.
    """

    def __init__(self, connection: Connection, kinds: Mapping[str, Resource]) -> None:
        self._connection = connection
        self._kinds = kinds

    def is_admin(self) -> bool:
        """Return whether the caller has the role admin."""
        return self._connection.is_admin()

    def request(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that the server answers to `method` on `path` below /v2.0; {} for no body."""
        answer, document = self._exchange(method, f"{self._connection.base}/{path}", body, query)
        if answer.status_code == 404 and not (isinstance(document, dict) and "NeutronError" in document):
            raise Refused(f"The server does not offer /{path}", 404)
        if answer.status_code >= 400 or not isinstance(document, dict):
            raise refusal(answer.status_code, document, answer.text)
        return document

    def secrets(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what the secret service answers to `method` on `path` below /v1; {} for no body.

        Raises:
            Unreachable: when the catalogue has no such service.
        """
        base = self._base("key-manager", "/v1")
        if base is None:
            raise Unreachable("The catalogue has no endpoint for a secret service (key-manager)")
        answer, document = self._exchange(method, f"{base}/{path}", body, query)
        if answer.status_code >= 400 or not isinstance(document, dict):
            raise refusal(answer.status_code, document, answer.text)
        return document

    def load_balancing(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what Octavia's API answers to `method` on `path` below /v2; {} for no body.

        Raises:
            Unreachable: when the catalogue has no such service.
        """
        base = self._base("load-balancer", "/v2")
        if base is None:
            raise Unreachable("The catalogue has no endpoint for load balancing (load-balancer)")
        answer, document = self._exchange(method, f"{base}/{path}", body, query)
        if answer.status_code >= 400 or not isinstance(document, dict):
            raise refusal(answer.status_code, document, answer.text)
        return document

    def projects(self, name: str) -> list[str]:
        """Return the ids of the projects of that name, as far as the identity service tells the caller."""
        base = self._base("identity", "/v3")
        if base is None:
            return []
        answer, document = self._exchange("GET", f"{base}/projects", None, {"name": name})
        if answer.status_code >= 400 or not isinstance(document, dict):
            return []
        return [str(each["id"]) for each in document.get("projects", ())]

    def _base(self, service_type: str, version: str) -> str | None:
        """Return the URL of a version of another service; None where the catalogue has none."""
        endpoint = self._connection.endpoint(service_type)
        return None if endpoint is None else endpoint.rstrip("/").removesuffix(version) + version

    def _exchange(self, method: str, url: str, body: Any, query: Mapping[str, Any] | None) -> tuple[Any, Any]:
        """Return the answer, and the document in it; None where that is no JSON."""
        more = {} if body is None else {"json": body}
        try:
            answer = self._connection.session.request(
                url, method, params=query, raise_exc=False, headers={"Accept": "application/json"}, **more
            )
        except self._connection.errors as error:
            raise explain(error, self._connection.base) from None
        try:
            return answer, answer.json() if answer.content else {}
        except ValueError:
            return answer, None

    def _path(self, resource: Resource, parent_id: str | None, *more: str) -> str:
        return "/".join([resource.path.format(parent=parent_id), *(quote(one, safe="") for one in more)])

    def list_all(
        self, resource: Resource, parent_id: str | None = None, query: Mapping[str, Any] | None = None
    ) -> list[Object]:
        """Return all objects that `query` matches, following the links from page to page."""
        path = self._path(resource, parent_id)
        page_query: Mapping[str, Any] | None = query
        objects: list[Object] = []
        while True:
            answer = self.request("GET", path, query=page_query)
            objects += answer.get(resource.plural, [])
            links = answer.get(f"{resource.plural}_links", [])
            following = [link["href"] for link in links if link.get("rel") == "next"]
            if not following:
                return objects
            page_query = {**(query or {}), **parse_qs(urlsplit(following[0]).query)}

    def show(
        self,
        resource: Resource,
        object_id: str,
        parent_id: str | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Object:
        """Return the object."""
        answer = self.request("GET", self._path(resource, parent_id, object_id), query=query)
        return dict(answer[resource.kind])

    def create(self, resource: Resource, body: Object, parent_id: str | None = None) -> Object:
        """Make an object with the attributes `body`, and return it."""
        answer = self.request("POST", self._path(resource, parent_id), {resource.kind: body})
        return dict(answer[resource.kind])

    def update(self, resource: Resource, object_id: str, body: Object, parent_id: str | None = None) -> None:
        """Change the attributes `body` of the object."""
        self.request("PUT", self._path(resource, parent_id, object_id), {resource.kind: body})

    def delete(
        self,
        resource: Resource,
        object_id: str,
        parent_id: str | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> None:
        """Delete the object; `query` says how, where there is a choice."""
        self.request("DELETE", self._path(resource, parent_id, object_id), query=query)

    def by_ids(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> list[Object]:
        """Return `fields` of those objects of `kind` that have one of `ids`."""
        found: list[Object] = []
        for start in range(0, len(ids), IDS_PER_REQUEST):
            query = {"fields": list(fields), "id": list(ids[start : start + IDS_PER_REQUEST])}
            found += self.list_all(self._kinds[kind], query=query)
        return found

    def find(
        self, kind: str, name_or_id: str, fields: tuple[str, ...] = (), parent_id: str | None = None
    ) -> Object:
        """Return the id, and `fields`, of the one object of `kind` with that id or, where none has it, name.

        Raises:
            NotFound: when there is none.
            NotUnique: when several have the name.
        """
        resource = self._kinds[kind]
        wanted = ["id", *fields]
        if UUID.fullmatch(name_or_id):
            found = self.list_all(resource, parent_id, {"id": name_or_id, "fields": wanted})
            if found:
                return found[0]
        # An empty name (an unset variable of a script) would match whatever has none.
        query = {"name": name_or_id, "fields": wanted}
        found = self.list_all(resource, parent_id, query) if name_or_id else []
        if not found:
            raise NotFound(f"Unable to find {kind} with name or id '{name_or_id}'")
        if len(found) > 1:
            raise NotUnique(
                f"Multiple {kind} matches found for name '{name_or_id}', use an ID to be more specific."
            )
        return found[0]

    def find_id(self, kind: str, name_or_id: str, parent_id: str | None = None) -> str:
        """Return the id of what `find` finds; where objects have no names, what is given is an id.

        Raises:
            NotFound: as `find`, and for an id that cannot be one.
            NotUnique: as `find`.
        """
        if not self._kinds[kind].named:
            if "/" in name_or_id or not name_or_id.strip("."):  # in a URL's path it would mean another object
                raise NotFound(f"Unable to find {kind} with id '{name_or_id}'")
            return name_or_id
        return str(self.find(kind, name_or_id, parent_id=parent_id)["id"])
