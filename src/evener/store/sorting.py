"""Orders of lists: what rows are sorted by, and which come behind a marker. Builds expressions; runs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, ColumnElement, and_, case, false, func, literal, or_, select

from evener.resources.describe import Attr, Child, Resource, descriptors
from evener.resources.errors import InvalidInput
from evener.store.nulls import none_lowest
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
    """What to order by, and which way; `derived` is what has to be worked out for each row.

    What has no value comes first where it is `ascending`, and last where it is not.
    """

    expression: ColumnElement[Any]
    ascending: bool
    derived: bool = False
    nullable: bool = False

    def placed(self, by: ColumnElement[Any] | None = None) -> ColumnElement[Any]:
        """Return the term of ORDER BY; `by` is what stands for the expression there."""
        it = self.expression if by is None else by
        way = it.asc() if self.ascending else it.desc()
        return none_lowest(way) if self.nullable else way

    def beyond(self, value: Any) -> ColumnElement[bool]:
        """Return the condition for rows that come after one with this value, by this key alone."""
        it = self.expression
        if value is None:
            return it.is_not(None) if self.ascending else false()
        bound = literal(value, it.type)
        if self.ascending:
            return it > bound
        return or_(it < bound, it.is_(None)) if self.nullable else it < bound

    def at_least(self, value: Any) -> ColumnElement[bool] | None:
        """Return what holds for rows that come with or after such a one, where an index finds the first by it."""
        it = self.expression
        if value is None or (self.nullable and not self.ascending):
            return None
        bound = literal(value, it.type)
        return it >= bound if self.ascending else it <= bound

    def same(self, value: Any) -> ColumnElement[bool]:
        """Return the condition for rows which this key does not tell from one with this value."""
        it = self.expression
        return it.is_(None) if value is None else it == literal(value, it.type)


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

    What is alike stands as it came, the oldest first; behind a descending column the newest, as in its index.

    Raises:
        InvalidInput: for what is no attribute to sort by.
    """
    keys: list[SortKey] = []
    named = {name for name, _, _ in by}
    decided = () if "id" in named else ("created_at", "id") if named else ("id",)
    way = not by or by[-1][1] or by[-1][2] is not None
    for name, up, derived in (*by, *((each, way, None) for each in decided if each not in named)):
        found = derived or shown(cls, name)
        if found is None:
            raise InvalidInput(
                f"Invalid input for sort_key. Reason: '{name[:80]}' is not an attribute to sort by."
            )
        keys.append(SortKey(found.value, up != reverse, derived is not None, found.nullable))
    return keys


def beyond(keys: Sequence[SortKey], marker: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition for rows that come after the one whose `keys` have the values of `marker`."""
    if keys[0].derived and not keys[0].nullable:
        return _beyond_derived(keys[0], marker[0], beyond(keys[1:], marker[1:]))
    cases = []
    same: list[ColumnElement[bool]] = []
    for key, value in zip(keys, marker, strict=True):
        cases.append(and_(*same, key.beyond(value)))
        same.append(key.same(value))
    later, begin = or_(*cases), keys[0].at_least(marker[0])
    return later if begin is None else and_(begin, later)


def _beyond_derived(key: SortKey, value: Any, among_same: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the same for a first key that is never null, which is worked out once for each row."""
    return case((among_same, key.at_least(value)), else_=key.beyond(value))
