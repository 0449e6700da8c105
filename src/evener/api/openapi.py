"""The OpenAPI 3.1 document of the API, generated from the collections, the views and the resources' descriptions.

Must not name any resource or attribute.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import falcon

from evener.api.collections import Served
from evener.api.dialects.base import Dialect, ErrorForm
from evener.api.documented import (
    LINKS,
    UNKNOWN_OBJECT,
    Documented,
    Schema,
    View,
    documented,
    exactly,
    handlers_of,
    many,
    reference,
)
from evener.api.schemas import Schemas, always_shown
from evener.resources.describe import Resource
from evener.resources.wire import visible_attributes
from evener.resources.wire_form import WireForm

Json = dict[str, Any]
STRING: Schema = {"type": "string"}
ERRORS = {
    400: "The request makes no sense",
    401: "No valid token",
    403: "The caller's roles do not allow it",
    404: "There is none, or none that the caller sees",
    409: "It does not fit what exists",
    413: "The body is too large",
    415: "The body is declared as something else than JSON",
    501: "Nobody here can do that",
    503: "A part that is needed does not answer",
}
READING = (400, 401, 403, 404, 503)
WRITING = tuple(ERRORS)
DELETING = (400, 401, 403, 404, 409, 503)
METHODS = {"list": "get", "create": "post", "show": "get", "update": "put", "delete": "delete", "set": "put"}
_HEADERS = {"X-Openstack-Request-Id": {"schema": STRING, "description": "The request's name in the logs"}}


def document(collections: Sequence[Served], views: Iterable[View], dialect: Dialect, about: str) -> Json:
    """Return the document of an API that serves `collections` and `views`; `about` says what it is."""
    paths: Json = {}
    schemas = Schemas(dict.fromkeys(served.cls for served in collections), dialect.form)
    for served in collections:
        for verb in sorted(served.verbs):
            path = served.path if verb in served.whole_verbs else served.path_of_one
            operation = _create(served, schemas) if verb == "create" else OPERATIONS[verb](served)
            paths.setdefault(path, _path_parameters(path))[METHODS[verb]] = operation
    for view in views:
        if view.path.endswith("/"):
            continue  # the same as without
        for method, (handler, described) in handlers_of(view).items():
            operation = _view_operation(handler.__doc__ or "", described, schemas, dialect)
            paths.setdefault(view.path, _path_parameters(view.path))[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Evener",
            "version": version("evener"),
            "description": about,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": _components(schemas, dialect.errors),
    }


def _components(schemas: Schemas, errors: ErrorForm) -> Json:
    bodies = {"Error": errors.schema, "Unauthorized": errors.unauthorized or errors.schema}
    return {
        "schemas": {**schemas.components(), **bodies},
        "responses": {
            str(status): _answer(about, reference("Unauthorized" if status == 401 else "Error"))
            for status, about in ERRORS.items()
        },
        "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
    }


def _answer(about: str, schema: Schema | None) -> Json:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"description": about, "headers": _HEADERS, **content}


def _answers(status: int, about: str, schema: Schema | None, errors: Iterable[int]) -> Json:
    refused = {str(code): {"$ref": f"#/components/responses/{code}"} for code in errors}
    return {str(status): _answer(about, schema), **refused}


def _path_parameters(path: str) -> Json:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    found = [{"name": name, "in": "path", "required": True, "schema": STRING} for name in names]
    return {"parameters": found} if found else {}


def _query(parameters: Mapping[str, Schema]) -> list[Json]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in parameters.items()]


def _body(schema: Schema) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _head(served: Served, verb: str, summary: str) -> Json:
    name = served.dialect.rule({"list": "get", "show": "get"}.get(verb, verb), served.cls)
    if verb == "list":
        name = f"{name.removesuffix(served.cls.KIND)}{served.cls.PLURAL}"
    return {
        "operationId": name,
        "summary": f"{summary} {served.cls.label()}",
        "tags": [served.cls.PLURAL],
    }


def _fields(cls: type[Resource], form: WireForm) -> dict[str, Schema]:
    return {"fields": many({"enum": sorted(visible_attributes(cls, form))})}


def _list(served: Served) -> Json:
    cls = served.cls
    answer = {
        "type": "object",
        "properties": {cls.PLURAL: many(reference(cls.__name__)), served.dialect.lists.links(cls): LINKS},
        "required": [cls.PLURAL],
        "additionalProperties": False,
    }
    return {
        **_head(served, "list", "List"),
        "parameters": _query(served.dialect.lists.parameters(cls, served.dialect.form)),
        "responses": _answers(200, "What the caller sees", answer, READING),
    }


def _show(served: Served) -> Json:
    answer = exactly(**{served.cls.KIND: reference(served.cls.__name__)})
    return {
        **_head(served, "show", "Show one"),
        "parameters": _query(_fields(served.cls, served.dialect.form)),
        "responses": _answers(200, "The object", answer, READING),
    }


def _create(served: Served, schemas: Schemas) -> Json:
    cls, nested = served.cls, served.nested
    one = reference(f"{cls.__name__}Create") if nested is None else nested.sent(schemas)
    shown = always_shown(cls, served.dialect.form)
    if nested is not None and nested.made is not None:
        shown = {"anyOf": [shown, nested.made(schemas)]}
    sent, made = exactly(**{cls.KIND: one}), exactly(**{cls.KIND: shown})
    if served.bulk:
        several = {**many(reference(f"{cls.__name__}Create")), "minItems": 1}
        sent = {"oneOf": [sent, exactly(**{cls.PLURAL: several})]}
        made = {"oneOf": [made, exactly(**{cls.PLURAL: many(always_shown(cls, served.dialect.form))})]}
    return {
        **_head(served, "create", "Create one, or a list" if served.bulk else "Create one"),
        "requestBody": _body(sent),
        "responses": _answers(201, "Created", made, WRITING),
    }


def _update(served: Served) -> Json:
    cls = served.cls
    return {
        **_head(served, "update", "Change one"),
        "requestBody": _body(exactly(**{cls.KIND: reference(f"{cls.__name__}Update")})),
        "responses": _answers(
            200, "Changed", exactly(**{cls.KIND: always_shown(cls, served.dialect.form)}), WRITING
        ),
    }


def _delete(served: Served) -> Json:
    return {
        **_head(served, "delete", "Delete one"),
        **({"parameters": _query({"cascade": STRING})} if served.cascades else {}),
        "responses": _answers(204, "It goes, or is gone", None, DELETING),
    }


def _set(served: Served) -> Json:
    several = exactly(**{served.cls.PLURAL: many(reference(f"{served.cls.__name__}Create"))})
    head = _head(served, "update", "Set all of")
    return {
        **head,
        "operationId": f"{head['operationId']}:all",
        "parameters": _query({"additive_only": STRING}),
        "requestBody": _body(several),
        "responses": _answers(202, "They are as asked for", None, WRITING),
    }


OPERATIONS: Mapping[str, Callable[[Served], Json]] = {
    "list": _list,
    "show": _show,
    "update": _update,
    "delete": _delete,
    "set": _set,
}


def _view_operation(docstring: str, about: Documented, schemas: Schemas, dialect: Dialect) -> Json:
    errors: tuple[int, ...] = READING if about.body is None else WRITING
    if about.open:
        errors = (503,)
    answer = about.answer(schemas) if callable(about.answer) else about.answer
    body = about.body(schemas) if callable(about.body) else about.body
    operation: Json = {
        "summary": docstring.partition("\n")[0],
        "responses": _answers(about.status, "Done", answer or None, errors),
    }
    if about.lists is not None:
        operation["parameters"] = _query(dialect.lists.parameters(about.lists, dialect.form))
    if about.query is not None:
        operation["parameters"] = _query(about.query)
    if body is not None:
        operation["requestBody"] = _body(body)
    if about.open:
        operation["security"] = []
    return operation


class Description:
    """`openapi.json`: this document, made when it is first asked for."""

    def __init__(
        self, collections: Sequence[Served], views: Sequence[View], dialect: Dialect, about: str
    ) -> None:
        self._of = partial(document, collections, views, dialect, about)

    @cached_property
    def _text(self) -> str:
        return json.dumps(self._of())

    @documented(Documented(UNKNOWN_OBJECT, open=True))
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Describe the API."""
        response.content_type = falcon.MEDIA_JSON
        response.text = self._text
