"""What lists can be filtered and sorted by, and the conditions of filters. Works on descriptions; runs nothing."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, DateTime, Integer, Table, exists, false, func

from evener.resources.describe import (
    Attr,
    Child,
    Children,
    Derived,
    Descriptor,
    Parent,
    Resource,
    columns,
    descriptors,
)
from evener.resources.errors import InvalidInput
from evener.resources.types import MAX_INT
from evener.store.schema import metadata

TRUE_WORDS = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE_WORDS = frozenset({"false", "0", "no", "off", "f", "n"})
INTEGER = re.compile("-?[0-9]{1,40}")


@cache
def filterable(cls: type[Resource]) -> frozenset[str]:
    """Return the attributes that clients filter by: those they see, and those that name another object.

    The ones marked as `filtered` are left to the room that derives them.
    """
    return frozenset(name for name, (_, mark) in descriptors(cls).items() if _is_filtered(cls, name, mark))


def _is_filtered(cls: type[Resource], name: str, mark: Descriptor) -> bool:
    if isinstance(mark, Attr | Derived) and mark.filtered:
        return True
    if isinstance(mark, Attr):
        rows = _table(cls)
        compared = _is_scalar(rows, name) and not isinstance(rows.c[name].type, DateTime)
        return compared and (mark.visible or bool(mark.references))
    return not isinstance(mark, Derived)


def sortable(cls: type[Resource]) -> list[str]:
    """Return the attributes that clients sort by: those they see that have a column."""
    rows = _table(cls)
    return [name for name, (_, mark) in columns(cls).items() if mark.visible and _is_scalar(rows, name)]


def value_type(cls: type[Resource], name: str) -> type[str | int | bool]:
    """Return of what type the values of a filter by attribute `name` are."""
    column = _table(cls).c.get(name)
    if column is None:
        return bool if descriptors(cls)[name][0].annotation is bool else str
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
    if isinstance(mark, Parent):
        return matches(cls, mark.attr, values)
    if isinstance(mark, Children | Child):
        below = metadata.tables[mark.table]
        return exists().where(below.c[mark.via] == rows.c.id, _among(below.c.id, name, values))
    if not isinstance(mark, Attr) or not mark.stored or name not in filterable(cls):
        raise InvalidInput(f"Invalid filter: '{name[:80]}' is not an attribute that can be filtered by")
    shown = func.coalesce(rows.c[name], rows.c[mark.or_else]) if mark.or_else else rows.c[name]
    return _among(shown, name, values)


def _among(column: ColumnElement[Any], name: str, values: Sequence[str]) -> ColumnElement[bool]:
    given = list(dict.fromkeys(values))
    if isinstance(column.type, Boolean):
        return column.in_([boolean(name, value) for value in given])
    if isinstance(column.type, Integer):
        numbers = [_integer(name, value) for value in given]
        return column.in_([number for number in numbers if abs(number) <= MAX_INT])
    return false() if any(not value.isprintable() for value in given) else column.in_(given)


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
    if not INTEGER.fullmatch(value):
        raise InvalidInput(f"Invalid input for {name}. Reason: '{value[:80]}' is not an integer.")
    return int(value)
