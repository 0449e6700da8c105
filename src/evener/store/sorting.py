"""Orders of lists: what rows are sorted by, and which come behind a marker. Builds expressions; runs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, ColumnElement, and_, case, func, literal, or_, select

from evener.resources.describe import Attr, Child, Resource, descriptors
from evener.resources.errors import InvalidInput
from evener.store.schema import metadata


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The value that an attribute is shown with, in terms of a row's table; `nullable` where that may be null."""

    value: ColumnElement[Any]
    nullable: bool = True


Order = tuple[
    tuple[str, bool, Shown | None], ...
]  # attribute, ascending, and what the store does not know itself


@dataclass(frozen=True, slots=True)
class SortKey:
    """What to order by, and which way; `derived` is what has to be worked out for each row."""

    expression: ColumnElement[Any]
    ascending: bool
    derived: bool = False


@lru_cache(maxsize=1024)  # names are those that requests sort by
def shown(cls: type[Resource], name: str) -> Shown | None:
    """Return what an attribute is shown with, where that is one value, and of this table or a table below it."""
    rows = metadata.tables[cls.table()]
    mark = descriptors(cls)[name][1] if name in descriptors(cls) else None
    if isinstance(mark, Child):
        return Shown(_newest_below(cls, mark))
    if name not in rows.c or isinstance(rows.c[name].type, JSON):
        return None
    value, nullable = rows.c[name], bool(rows.c[name].nullable)
    found: ColumnElement[Any] = value
    if isinstance(mark, Attr) and mark.or_else is not None:
        usual = rows.c[mark.or_else] if isinstance(mark.or_else, str) else literal(mark.or_else, value.type)
        found, nullable = func.coalesce(value, usual), False
    if name in cls.SOMETIMES.names:
        found, nullable = case((rows.c[cls.SOMETIMES.by].in_(cls.SOMETIMES.values), found)), True
    return Shown(found, nullable)


def _newest_below(cls: type[Resource], mark: Child) -> ColumnElement[Any]:
    """Return the id of the one object below; the newest, while one before it is on its way out."""
    rows, below = metadata.tables[cls.table()], metadata.tables[mark.table].alias()
    statement = select(below.c.id).where(below.c[mark.via] == rows.c.id)
    newest = statement.order_by(below.c.created_at.desc(), below.c.id.desc()).limit(1)
    return newest.correlate(rows).scalar_subquery()


def order(sort: Sequence[tuple[str, bool]], derived: Mapping[str, Shown]) -> Order:
    """Return what to sort by, each where it is named first: what it decides is decided."""
    wanted: dict[str, bool] = {}
    for name, ascending in sort:
        wanted.setdefault(name, ascending)
    return tuple((name, ascending, derived.get(name)) for name, ascending in wanted.items())


def sort_keys(cls: type[Resource], by: Order, *, reverse: bool) -> list[SortKey]:
    """Return the keys that decide the place of every row, of which the last is its id.

    Raises:
        InvalidInput: for what is no attribute to sort by.
    """
    keys: list[SortKey] = []
    named = {name for name, _, _ in by}
    for name, up, derived in (*by, *([("id", True, None)] if "id" not in named else [])):
        found = derived or shown(cls, name)
        if found is None:
            raise InvalidInput(
                f"Invalid input for sort_key. Reason: '{name[:80]}' is not an attribute to sort by."
            )
        if found.nullable:  # databases disagree on where NULL stands: with us, it comes first
            keys.append(SortKey(case((found.value.is_(None), 0), else_=1), up != reverse))
        keys.append(SortKey(found.value, up != reverse, derived is not None))
    return keys


def beyond(keys: Sequence[SortKey], marker: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition for rows that come after the one whose `keys` have the values of `marker`."""
    if keys[0].derived:
        return _beyond_derived(keys[0], marker[0], beyond(keys[1:], marker[1:]))
    cases = []
    same: list[ColumnElement[bool]] = []
    for key, value in zip(keys, marker, strict=True):
        if value is None:  # the key before says which rows have none; they are all alike
            same.append(key.expression.is_(None))
            continue
        bound = literal(value, key.expression.type)
        cases.append(and_(*same, key.expression > bound if key.ascending else key.expression < bound))
        same.append(key.expression == bound)
    return or_(*cases)


def _beyond_derived(key: SortKey, value: Any, among_same: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the same for a first key that is never null, which is worked out once for each row."""
    it, bound = key.expression, literal(value, key.expression.type)
    at_least, more = (it >= bound, it > bound) if key.ascending else (it <= bound, it < bound)
    return case((among_same, at_least), else_=more)
