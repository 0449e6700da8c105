"""From what a user wrote to a resource's attributes and back, derived from the resource's description.

The messages are Neutron's, because people and programs that know Neutron read them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from operator import attrgetter
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
from evener.resources.wire_form import OWN, REQUIRED, WireForm, Wrong


@cache
def on_wire(cls: type[Resource], form: WireForm = OWN) -> dict[str, str]:
    """Return the name of each attribute that is on the wire."""
    called = {**wire_names(cls), **form.other.get(cls, {})}
    return {name: shown for name, shown in called.items() if shown is not None}


@cache
def adapter(cls: type[Resource], name: str, form: WireForm = OWN) -> TypeAdapter[Any]:
    """Return what validates attribute `name`, and knows its JSON schema."""
    field: FieldInfo = cls.model_fields[name]
    described: Any = Annotated[field.annotation, *field.metadata]
    return TypeAdapter(form.types.get(cls, {}).get(name, described))


def _wrong(error: ValidationError) -> Wrong:
    first = validation_messages.first(error)
    given = first["input"]
    scalar = isinstance(given, str | int | float) and first["type"] != "missing"
    return Wrong(
        validation_messages.place(first),
        validation_messages.shown(given) if scalar else None,
        validation_messages.says(first),
        validation_messages.alternatives(first),
    )


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


def validate_attribute(cls: type[Resource], name: str, value: Any, form: WireForm = OWN) -> Any:
    """Return `value` normalised to attribute `name`'s type.

    Raises:
        InvalidInput: naming the attribute, the value and what is allowed.
    """
    try:
        valid = adapter(cls, name, form).validate_python(value)
    except ValidationError as error:
        raise _invalid(cls, name, _wrong(error), form) from None
    characters = _characters(cls).get(name, Characters.ANY)
    reason = unfit(valid, characters) if isinstance(valid, str) else None
    if reason is not None:
        raise _invalid(cls, name, Wrong("", None, reason), form)
    return valid


def _invalid(cls: type[Resource], name: str, wrong: Wrong, form: WireForm) -> InvalidInput:
    return InvalidInput(form.complaints.value(on_wire(cls, form).get(name, name), wrong))


def _unwrap(cls: type[Resource], body: Any, form: WireForm) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get(cls.KIND), dict):
        raise InvalidInput(form.complaints.body(cls.KIND))
    extra = [str(key) for key in body if key != cls.KIND]
    if extra:
        raise InvalidInput(form.complaints.unknown(cls.KIND, extra))
    given: dict[str, Any] = dict(body[cls.KIND])
    for second, first in form.second.items():
        if second in given:
            value = given.pop(second)
            if given.setdefault(first, value) != value:
                raise InvalidInput(f"'{second}' and '{first}' are given with different values")
    return given


@cache
def _attribute_names(cls: type[Resource], form: WireForm) -> dict[str, str]:
    return {shown: name for name, shown in on_wire(cls, form).items()}


def attribute_name(cls: type[Resource], shown: str, form: WireForm = OWN) -> str:
    """Return the attribute that clients call `shown` (in filters, sort keys), or `shown` when there is none."""
    first = form.second.get(shown, shown)
    return _attribute_names(cls, form).get(first, first)


def _known(cls: type[Resource], given: Mapping[str, Any], form: WireForm) -> dict[str, Any]:
    """Return `given` by attribute; raises `InvalidInput` for one that is not on the wire."""
    known = _known_names(cls, form)
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise InvalidInput(form.complaints.unknown(cls.KIND, unknown))
    return {known[name]: value for name, value in given.items()}


@cache
def _known_names(cls: type[Resource], form: WireForm) -> Mapping[str, str]:
    """Return the attributes that a body may name, by what it calls them."""
    return {shown: name for name, shown in on_wire(cls, form).items() if not _is_secret(cls, name)}


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


@cache
def _defaults(cls: type[Resource], form: WireForm) -> Mapping[str, Any]:
    """Return what each attribute is that nobody gives, or `REQUIRED`. All of these are immutable."""
    own = {
        name: REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in cls.model_fields.items()
    }
    return {**own, **form.defaults.get(cls, {})}


def default(cls: type[Resource], name: str, form: WireForm = OWN) -> Any:
    """Return what an attribute is that nobody gives, or `REQUIRED`."""
    return _defaults(cls, form)[name]


@dataclass(frozen=True, slots=True)
class _InCreate:
    """What a POST may say of an attribute, whether the service chooses where it says nothing, and what it is then."""

    name: str
    settable: bool
    computed: bool
    default: Any


@cache
def _in_create(cls: type[Resource], form: WireForm) -> tuple[_InCreate, ...]:
    return tuple(
        _InCreate(
            name,
            isinstance(mark, Attr) and mark.create and name not in form.not_given.get(cls, ()),
            isinstance(mark, Attr) and mark.computed,
            default(cls, name, form),
        )
        for name, (_, mark) in descriptors(cls).items()
    )


def parse_create(
    cls: type[Resource], body: Any, form: WireForm = OWN, linked: Collection[str] = ()
) -> dict[str, Any]:
    """Return the attributes for a new `cls` from a POST's body: what was given, and defaults for the rest.

    `project_id` and what is computed are absent where the user gave none; so are `linked` attributes, which the
    place of a nested body says.

    Raises:
        InvalidInput: for an unknown, missing, misplaced or invalid attribute.
    """
    given = _known(cls, _unwrap(cls, body, form), form)
    refuses = form.refuses.get(cls)
    refused = refuses(given) if refuses else None
    if refused:
        raise InvalidInput(refused)
    values: dict[str, Any] = {}
    for each in _in_create(cls, form):
        name = each.name
        if name in given and not each.settable:
            raise InvalidInput(form.complaints.not_in_create(cls.KIND, on_wire(cls, form)[name]))
        if name in given and not (given[name] is None and _is_nothing(cls, name, form)):
            values[name] = validate_attribute(cls, name, given[name], form)
        elif name in given and name in form.null_is:
            values[name] = form.null_is[name]
        elif name in linked or each.computed:
            continue
        elif each.settable and each.default is not REQUIRED:
            values[name] = each.default
        elif each.settable and name != "project_id":
            raise InvalidInput(form.complaints.missing(on_wire(cls, form)[name]))
    return {**values, **_implied(cls, values, form)}


def _implied(cls: type[Resource], values: Mapping[str, Any], form: WireForm) -> Mapping[str, Any]:
    implies = form.implies.get(cls)
    return implies(values) if implies else {}


@cache
def _is_nothing(cls: type[Resource], name: str, form: WireForm) -> bool:
    """Return whether null for an attribute says what saying nothing says."""
    return form.nulls or _is_cleared_by_null(cls, name)


def parse_update(cls: type[Resource], body: Any, form: WireForm = OWN) -> dict[str, Any]:
    """Return the attributes that a PUT's body changes; null for a list is its default, or None where that is computed.

    Raises:
        InvalidInput: for an unknown, unchangeable or invalid attribute.
    """
    given = _known(cls, _unwrap(cls, body, form), form)
    for name in given:
        mark = descriptors(cls)[name][1]
        if not isinstance(mark, Attr) or not mark.update:
            raise InvalidInput(form.complaints.not_in_update(cls.KIND, on_wire(cls, form)[name]))
    values = {name: _changed(cls, name, value, form) for name, value in given.items()}
    return {**values, **_implied(cls, values, form)}


def _changed(cls: type[Resource], name: str, value: Any, form: WireForm) -> Any:
    if value is not None or not _is_nothing(cls, name, form):
        return validate_attribute(cls, name, value, form)
    if name in form.null_is:
        return form.null_is[name]
    usual = default(cls, name, form)
    if usual is not REQUIRED:
        return usual
    return validate_attribute(cls, name, None, form) if form.nulls else None


def complete(cls: type[Resource], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with the defaults of all other attributes that have a column."""
    usual = _defaults(cls, OWN)
    return {
        name: values[name] if name in values else usual[name]
        for name in columns(cls)
        if name in values or usual[name] is not REQUIRED
    }


def plain(value: Any) -> Any:
    """Return `value` as JSON types."""
    if isinstance(value, Resource):
        return to_wire(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return OWN.moment(value)
    return value


@dataclass(frozen=True, slots=True)
class _Shown:
    """How one attribute is shown: under which name, read by what, made JSON by what (None: it is)."""

    name: str
    attribute: str
    read: Callable[[Any], Any]
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
def _all_shown(cls: type[Resource], form: WireForm) -> tuple[_Shown, ...]:
    found = []
    left_out, unseen = form.left_out.get(cls, frozenset()), form.unseen.get(cls, frozenset())
    for name, shown in on_wire(cls, form).items():
        described, mark = descriptors(cls)[name]
        if (isinstance(mark, Attr) and not mark.visible) or name in unseen:
            continue
        kind = value_type(described)
        convert: Callable[[Any], Any] | None = None if _is_json(kind) else plain
        if kind is datetime:
            convert = partial(_moment, form)
        source = name
        if isinstance(mark, Attr) and mark.shown_as:
            source, convert = mark.shown_as, plain
        elif isinstance(mark, Parent):
            source, convert = mark.attr, _parent
        elif isinstance(mark, Children) and not mark.plain:
            convert = _objects
        when_set = name in left_out or (isinstance(mark, Derived) and mark.when_set)
        read = form.shows.get(cls, {}).get(name) or attrgetter(source)
        found.append(_Shown(shown, name, read, convert, when_set))
    return tuple(found)


def _moment(form: WireForm, moment: datetime | None) -> str | None:
    return None if moment is None else form.moment(moment)


def to_wire(resource: Resource, form: WireForm = OWN) -> dict[str, Any]:
    """Return what a client is shown of `resource`, as JSON types."""
    shown: dict[str, Any] = {}
    meaningless = resource.meaningless()
    for each in _all_shown(type(resource), form):
        value = None if each.attribute in meaningless else each.read(resource)
        if value is not None or not each.when_set:
            shown[each.name] = value if each.convert is None else each.convert(value)
    for second, first in form.second.items():
        if first in shown:
            shown[second] = shown[first]
    return shown


@cache
def visible_attributes(cls: type[Resource], form: WireForm = OWN) -> frozenset[str]:
    """Return the names a client may ask for in `fields`; those with a column, sort by."""
    found = {each.name for each in _all_shown(cls, form)}
    return frozenset(found | {second for second, first in form.second.items() if first in found})
