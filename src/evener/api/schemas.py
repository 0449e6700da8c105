"""JSON schemas of resources, worked out from their descriptions: what is shown, and what may be sent.

Adding an attribute to a resource needs no line here.
"""

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from evener.api.documented import REFERENCE, UUID, WITH_ID, Schema, many, reference
from evener.resources.describe import (
    Attr,
    Child,
    Children,
    Derived,
    Descriptor,
    Parent,
    Resource,
    descriptors,
)
from evener.resources.wire import adapter, default, on_wire, plain
from evener.resources.wire_form import REQUIRED, WireForm
from evener.store.filters import filterable, value_type

Json = dict[str, Any]


class Schemas:
    """The schemas of `kinds`, and of all types that they are made of, as components of a document."""

    def __init__(self, kinds: Iterable[type[Resource]], form: WireForm) -> None:
        self._kinds, self._form = tuple(kinds), form
        self.limited = tuple(
            cls.counted_as() for cls in self._kinds if cls.LIMIT is not None and cls not in form.unlimited
        )
        wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = []
        for cls in self._kinds:
            for name, _, mark in _on_wire(cls, form):
                if _shown_inside(cls, name) is not None:
                    continue
                wanted.append(((cls, name), "validation", adapter(cls, name, form)))
                wanted.append(((cls, name), "serialization", _shown_type(cls, name, mark, form)))
        self._found, self._shared = TypeAdapter.json_schemas(wanted, ref_template=REFERENCE)

    def components(self) -> dict[str, Schema]:
        """Return for each kind `KIND`, `KINDCreate` and `KINDUpdate`, and the types that they share."""
        found: dict[str, Schema] = dict(self._shared.get("$defs", {}))
        for cls in self._kinds:
            found[cls.__name__] = self._shown(cls)
            found[f"{cls.__name__}Create"] = self._create(cls)
            found[f"{cls.__name__}Update"] = self._update(cls)
        return dict(sorted(found.items()))

    def _shown(self, cls: type[Resource]) -> Json:
        """All that can be shown; with `fields` a client asks for some of it, so nothing is required here."""
        shown = {}
        for name, shown_as, mark in _on_wire(cls, self._form):
            if not (isinstance(mark, Attr) and not mark.visible) and name not in self._form.unseen.get(
                cls, ()
            ):
                schema = self._of_shown(cls, name, mark)
                nullable = {"anyOf": [schema, {"type": "null"}]} if name in cls.SOMETIMES.names else schema
                shown[shown_as] = nullable
        return _object(cls, _with_tenant(shown))

    def nested_create(self, cls: type[Resource], without: Collection[str], **below: Schema) -> Schema:
        """Return the schema of what is sent for a `cls` that stands inside another object.

        `without` are the attributes that its place says, `below` what stands inside it in turn.
        """
        whole = self._create(cls)
        own = {name: schema for name, schema in whole["properties"].items() if name not in without}
        required = [name for name in whole["required"] if name not in without]
        return {**whole, "properties": {**own, **below}, "required": required}

    def nested_shown(self, cls: type[Resource], *, parents: bool = True, **below: Schema) -> Schema:
        """Return the schema of what is shown of a `cls` with the objects `below` it in place of their ids.

        Those above it are not shown where `parents` is false.
        """
        whole = self._shown(cls)
        left_out = Children | Child if parents else Children | Child | Parent
        ids = {shown_as for _, shown_as, mark in _on_wire(cls, self._form) if isinstance(mark, left_out)}
        own = {name: schema for name, schema in whole["properties"].items() if name not in ids}
        required = [name for name in _always(cls, self._form) if name in own]
        return {**whole, "properties": {**own, **below}, "required": required}

    def _of_shown(self, cls: type[Resource], name: str, mark: Descriptor) -> Schema:
        match mark:
            case Parent():
                return {**many(WITH_ID), "maxItems": 1}
            case Children(plain=False):
                return many(WITH_ID)
            case Children():
                return many(UUID)
            case Child():
                return {"anyOf": [UUID, {"type": "null"}]}
            case Derived() if (inner := _shown_inside(cls, name)) is not None:
                return many(reference(inner.__name__))
            case _:
                return self._found[(cls, name), "serialization"]

    def _create(self, cls: type[Resource]) -> Json:
        properties, required = {}, []
        for name, shown_as, mark in _on_wire(cls, self._form):
            if not isinstance(mark, Attr) or not mark.create or name in self._form.not_given.get(cls, ()):
                continue
            properties[shown_as] = self._of_sent(cls, name, mark)
            if mark.computed or name == "project_id":
                continue
            usual = default(cls, name, self._form)
            if usual is REQUIRED:
                required.append(shown_as)
            else:
                properties[shown_as] |= {"default": plain(usual)}
        return {**_object(cls, _with_tenant(properties)), "required": required}

    def _update(self, cls: type[Resource]) -> Schema:
        properties = {
            shown_as: self._of_sent(cls, name, mark)
            for name, shown_as, mark in _on_wire(cls, self._form)
            if isinstance(mark, Attr) and mark.update
        }
        return _object(cls, _with_tenant(properties))

    def _of_sent(self, cls: type[Resource], name: str, mark: Attr) -> Json:
        only = {"description": "Only an administrator may set it."} if mark.admin else {}
        given = self._found[(cls, name), "validation"]
        if self._form.nulls and default(cls, name, self._form) is not REQUIRED:
            given = {"anyOf": [given, {"type": "null"}]}
        return {**given, **only}


def always_shown(cls: type[Resource], form: WireForm) -> Schema:
    """Return the schema of a `cls` that is shown whole: as after its creation."""
    return {"allOf": [reference(cls.__name__), {"required": _always(cls, form)}]}


def _always(cls: type[Resource], form: WireForm) -> list[str]:
    """Return what is shown of every `cls`, whoever looks."""
    return sorted(
        shown_as
        for name, shown_as, mark in _on_wire(cls, form)
        if not (isinstance(mark, Attr) and (mark.private or not mark.visible))
        and name not in form.unseen.get(cls, ())
        and name not in form.left_out.get(cls, ())
        and not (isinstance(mark, Derived) and mark.when_set)
    )


def filters(cls: type[Resource], form: WireForm) -> Mapping[str, Schema]:
    """Return the attributes that a list of `cls` can be filtered by, by their names on the wire."""
    names = {bool: "boolean", int: "integer", str: "string"}
    found = {
        shown_as: many({"type": names[value_type(cls, name)]})
        for name, shown_as, _ in sorted(_on_wire(cls, form))
        if name in filterable(cls)
    }
    return _with_tenant(found)


def _on_wire(cls: type[Resource], form: WireForm) -> list[tuple[str, str, Descriptor]]:
    """Return each attribute that is on the wire, how it is called there, and its descriptor."""
    return [(name, shown_as, descriptors(cls)[name][1]) for name, shown_as in on_wire(cls, form).items()]


def _shown_type(cls: type[Resource], name: str, mark: Descriptor, form: WireForm) -> TypeAdapter[Any]:
    shows = form.shows.get(cls, {}).get(name)
    if shows and (said := get_type_hints(shows).get("return")):
        return TypeAdapter(said)
    if isinstance(mark, Attr) and mark.shown_as:
        return TypeAdapter(get_type_hints(getattr(cls, mark.shown_as).fget)["return"])
    return adapter(cls, name)


def _shown_inside(cls: type[Resource], name: str) -> type[Resource] | None:
    """Return the kind whose objects are shown whole, in a list, as the attribute; None where there are none."""
    kinds = get_args(cls.model_fields[name].annotation)
    return kinds[0] if kinds and isinstance(kinds[0], type) and issubclass(kinds[0], Resource) else None


def _with_tenant(properties: dict[str, Any]) -> dict[str, Any]:
    if "project_id" not in properties:
        return properties
    return {**properties, "tenant_id": properties["project_id"]}


def _object(cls: type[Resource], properties: dict[str, Any]) -> dict[str, Any]:
    about = (sys.modules[cls.__module__].__doc__ or "").partition("\n")[0]  # what the kind is
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "additionalProperties": False,
    }
