"""Collections: every resource's routes, derived from its description, in the form of a dialect."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, Protocol, cast

import falcon

from evener.api.answer_cache import AnswerCache
from evener.api.dialects.base import Dialect, ReadList
from evener.api.dialects.lbaas import LBAAS
from evener.api.documented import Nested
from evener.api.policy import Policy
from evener.api.query import Listing
from evener.resources.bounds import DEFAULTS, Bounds
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.wire import on_wire, parse_create, parse_update, to_wire
from evener.store.filters import TRUE_WORDS
from evener.store.rows import ListQuery

Handler = Callable[..., None]


class Operations(Protocol):
    """What a collection needs of the room behind it; each raises types of `evener.resources.errors`."""

    def list(
        self, caller: Caller, cls: type[Any], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[Any]:
        """Return the objects that the caller sees."""

    def show(self, caller: Caller, cls: type[Any], object_id: str, parent_id: str | None = None) -> Any:
        """Return one object."""

    def create(
        self, caller: Caller, cls: type[Any], values: Mapping[str, Any], parent_id: str | None = None
    ) -> Any:
        """Create an object and return it."""

    def update(
        self,
        caller: Caller,
        cls: type[Any],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> Any:
        """Change an object and return it."""

    def delete(self, caller: Caller, cls: type[Any], object_id: str, parent_id: str | None = None) -> None:
        """Delete an object."""


class CascadingOperations(Protocol):
    """What a collection needs of the room behind it where an object may be deleted with all below it."""

    def delete(
        self,
        caller: Caller,
        cls: type[Any],
        object_id: str,
        parent_id: str | None = None,
        *,
        cascade: bool = False,
    ) -> None:
        """Delete an object, and what is below it with `cascade`."""


class BulkOperations(Protocol):
    """What a collection needs of the room behind it where one request may make many objects."""

    def create_all(
        self, caller: Caller, cls: type[Any], all_values: Sequence[Mapping[str, Any]]
    ) -> Sequence[Any]:
        """Create all of these objects, or none, and return them."""


DEEPEST = 50


class MalformedRequestBody(InvalidInput):
    """The body is no JSON."""


class UnsupportedMediaType(falcon.HTTPUnsupportedMediaType):
    """The body is declared to be something else than JSON."""


def read_json(request: falcon.Request, largest: int) -> Any:
    """Return the body of a request as JSON.

    Raises:
        MalformedRequestBody: when it is none, or nested too deeply.
        falcon.HTTPError: when it is too large, or declared as something else.
    """
    kind = (request.content_type or "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType(
            description=f"Content type '{kind[:80]}' is not supported; use application/json"
        )
    if (request.content_length or 0) > largest:
        raise falcon.HTTPContentTooLarge(description=f"A body may have {largest} bytes at most")
    try:
        body = json.loads(request.bounded_stream.read(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it is not JSON in UTF-8"
        raise MalformedRequestBody(f"Malformed request body: {reason}") from None
    if _deeper(body, DEEPEST):
        raise MalformedRequestBody(f"Malformed request body: it is nested more than {DEEPEST} levels deep")
    return body


def _deeper(body: Any, levels: int) -> bool:
    """Return whether `body` is nested more than `levels` deep; how deep Python reads depends on its version."""
    level = [body]
    for _ in range(levels):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


HANDLERS = {
    "list": "on_get",
    "create": "on_post",
    "show": "on_get_one",
    "update": "on_put_one",
    "delete": "on_delete_one",
    "set": "on_put",
}
USUAL = frozenset(HANDLERS) - {"set"}
READ_ONLY = frozenset({"list", "show"})


@dataclass(frozen=True, slots=True)
class Served:
    """Where a collection stands, and what can be done with it: the routes and the OpenAPI document follow."""

    cls: type[Resource]
    prefix: str  # "/networking/v2.0/lbaas"
    parent: type[Resource] | None = None
    verbs: frozenset[str] = USUAL
    bulk: bool = False  # one request may make many
    cascades: bool = False  # a deletion may take all below along
    nested: Nested | None = None  # one may be made with others inside
    dialect: Dialect = LBAAS

    @property
    def path(self) -> str:
        """The path of the collection."""
        above = f"/{self.parent.PLURAL}/{{object_id}}" if self.parent else ""
        return f"{self.prefix}{above}/{self.cls.path()}"

    @property
    def path_of_one(self) -> str:
        """The path of one object."""
        return f"{self.path}/{{child_id}}" if self.parent else f"{self.path}/{{object_id}}"

    @property
    def whole_verbs(self) -> frozenset[str]:
        """Return what is done with the collection, not with one object."""
        return self.verbs & {"list", "create", "set"}


class Collection:
    """`/PLURAL` and `/PLURAL/{object_id}`, or the same below a parent."""

    def __init__(
        self,
        served: Served,
        operations: Operations,
        policy: Policy,
        largest_body: int,
        answers: AnswerCache,
        bulk: BulkOperations | None = None,
        bounds: Bounds = DEFAULTS,
    ) -> None:
        self._cls = served.cls
        self._form, self._lists = served.dialect.form, served.dialect.lists
        self._bulk, self._bounds = bulk, bounds
        self._cascades = served.cascades
        self._answers = answers
        self._operations = operations
        self._policy = policy
        self._largest = largest_body

    def on_get(
        self, request: falcon.Request, response: falcon.Response, parent_id: str | None = None
    ) -> None:
        """List."""
        caller = self._policy.check(request.context.caller, "list", self._cls)
        asked = (caller, request.context.asked_url, request.query_string)
        response.data = self._answers.get(asked, lambda: _body(self._list(caller, request, parent_id)))

    def _asked(self, caller: Caller, request: falcon.Request, read: ReadList) -> Listing:
        """Return what the query string asks for; nobody filters or sorts by what they are not shown."""
        wanted = read(self._cls, request.query_string, self._form)
        used = {*wanted.query.filters, *(name for name, _ in wanted.query.sort)}
        for name in used & self._policy.hidden(caller, self._cls):
            raise InvalidInput(f"Invalid filter: '{name}' is not an attribute that can be filtered by")
        return wanted

    def _shown(self, caller: Caller, resource: Resource) -> dict[str, Any]:
        """Return what `caller` is shown of `resource`."""
        shown = to_wire(resource, self._form)
        for name in self._policy.hidden(caller, self._cls):
            shown.pop(on_wire(self._cls, self._form).get(name, ""), None)
        return shown

    def _list(self, caller: Caller, request: falcon.Request, parent_id: str | None) -> dict[str, Any]:
        wanted = self._asked(caller, request, self._lists.read)
        self._policy.check_reach(caller, wanted.query.filters.get("project_id", ()))
        found = self._operations.list(caller, self._cls, wanted.query, parent_id)
        shown = [self._shown(caller, resource) for resource in found]
        media: dict[str, Any] = {self._cls.PLURAL: [only(entry, wanted.fields) for entry in shown]}
        return {
            **media,
            **self._lists.pages(self._cls, request.context.asked_url, request.query_string, wanted, shown),
        }

    def on_post(
        self, request: falcon.Request, response: falcon.Response, parent_id: str | None = None
    ) -> None:
        """Create one, or all of a list where the collection takes lists."""
        caller = self._policy.check(request.context.caller, "create", self._cls)
        body = read_json(request, self._largest)
        response.status = falcon.HTTP_201
        if self._bulk is not None and isinstance(body, dict) and self._cls.PLURAL in body:
            made = self._bulk.create_all(caller, self._cls, self._parse_all(caller, body))
            response.media = {self._cls.PLURAL: [self._shown(caller, each) for each in made]}
            return
        created = self._operations.create(caller, self._cls, self._parse(caller, body), parent_id)
        response.media = {self._cls.KIND: self._shown(caller, created)}

    def _parse(self, caller: Caller, body: Any) -> dict[str, Any]:
        values = parse_create(self._cls, body, self._form)
        self._policy.check_attributes(caller, "create", self._cls, values)
        return values

    def _parse_all(self, caller: Caller, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what a body with a list asks for; errors say where in it."""
        name, given = self._cls.PLURAL, body[self._cls.PLURAL]
        if len(body) > 1 or not isinstance(given, list) or not given:
            raise InvalidInput(
                f"Resources required: '{name}' with a list of one object at least, and nothing else"
            )
        self._bounds.check("objects_per_request", len(given))
        found = []
        for index, each in enumerate(given):
            try:
                found.append(self._parse(caller, {self._cls.KIND: each}))
            except InvalidInput as error:
                raise type(error)(f"{name}[{index}]: {error.message}") from None
        return found

    def on_get_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, parent_id: str | None = None
    ) -> None:
        """Show one."""
        caller = self._policy.check(request.context.caller, "get", self._cls)

        def show() -> bytes:
            wanted = self._asked(caller, request, self._lists.read_one or self._lists.read)
            found = self._operations.show(caller, self._cls, object_id, parent_id)
            return _body({self._cls.KIND: only(self._shown(caller, found), wanted.fields)})

        response.data = self._answers.get((caller, request.context.asked_url, request.query_string), show)

    def on_put_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, parent_id: str | None = None
    ) -> None:
        """Change one."""
        caller = self._policy.check(request.context.caller, "update", self._cls)
        values = parse_update(self._cls, read_json(request, self._largest), self._form)
        self._policy.check_attributes(caller, "update", self._cls, values)
        changed = self._operations.update(caller, self._cls, object_id, values, parent_id)
        response.media = {self._cls.KIND: self._shown(caller, changed)}

    def on_delete_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete one."""
        caller = self._policy.check(request.context.caller, "delete", self._cls)
        if self._cascades and is_true(request, "cascade"):
            below = cast("CascadingOperations", self._operations)
            below.delete(caller, self._cls, object_id, parent_id, cascade=True)
        else:
            self._operations.delete(caller, self._cls, object_id, parent_id)
        response.status = falcon.HTTP_204


def add_collections(
    app: falcon.App[Any, Any],
    collections: Iterable[Served],
    operations: Mapping[type[Resource], Operations],
    policy: Policy,
    largest_body: int,
    answers: AnswerCache,
    bounds: Bounds,
    kinds: Mapping[type[Resource], type[Collection]] = MappingProxyType({}),
) -> None:
    """Add the routes of `collections`, whose `operations` are by kind; `kinds` say which are not like all others."""
    for served in collections:
        operation = operations[served.cls]
        kind = kinds.get(served.cls, Collection)
        bulk = cast("BulkOperations", operation) if served.bulk else None
        add_collection(app, served, kind(served, operation, policy, largest_body, answers, bulk, bounds))


def add_collection(app: falcon.App[Any, Any], served: Served, collection: Collection) -> None:
    """Add the routes of a collection."""
    for path, verbs, suffix, below in (
        (served.path, served.whole_verbs, None, _below),
        (served.path_of_one, served.verbs - served.whole_verbs, "one", _below_one),
    ):
        handlers = {HANDLERS[verb]: getattr(collection, HANDLERS[verb]) for verb in verbs}
        if served.parent is not None:
            handlers = {name: below(handler) for name, handler in handlers.items()}
        if handlers:
            app.add_route(path, SimpleNamespace(**handlers), suffix=suffix)


def _below(handler: Handler) -> Handler:
    """Return `handler` for a path whose first id is the parent's."""

    def handle(request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        handler(request, response, parent_id=object_id)

    return handle


def _below_one(handler: Handler) -> Handler:
    """Return `handler` for a path whose first id is the parent's, and the second the object's own."""

    def handle(request: falcon.Request, response: falcon.Response, object_id: str, child_id: str) -> None:
        handler(request, response, child_id, parent_id=object_id)

    return handle


def _body(media: Any) -> bytes:
    return json.dumps(media, ensure_ascii=False).encode()


def is_true(request: falcon.Request, name: str) -> bool:
    """Return whether a parameter of the query is one of the words that mean yes."""
    return any(word.lower() in TRUE_WORDS for word in request.get_param_as_list(name) or ())


def only(entry: dict[str, Any], fields: frozenset[str] | None) -> dict[str, Any]:
    """Return `entry` with these fields only, or all of it where none are asked for."""
    return entry if fields is None else {name: value for name, value in entry.items() if name in fields}
