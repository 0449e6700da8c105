"""What lists can be filtered and sorted by, and the conditions of filters. Works on descriptions; runs nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Table,
    and_,
    exists,
    false,
    or_,
    true,
)

from evener.resources.describe import (
    Attr,
    Child,
    Children,
    Derived,
    Descriptor,
    Kept,
    Parent,
    Resource,
    descriptors,
)
from evener.resources.describe import value_type as type_of
from evener.resources.errors import InvalidInput
from evener.resources.types import MAX_INT, integer, is_storable
from evener.resources.wire import adapter
from evener.store.schema import metadata
from evener.store.sorting import shown

TRUE_WORDS = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE_WORDS = frozenset({"false", "0", "no", "off", "f", "n"})


@cache
def filterable(cls: type[Resource]) -> frozenset[str]:
    """Return the attributes that clients filter by: those they see, those they give, those that name another object.

    The ones marked as `filtered` are left to the room that derives them.
    """
    return frozenset(name for name, (_, mark) in descriptors(cls).items() if _is_filtered(cls, name, mark))


def _is_filtered(cls: type[Resource], name: str, mark: Descriptor) -> bool:
    if isinstance(mark, Attr | Derived) and mark.filtered:
        return True
    if not isinstance(mark, Attr):
        return not isinstance(mark, Derived)
    rows = _table(cls)
    if name not in rows.c:
        return mark.within is not None or _is_constant(cls, name, mark)
    compared = _is_scalar(rows, name) and not isinstance(rows.c[name].type, DateTime)
    return compared and (mark.visible or mark.create or bool(mark.references))


def _is_constant(cls: type[Resource], name: str, mark: Attr) -> bool:
    """Return whether all objects have the same value, the default, which no table has."""
    kind = type_of(descriptors(cls)[name][0])
    return not mark.stored and mark.visible and not mark.filtered and kind in (bool, int, str)


@cache
def constants(cls: type[Resource]) -> frozenset[str]:
    """Return the attributes that are the same for all objects of a kind."""
    marks = {name: mark for name, (_, mark) in descriptors(cls).items() if isinstance(mark, Attr)}
    return frozenset(name for name, mark in marks.items() if _is_constant(cls, name, mark))


def sortable(cls: type[Resource]) -> list[str]:
    """Return the attributes that clients sort by: those they see that are one value.

    The ones marked as `filtered` are left to the room that derives them.
    """
    return [name for name, (field, mark) in descriptors(cls).items() if _is_sorted_by(cls, name, field, mark)]


def _is_sorted_by(cls: type[Resource], name: str, field: FieldInfo, mark: Descriptor) -> bool:
    if isinstance(mark, Attr):
        derived = mark.filtered and type_of(field) is not None
        return mark.visible and (derived or _is_scalar(_table(cls), name))
    return isinstance(mark, Kept | Child) or (isinstance(mark, Derived) and mark.filtered)


def value_type(cls: type[Resource], name: str) -> type[str | int | bool]:
    """Return of what type the values of a filter by attribute `name` are."""
    column = _table(cls).c.get(name)
    if column is None:
        kind = type_of(descriptors(cls)[name][0])
        return kind if kind in (bool, int) else str
    if isinstance(column.type, Boolean):
        return bool
    return int if isinstance(column.type, Integer) else str


def _table(cls: type[Resource]) -> Table:
    return metadata.tables[cls.table()]


def _is_scalar(rows: Table, name: str) -> bool:
    return name in rows.c and not isinstance(rows.c[name].type, JSON)


def matches(cls: type[Resource], name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for rows of `cls` whose attribute `name` has one of `values`.

    A derived list has a value when the object with that id is in it.

    Raises:
        InvalidInput: for what is no attribute, or a value of the wrong type.
    """
    rows = _table(cls)
    if name == "name" and name not in descriptors(cls):
        return false()  # clients that look a name up ask every kind; one without names has none of that name
    mark = descriptors(cls)[name][1] if name in descriptors(cls) else None
    stands_in = mark.attr if isinstance(mark, Parent) else mark.within if isinstance(mark, Attr) else None
    if stands_in is not None:
        return matches(cls, stands_in, values)
    if isinstance(mark, Children | Child):
        below = metadata.tables[mark.table]
        return exists().where(
            below.c[mark.via] == rows.c.id, _among(below.c.id, name, as_stored(cls, "id", values))
        )
    if isinstance(mark, Kept):
        return or_(false(), *(_within_second(rows.c[name], value) for value in values))
    if not isinstance(mark, Attr) or name not in filterable(cls):
        raise InvalidInput(f"Invalid filter: '{name[:80]}' is not an attribute that can be filtered by")
    if not mark.stored:
        return _constant(descriptors(cls)[name][0].default, name, values)
    found = shown(cls, name)
    assert found is not None  # noqa: S101 - what is filtered by here is one value
    plain = isinstance(found.value.type, Boolean | Integer)
    return _among(found.value, name, values if plain else as_stored(cls, name, values))


def _within_second(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return the condition for moments that are shown as `value`: in whole seconds, in UTC."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
        second = moment.replace(microsecond=0, tzinfo=None)
        return and_(column >= second, column < second + timedelta(seconds=1))
    except (ValueError, OverflowError):
        return false()


def as_stored(cls: type[Resource], name: str, values: Sequence[str]) -> list[str | None]:
    """Return `values` of a filter in the form that attribute `name` has in the tables, whichever way they are written.

    What is no value of it stays as it is, since a row may be older than a rule; what no table can hold is left out.
    """
    found: list[str | None] = []
    for value in filter(is_storable, values):
        try:
            found.append(adapter(cls, name).validate_python(value))
        except (ValidationError, InvalidInput):
            found.append(value)
    return found


def _constant(default: Any, name: str, values: Sequence[str]) -> ColumnElement[bool]:
    if default is None or isinstance(default, str):
        return true() if default in values else false()
    if isinstance(default, bool):
        return true() if default in [boolean(name, value) for value in values] else false()
    return true() if default in [_integer(name, value) for value in values] else false()


def _among(column: ColumnElement[Any], name: str, values: Sequence[Any]) -> ColumnElement[bool]:
    given = list(dict.fromkeys(values))
    if isinstance(column.type, Boolean):
        return column.in_([boolean(name, value) for value in given])
    if isinstance(column.type, Integer):
        numbers = [_integer(name, value) for value in given]
        return column.in_([number for number in numbers if abs(number) <= MAX_INT])
    among = column.in_([value for value in given if value is not None])
    return or_(among, column.is_(None)) if None in given else among


def boolean(name: str, value: str) -> bool:
    """Return what `value` of a filter by `name` says.

    Raises:
        InvalidInput: when it is no word for true or false.
    """
    if value.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise InvalidInput(
            f"Invalid input for {name}. Reason: '{value[:80]}' cannot be converted to boolean."
        )
    return value.lower() in TRUE_WORDS


def _integer(name: str, value: str) -> int:
    try:
        return integer(value)
    except ValueError as error:
        raise InvalidInput(f"Invalid input for {name}. Reason: '{value[:80]}' {error}.") from None
