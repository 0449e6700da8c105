"""Which secrets and containers a list shows: Barbican's filters, order and pages. Decides, and reads nothing."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, UnaryExpression, false

from evener.resources.errors import InvalidInput
from evener_cloud.secrets.tables import secret_containers, secrets

DEFAULT_LIMIT, LARGEST_LIMIT, LARGEST_OFFSET = 10, 100, 2**31 - 1
PAGE = frozenset({"limit", "offset"})
_ALIASES = {"alg": "algorithm", "bits": "bit_length", "created": "created_at", "updated": "updated_at"}
_FILTERS = {
    "secrets": frozenset({"name", "alg", "mode", "bits", "secret_type", "created", "updated", "expiration"}),
    "secret_containers": frozenset({"name", "type"}),
}
_MOMENTS = frozenset({"created", "updated", "expiration"})
_SORTABLE = ("algorithm", "bit_length", "created", "expiration", "mode", "name", "secret_type", "updated")
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a query asks for, in terms of the table."""

    table: Table
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[UnaryExpression[Any], ...]
    limit: int
    offset: int


def of_secrets(query: Mapping[str, str]) -> Listing:
    """Return what `query`, the URL's parameters, asks for of the secrets.

    Raises:
        InvalidInput: for a parameter that is none, or a value that is none of its type.
    """
    return _listing(secrets, query)


def of_containers(query: Mapping[str, str]) -> Listing:
    """Return the same for containers."""
    return _listing(secret_containers, query)


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the limit and the offset that `query` asks for.

    Raises:
        InvalidInput: when one is no number.
    """
    limit, offset = _number(query, "limit", DEFAULT_LIMIT), _number(query, "offset", 0)
    return min(limit, LARGEST_LIMIT), min(offset, LARGEST_OFFSET)


def _listing(table: Table, query: Mapping[str, str]) -> Listing:
    known = _FILTERS[table.name]
    conditions: list[ColumnElement[bool]] = []
    for name, value in query.items():
        if name in PAGE or (name == "sort" and table is secrets) or (name in known and not value):
            continue
        if name not in known:
            raise InvalidInput(f"URI provided invalid query string parameters: '{name[:80]}' is unknown")
        conditions.extend(_conditions(table.c[_ALIASES.get(name, name)], name, value))
    limit, offset = page_of(query)
    return Listing(
        table=table,
        conditions=tuple(conditions),
        order=_order(table, query.get("sort", "")),
        limit=limit,
        offset=offset,
    )


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 20):
        raise InvalidInput(f"URI provided invalid query string parameters: '{name}' is not a number")
    return int(given)


def _conditions(column: ColumnElement[Any], name: str, value: str) -> list[ColumnElement[bool]]:
    if name in _MOMENTS:
        return [_compared(column, each) for each in value.split(",")]
    if name == "bits":
        number = _number({name: value}, name, 0)
        return [column == number] if 0 < number < 2**31 else []
    return [column == value] if "\x00" not in value and value.isprintable() else [false()]


def _compared(column: ColumnElement[Any], condition: str) -> ColumnElement[bool]:
    word, colon, rest = condition.partition(":")
    compare = _COMPARISONS.get(word) if colon else None
    text = rest if compare else condition
    try:
        given = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in a URL is a space
        moment = given.astimezone(UTC).replace(tzinfo=None) if given.tzinfo else given
    except (ValueError, OverflowError):
        raise InvalidInput(
            "URI provided invalid query string parameters: a date is not in ISO 8601"
        ) from None
    found: ColumnElement[bool] = (compare or operator.eq)(column, moment)
    return found


def _order(table: Table, sort: str) -> tuple[UnaryExpression[Any], ...]:
    wanted: list[UnaryExpression[Any]] = []
    for each in filter(None, sort.split(",")):
        name, _, direction = each.partition(":")
        if name not in _SORTABLE or direction not in ("", "asc", "desc"):
            raise InvalidInput("URI provided invalid query string parameters: 'sort' is not valid")
        column = table.c[_ALIASES.get(name, name)]
        wanted.append(column.desc() if direction == "desc" else column.asc())
    return (*wanted, table.c.created_at.asc(), table.c.id.asc())
