"""From what a user wrote to a resource's attributes and back, derived from the resource's description.

The messages are Neutron's, because people and programs that know Neutron read them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as field_of
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from evener.resources import validation_messages
from evener.resources.describe import (
    Attr,
    Children,
    Derived,
    Parent,
    Resource,
    columns,
    descriptors,
    value_type,
    wire_names,
)
from evener.resources.errors import InvalidInput
from evener.resources.types import Characters, Text, unfit


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """How the attributes of kinds are called on a wire, where that is not what their descriptions say.

    One that is called None is not on it. `second` are other names that attributes have beside their own.
    """

    other: Mapping[type[Resource], Mapping[str, str | None]] = field_of(default_factory=dict)
    second: Mapping[str, str] = field_of(default_factory=lambda: {"tenant_id": "project_id"})


OWN = Names()


@cache
def on_wire(cls: type[Resource], names: Names = OWN) -> dict[str, str]:
    """Return the name of each attribute that is on the wire."""
    called = {**wire_names(cls), **names.other.get(cls, {})}
    return {name: shown for name, shown in called.items() if shown is not None}


@cache
def adapter(cls: type[Resource], name: str) -> TypeAdapter[Any]:
    """Return what validates attribute `name`, and knows its JSON schema."""
    field: FieldInfo = cls.model_fields[name]
    described: Any = Annotated[field.annotation, *field.metadata]
    return TypeAdapter(described)


def _reason(error: ValidationError) -> str:
    wrong = validation_messages.first(error)
    where, message, given = validation_messages.place(wrong), validation_messages.says(wrong), wrong["input"]
    scalar = isinstance(given, str | int | float) and wrong["type"] != "missing"
    value = f"'{validation_messages.shown(given)}' " if scalar else ""
    return f"{value}{message}" if not where else f"{where}: {value}{message}"


@cache
def _characters(cls: type[Resource]) -> dict[str, Characters]:
    """Return, of the attributes that people write, which characters they may hold."""
    found: dict[str, Characters] = {}
    for name, field in cls.model_fields.items():
        marks = [
            *field.metadata,
            *(mark for kind in _kinds(field) for mark in getattr(kind, "__metadata__", ())),
        ]
        for mark in marks:
            if isinstance(mark, Text):
                found[name] = mark.characters
    return found


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) in (UnionType, Union) else ()


def validate_attribute(cls: type[Resource], name: str, value: Any, names: Names = OWN) -> Any:
    """Return `value` normalised to attribute `name`'s type.

    Raises:
        InvalidInput: naming the attribute, the value and what is allowed.
    """
    try:
        valid = adapter(cls, name).validate_python(value)
    except ValidationError as error:
        raise _invalid(cls, name, _reason(error), names) from None
    characters = _characters(cls).get(name, Characters.ANY)
    reason = unfit(valid, characters) if isinstance(valid, str) else None
    if reason is not None:
        raise _invalid(cls, name, reason, names)
    return valid


def _invalid(cls: type[Resource], name: str, reason: str, names: Names) -> InvalidInput:
    return InvalidInput(f"Invalid input for {on_wire(cls, names).get(name, name)}. Reason: {reason}.")


def _unwrap(cls: type[Resource], body: Any, names: Names) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get(cls.KIND), dict):
        raise InvalidInput(f"Resource body required: an object named '{cls.KIND}'")
    extra = [str(key) for key in body if key != cls.KIND]
    if extra:
        raise InvalidInput(f"Unrecognized attribute(s) {listed(extra)}")
    given: dict[str, Any] = dict(body[cls.KIND])
    for second, first in names.second.items():
        if second in given:
            value = given.pop(second)
            if given.setdefault(first, value) != value:
                raise InvalidInput(f"'{second}' and '{first}' are given with different values")
    return given


@cache
def _attribute_names(cls: type[Resource], names: Names) -> dict[str, str]:
    return {shown: name for name, shown in on_wire(cls, names).items()}


def attribute_name(cls: type[Resource], shown: str, names: Names = OWN) -> str:
    """Return the attribute that clients call `shown` (in filters, sort keys), or `shown` when there is none."""
    first = names.second.get(shown, shown)
    return _attribute_names(cls, names).get(first, first)


def listed(names: Iterable[str]) -> str:
    """Return names for a message, however long and odd they are."""
    return ", ".join(f"'{validation_messages.shown(name)}'" for name in sorted(names))


def _known(cls: type[Resource], given: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Return `given` by attribute; raises `InvalidInput` for one that is not on the wire."""
    known = {shown: name for name, shown in on_wire(cls, names).items() if not _is_secret(cls, name)}
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise InvalidInput(f"Unrecognized attribute(s) {listed(unknown)}")
    return {known[name]: value for name, value in given.items()}


def _is_secret(cls: type[Resource], name: str) -> bool:
    """Return whether users neither give nor see an attribute."""
    mark = descriptors(cls)[name][1]
    return isinstance(mark, Attr) and not (mark.visible or mark.create or mark.update)


@cache
def _is_cleared_by_null(cls: type[Resource], name: str) -> bool:
    """Return whether an attribute is a list for which null means nothing of its own, but what it is by default."""
    if get_origin(cls.model_fields[name].annotation) is not tuple:
        return False
    try:
        adapter(cls, name).validate_python(None)
    except ValidationError:
        return True
    return False


def parse_create(
    cls: type[Resource], body: Any, names: Names = OWN, linked: Collection[str] = ()
) -> dict[str, Any]:
    """Return the attributes for a new `cls` from a POST's body: what was given, and defaults for the rest.

    `project_id` and what is computed are absent where the user gave none; so are `linked` attributes, which the
    place of a nested body says.

    Raises:
        InvalidInput: for an unknown, missing, misplaced or invalid attribute.
    """
    given = _known(cls, _unwrap(cls, body, names), names)
    values: dict[str, Any] = {}
    for name, (field, mark) in descriptors(cls).items():
        settable = isinstance(mark, Attr) and mark.create
        if name in given and not settable:
            raise InvalidInput(f"Attribute '{on_wire(cls, names)[name]}' not allowed in POST")
        if name in given and not (given[name] is None and _is_cleared_by_null(cls, name)):
            values[name] = validate_attribute(cls, name, given[name], names)
        elif name in linked or (isinstance(mark, Attr) and mark.computed):
            continue
        elif settable and not field.is_required():
            values[name] = field.get_default(call_default_factory=True)
        elif settable and name != "project_id":
            raise InvalidInput(
                f"Failed to parse request. Required attribute '{on_wire(cls, names)[name]}' not specified"
            )
    return values


def parse_update(cls: type[Resource], body: Any, names: Names = OWN) -> dict[str, Any]:
    """Return the attributes that a PUT's body changes; null for a list is its default, or None where that is computed.

    Raises:
        InvalidInput: for an unknown, unchangeable or invalid attribute.
    """
    given = _known(cls, _unwrap(cls, body, names), names)
    for name in given:
        mark = descriptors(cls)[name][1]
        if not isinstance(mark, Attr) or not mark.update:
            raise InvalidInput(f"Cannot update read-only attribute {on_wire(cls, names)[name]}")
    return {name: _changed(cls, name, value, names) for name, value in given.items()}


def _changed(cls: type[Resource], name: str, value: Any, names: Names) -> Any:
    if value is not None or not _is_cleared_by_null(cls, name):
        return validate_attribute(cls, name, value, names)
    field = cls.model_fields[name]
    return None if field.is_required() else field.get_default(call_default_factory=True)


def complete(cls: type[Resource], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with the defaults of all other attributes that have a column."""
    full = {}
    for name, (field, _) in columns(cls).items():
        if name in values:
            full[name] = values[name]
        elif not field.is_required():
            full[name] = field.get_default(call_default_factory=True)
    return full


def plain(value: Any) -> Any:
    """Return `value` as JSON types."""
    if isinstance(value, Resource):
        return to_wire(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")  # as Neutron shows the moments of agents
    return value


@dataclass(frozen=True, slots=True)
class _Shown:
    """How one attribute is shown: under which name, read from where, made JSON by what (None: it is)."""

    name: str
    attribute: str
    source: str
    convert: Callable[[Any], Any] | None
    when_set: bool


def _objects(ids: Iterable[str]) -> list[dict[str, str]]:
    return [{"id": each} for each in ids]


def _parent(parent_id: str | None) -> list[dict[str, str]]:
    return [{"id": parent_id}] if parent_id else []


def _is_json(kind: type | None) -> bool:
    return kind is not None and issubclass(
        kind, str | int
    )  # an enumeration is its string, a boolean an integer


@cache
def _all_shown(cls: type[Resource], names: Names) -> tuple[_Shown, ...]:
    found = []
    for name, shown in on_wire(cls, names).items():
        described, mark = descriptors(cls)[name]
        if isinstance(mark, Attr) and not mark.visible:
            continue
        convert: Callable[[Any], Any] | None = None if _is_json(value_type(described)) else plain
        source = name
        if isinstance(mark, Attr) and mark.shown_as:
            source, convert = mark.shown_as, plain
        elif isinstance(mark, Parent):
            source, convert = mark.attr, _parent
        elif isinstance(mark, Children) and not mark.plain:
            convert = _objects
        when_set = isinstance(mark, Derived) and mark.when_set
        found.append(_Shown(shown, name, source, convert, when_set))
    return tuple(found)


def to_wire(resource: Resource, names: Names = OWN) -> dict[str, Any]:
    """Return what a client is shown of `resource`, as JSON types."""
    shown: dict[str, Any] = {}
    meaningless = resource.meaningless()
    for each in _all_shown(type(resource), names):
        value = None if each.attribute in meaningless else getattr(resource, each.source)
        if value is not None or not each.when_set:
            shown[each.name] = value if each.convert is None else each.convert(value)
    for second, first in names.second.items():
        if first in shown:
            shown[second] = shown[first]
    return shown


@cache
def visible_attributes(cls: type[Resource], names: Names = OWN) -> frozenset[str]:
    """Return the names a client may ask for in `fields`; those with a column, sort by."""
    found = {each.name for each in _all_shown(cls, names)}
    return frozenset(found | {second for second, first in names.second.items() if first in found})
