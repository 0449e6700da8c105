"""Resources as rows: insert, load, list, change, delete. A list costs a constant number of statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cache, lru_cache, partial
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Executable,
    Insert,
    Integer,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)

from evener.resources.describe import Child, Children, Kept, Resource, columns, descriptors, value_type
from evener.resources.errors import MarkerNotFound, ObjectNotFound, OfAnotherProject
from evener.resources.tags import FILTERS
from evener.resources.wire import adapter
from evener.store import tags
from evener.store.database import Transaction, now
from evener.store.filters import matches
from evener.store.schema import TAGS, metadata
from evener.store.sorting import Order, Shown, beyond, order, sort_keys

R = TypeVar("R", bound=Resource)
NO_TAGS = tags.Sought((), few=False)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which rows of a collection, in which order. `filters` maps an attribute to the values it may have."""

    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sort: Sequence[tuple[str, bool]] = ()  # attribute, ascending
    limit: int | None = None
    marker: str | None = None
    reverse: bool = False  # the page before the marker

    def below(self, parent: str, parent_id: str) -> "ListQuery":
        """Return it limited to one parent; a filter for another parent finds nothing."""
        asked = self.filters.get(parent)
        values = [parent_id] if asked is None or parent_id in asked else []
        return replace(self, filters={**self.filters, parent: values})


def table(cls: type[Resource]) -> Table:
    """Return the table of `cls`."""
    return metadata.tables[cls.table()]


def stored(value: Any) -> Any:
    """Return the value of an attribute as its column holds it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [stored(item) for item in value]
    return value


def insert(tx: Transaction, resource: Resource, **more: Any) -> None:
    """Insert `resource` with the columns that are not attributes in `more`."""
    insert_all(tx, [resource], **more)


def insert_all(tx: Transaction, resources: Sequence[R], **more: Any) -> list[R]:
    """Insert resources of one kind, all with the same `more`, in one statement; the oldest is the first.

    Returns them with the moments at which that was.
    """
    if not resources:
        return []
    cls, moment = type(resources[0]), now()
    same = {"updated_at": moment, **more}
    many = [
        {"created_at": moment + place * _MICROSECOND, **same, **_in_columns(cls, vars(resource))}
        for place, resource in enumerate(resources)
    ]
    tx.execute(_insert(cls), many if len(many) > 1 else many[0])
    if cls in TAGS:
        tags.add(tx, cls, ((row["id"], row["tags"]) for row in many))
    moments = _kept(cls)
    return [
        cls.trusted({**vars(resource), **{name: row[name] for name in moments}}) if moments else resource
        for resource, row in zip(resources, many, strict=True)
    ]


def _in_columns(cls: type[Resource], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a resource's attributes as their columns hold them."""
    found = {name: values[name] for name in columns(cls)}
    for name in _converted(cls):
        found[name] = stored(found[name])
    return found


@cache
def _converted(cls: type[Resource]) -> tuple[str, ...]:
    """Return the attributes whose columns hold another form of their values: all others are as they are."""
    return tuple(name for name in columns(cls) if isinstance(table(cls).c[name].type, JSON))


@cache
def _kept(cls: type[Resource]) -> tuple[str, ...]:
    """Return the attributes that are moments of which resources know nothing."""
    return tuple(name for name, (_, mark) in descriptors(cls).items() if isinstance(mark, Kept))


@cache
def _insert(cls: type[Resource]) -> Insert:
    return table(cls).insert()


def update(tx: Transaction, cls: type[Resource], object_id: str, **values: Any) -> None:
    """Change columns of one row."""
    update_all(tx, cls, {object_id: values})


def update_all(
    tx: Transaction, cls: type[Resource], changes: Mapping[str, Mapping[str, Any]], **same: Any
) -> None:
    """Change the same columns of many rows, by their ids, each to values of its own and to the `same`, at once."""
    moment = now()
    many = [
        {"wanted_id": object_id, "updated_at": moment, **same}
        | {name: stored(value) for name, value in values.items()}
        for object_id, values in changes.items()
    ]
    if many:
        tx.execute(_update(cls), many if len(many) > 1 else many[0])
    if cls in TAGS:
        tags.replace(tx, cls, {key: values["tags"] for key, values in changes.items() if "tags" in values})


@cache
def _update(cls: type[Resource]) -> Update:
    """Return the statement of `update`, built once; the parameters say which columns it sets."""
    rows = table(cls)
    return rows.update().where(rows.c.id == bindparam("wanted_id"))


def delete(tx: Transaction, cls: type[Resource], ids: Iterable[str]) -> None:
    """Delete rows."""
    rows = table(cls)
    tx.execute(rows.delete().where(rows.c.id.in_(list(ids))))


@cache
def _one(cls: type[Resource], *, of_project: bool, lock: bool) -> Select[Any]:
    """Return the statement of `get_row`, built once: to build it takes longer than to run it."""
    rows = table(cls)
    statement = select(rows).where(rows.c.id == bindparam("wanted_id"))
    if of_project:
        statement = statement.where(rows.c.project_id == bindparam("wanted_project"))
    return statement.with_for_update() if lock else statement


def get_row(
    tx: Transaction, cls: type[Resource], object_id: str, project_id: str | None = None, *, lock: bool = False
) -> Row[Any]:
    """Return one row; with `project_id` only if it belongs to that project; `lock` holds it until the end.

    Raises:
        ObjectNotFound: when there is none; `OfAnotherProject` when it is not of that one.
    """
    if "\x00" in object_id or not object_id.isprintable():
        raise ObjectNotFound(cls.label(), "with this id")
    statement = _one(cls, of_project=project_id is not None, lock=lock)
    found = tx.execute(statement, {"wanted_id": object_id, "wanted_project": project_id}).first()
    if found is None:
        if project_id is not None and _is_of_another(tx, cls, object_id):
            raise OfAnotherProject(cls.label(), object_id)
        raise ObjectNotFound(cls.label(), object_id)
    return found


def _is_of_another(tx: Transaction, cls: type[Resource], object_id: str) -> bool:
    statement = _one(cls, of_project=False, lock=False)
    return tx.execute(statement, {"wanted_id": object_id, "wanted_project": None}).first() is not None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a row becomes a resource: the names of its first columns, the types that columns do not have, the rest."""

    names: tuple[str, ...]
    converters: tuple[tuple[str, Callable[[Any], Any]], ...]
    derived: Mapping[str, Any]


@cache
def _plan(cls: type[Resource], *, told: bool = False) -> _Plan:
    converters: list[tuple[str, Callable[[Any], Any]]] = []
    read = {name: each for name, (each, _) in columns(cls).items() if not (told and each.exclude)}
    for name, field_ in read.items():
        kind = value_type(field_)
        if isinstance(table(cls).c[name].type, JSON):
            converters.append((name, adapter(cls, name).validate_python))
        elif kind is not None and issubclass(kind, StrEnum):
            by_value: dict[Any, Any] = {None: None, **{each.value: each for each in kind}}
            converters.append((name, by_value.__getitem__))
    derived = {
        name: field_.get_default(call_default_factory=True)
        for name, field_ in cls.model_fields.items()
        if name not in read
    }
    return _Plan(tuple(read), tuple(converters), derived)


def made(cls: type[R], values: Mapping[str, Any]) -> R:
    """Return a new resource of the values of its columns, which were validated, with nothing above or below it."""
    return cls.trusted({**values, **_plan(cls).derived})


def bare(cls: type[R], row: Row[Any]) -> R:
    """Return the resource in `row` of its table, without what is derived from other tables.

    What is in the tables was validated on its way in, and is not again: that takes longer than to read it.
    """
    return _resource(cls, _plan(cls), row)


def told_columns(cls: type[Resource]) -> list[ColumnElement[Any]]:
    """Return the columns of what agents are told, for `told`: the others take as long to read as these."""
    return [table(cls).c[name] for name in _plan(cls, told=True).names]


def told(cls: type[R], found: Iterable[Row[Any]]) -> list[R]:
    """Return the resources in rows of their `told_columns`; what agents are not told is as where nobody has set it."""
    plan = _plan(cls, told=True)
    return [_resource(cls, plan, row) for row in found]


def _resource(
    cls: type[R], plan: _Plan, row: Row[Any], derived: Mapping[str, Any] = MappingProxyType({})
) -> R:
    values: dict[str, Any] = dict(zip(plan.names, row, strict=False))
    values |= plan.derived
    for name, value in derived.items():
        values[name] = tuple(value) if isinstance(value, list) else value
    for name, convert in plan.converters:
        values[name] = convert(values[name])
    return cls.trusted(values)


def get(tx: Transaction, cls: type[R], object_id: str, project_id: str | None = None) -> R:
    """Return one resource with its derived lists.

    Raises:
        NotFound: when there is none.
    """
    row = get_row(tx, cls, object_id, project_id)
    return _with_children(tx, cls, [row])[0]


def listing(
    tx: Transaction,
    cls: type[R],
    query: ListQuery,
    project_id: str | None = None,
    where: ColumnElement[bool] | None = None,
    derived: ColumnElement[bool] | None = None,
    keys: Mapping[str, Shown] = MappingProxyType({}),
) -> list[R]:
    """Return the resources that `query` asks for, with their derived lists.

    `where` limits them to the rows that the caller sees, `derived` to those that pass the filters that this room
    does not know; `keys` are the attributes that it does not know to sort by. A marker need not pass any filter.

    Raises:
        InvalidInput: for a filter or sort key that is no attribute, or a value of the wrong type.
        NotFound: when the marker is no row.
    """
    of_project = project_id is not None
    by = order(query.sort, keys)
    by_tags = {name: values for name, values in query.filters.items() if cls in TAGS and name in FILTERS}
    tagged = tags.sought(tx, cls, by_tags) if by_tags else NO_TAGS
    few = tagged.few or len(by_tags) < len(query.filters)
    way = _Way(of_project, query.limit is not None, query.reverse, few)
    statement = _page(cls, by, way)
    conditions = [condition for condition in (where, derived) if condition is not None]
    conditions += tagged.conditions
    conditions += [
        matches(cls, name, values) for name, values in query.filters.items() if name not in by_tags
    ]
    if query.marker is not None:
        visible = _visible(cls, where, of_project=of_project)
        found = _marker(tx, cls, visible, by, query.marker, project_id)
        conditions.append(beyond(sort_keys(cls, by, reverse=query.reverse), found))
    if conditions:
        statement = statement.where(*conditions)
    if _is_derived(by):
        statement = _rows_of(cls, statement, by, reverse=query.reverse)
    found = tx.execute(statement, {"wanted_project": project_id, "page_size": query.limit}).all()
    return _with_children(tx, cls, found[::-1] if query.reverse else found)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a page is read: of one project, so many rows, the one before the marker, of the few that filters leave."""

    of_project: bool
    limited: bool
    reverse: bool
    few: bool


@lru_cache(maxsize=256)  # whoever asks says what to sort by
def _page(cls: type[Resource], by: Order, way: _Way) -> Select[Any]:
    """Return the statement of `listing` without its filters, built once; see `_is_derived`."""
    statement, keys = _all_of(cls, of_project=way.of_project), sort_keys(cls, by, reverse=way.reverse)
    # SQLite would read a whole project in this order, rather than sort the few that pass a filter; and where an index
    # has the first key alone in its order, sort all that have the same.
    few = way.few or (_is_derived(by) and len({key.ascending for key in keys}) > 1)
    by_what = [func.coalesce(key.expression, key.expression) if few else key.expression for key in keys]
    if _is_derived(by):  # every row is looked at, and whole ones are dear to sort
        by_what = [each.label(f"key_{number}") for number, each in enumerate(by_what)]
        statement = statement.with_only_columns(table(cls).c.id.label("found"), *by_what)
    for key, each in zip(keys, by_what, strict=True):
        statement = statement.order_by(key.placed(each))
    return statement.limit(bindparam("page_size", type_=Integer)) if way.limited else statement


def _is_derived(by: Order) -> bool:
    """Return whether a page is first read as ids and what they are sorted by."""
    return any(shown is not None for _, _, shown in by)


def _rows_of(cls: type[Resource], page: Select[Any], by: Order, *, reverse: bool) -> Select[Any]:
    """Return the statement of the rows whose ids and keys `page` gives, in its order.

    An outer join, though none is without a row: for an inner one SQLite would write the whole order down.
    """
    found = page.subquery()
    statement = select(table(cls)).select_from(found.outerjoin(table(cls), found.c.found == table(cls).c.id))
    for number, key in enumerate(sort_keys(cls, by, reverse=reverse)):
        statement = statement.order_by(key.placed(found.c[f"key_{number}"]))
    return statement


def _all_of(cls: type[Resource], *, of_project: bool) -> Select[Any]:
    rows = table(cls)
    statement = select(rows)
    return statement.where(rows.c.project_id == bindparam("wanted_project")) if of_project else statement


def _visible(cls: type[Resource], where: ColumnElement[bool] | None, *, of_project: bool) -> Select[Any]:
    """Return the statement of what the caller sees."""
    visible = _all_of(cls, of_project=of_project)
    return visible if where is None else visible.where(where)


def _marker(
    tx: Transaction,
    cls: type[Resource],
    visible: Select[Any],
    by: Order,
    marker: str,
    project_id: str | None,
) -> Sequence[Any]:
    """Return what the row that a page begins behind is sorted by; one that the caller does not see is none."""
    found = None
    if marker.isprintable():
        keys = [key.expression for key in sort_keys(cls, by, reverse=False)]
        statement = visible.with_only_columns(*keys).where(table(cls).c.id == marker)
        found = tx.execute(statement, {"wanted_project": project_id}).first()
    if found is None:
        raise MarkerNotFound(cls.label(), marker if marker.isprintable() else "with this id")
    return found


def _with_children(tx: Transaction, cls: type[R], found: Sequence[Row[Any]]) -> list[R]:
    """Return `found` with their derived lists, in one statement more."""
    derived: dict[str, dict[str, Any]] = {
        row.id: {name: getattr(row, name) for name in _kept(cls)} for row in found
    }
    single = {name for name, mark in _branches(cls) if isinstance(mark, Child)}
    if _branches(cls):
        for name, parent_id, child_id, _ in of_all(tx, partial(_below, cls), list(derived)):
            if name in single:
                derived[parent_id][name] = child_id
            else:
                derived[parent_id].setdefault(name, []).append(child_id)
    plan = _plan(cls)
    return [_resource(cls, plan, row, derived[row.id]) for row in found]


@cache
def _branches(cls: type[Resource]) -> tuple[tuple[str, Children | Child], ...]:
    """Return the attributes that are derived from other tables."""
    marks = ((name, mark) for name, (_, mark) in descriptors(cls).items())
    return tuple((name, mark) for name, mark in marks if isinstance(mark, Children | Child))


@cache
def _below(cls: type[Resource], *, one: bool) -> CompoundSelect[Any]:
    """Return the statement of all that is derived from other tables: attribute, parent, child, oldest first."""
    selects = []
    for name, mark in _branches(cls):
        below = metadata.tables[mark.table]
        parent = below.c[mark.via]
        statement = select(
            literal_column(f"'{name}'").label("name"),
            parent.label("parent_id"),
            below.c.id.label("child_id"),
            below.c.created_at.label("moment"),
        )
        selects.append(statement.where(wanted(parent, one=one)))
    return union_all(*selects).order_by("moment", "child_id")


IDS_AT_ONCE = 500  # every database takes as many parameters
_WANTED: BindParameter[Any] = bindparam("wanted")
_ALL_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)


def portions(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield all of `ids`, `IDS_AT_ONCE` at a time."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield list(ids[start : start + IDS_AT_ONCE])


def wanted(column: ColumnElement[Any], *, one: bool) -> ColumnElement[bool]:
    """Return the condition of a statement for `of_all`: `column` has the one id, or one of the ids."""
    return column == _WANTED if one else column.in_(_ALL_WANTED)


class StatementOfAll(Protocol):
    """Returns a statement with the condition `wanted`, the same at each call."""

    def __call__(self, *, one: bool) -> Executable:
        """Return the statement for one id, or for any number of ids."""


def of_all(tx: Transaction, statement: StatementOfAll, ids: Sequence[str]) -> list[Any]:
    """Return all rows of `statement` for `ids`, in its order as far as one execution goes: `IDS_AT_ONCE` ids.

    Ids as parameters, and not as a statement in the statement, so that it is built once.
    """
    if len(ids) == 1:
        return list(tx.execute(statement(one=True), {"wanted": ids[0]}).all())
    found: list[Any] = []
    for some in portions(ids):
        found += tx.execute(statement(one=False), {"wanted": some}).all()
    return found
