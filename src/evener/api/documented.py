"""What a hand-written handler says about itself for the OpenAPI document: its answer's and its body's schema.

Collections need none of this: theirs follow from the descriptions of resources.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from evener.resources.describe import Resource

H = TypeVar("H", bound=Callable[..., Any])
Schema = Mapping[str, Any]
REFERENCE = "#/components/schemas/{model}"
UNKNOWN_OBJECT: Schema = {"type": "object"}


class ResourceSchemas(Protocol):
    """What the schemas of resources give to those of views (`api/schemas.py`)."""

    @property
    def limited(self) -> tuple[str, ...]:
        """The kinds that a project has a limit of."""

    def nested_create(self, cls: type[Resource], without: Collection[str], **below: Schema) -> Schema:
        """Return the schema of what is sent for a `cls`."""

    def nested_shown(self, cls: type[Resource], *, parents: bool = True, **below: Schema) -> Schema:
        """Return the schema of what is shown of a `cls`."""


FromSchemas = Callable[[ResourceSchemas], Schema]  # worked out when the document is made


@dataclass(frozen=True, slots=True)
class Nested:
    """The schemas of an object that may be made with others inside: what is sent, and what is answered then."""

    sent: FromSchemas
    made: FromSchemas | None = None  # None: the object as always


@dataclass(frozen=True, slots=True)
class Documented:
    """A handler's JSON schemas; `query` by parameter. It takes those of a list of `lists`; `open` needs no token."""

    answer: Schema | FromSchemas
    body: Schema | FromSchemas | None = None
    status: int = 200
    lists: type[Resource] | None = None
    query: Mapping[str, Schema] | None = None
    open: bool = False


class View(NamedTuple):
    """A hand-written route: the class whose `on_METHOD_SUFFIX` handlers answer at `path`."""

    path: str
    handlers: type[Any]
    suffix: str = ""


def documented(description: Documented) -> Callable[[H], H]:
    """Return a decorator that attaches `description` to a handler."""

    def attach(handler: H) -> H:
        handler.documented = description  # type: ignore[attr-defined]
        return handler

    return attach


def handlers_of(view: View) -> dict[str, tuple[Callable[..., Any], Documented]]:
    """Return the handlers of a view by HTTP method in lower case.

    Raises:
        TypeError: for a handler that is not documented.
    """
    found = {}
    for method in ("get", "post", "put", "delete"):
        handler = getattr(view.handlers, f"on_{method}" + (f"_{view.suffix}" if view.suffix else ""), None)
        if handler is None:
            continue
        description = getattr(handler, "documented", None)
        if description is None:
            raise TypeError(f"{handler.__qualname__} needs @documented")
        found[method] = (handler, description)
    return found


def reference(name: str) -> Schema:
    """Return a reference to a schema among the document's components: a resource's is called as its class."""
    return {"$ref": REFERENCE.format(model=name)}


def exactly(**properties: Schema) -> Schema:
    """Return the schema of an object that has these properties, all of them, and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def many(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """Return the schema of what may be null too."""
    return {"anyOf": [schema, {"type": "null"}]}


STRING: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
WITH_ID = exactly(id=UUID)
LINKS = many(exactly(rel=STRING, href={"type": "string", "format": "uri"}))
