"""Neutron's conventions for lists: filters, `fields`, sorting and paging, from a query string and back to links."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from evener.resources.describe import Dialect, Resource
from evener.resources.errors import InvalidInput
from evener.resources.wire import attribute_name, visible_attributes
from evener.store.rows import ListQuery

LONGEST = 32_768  # characters of a query string; room for 800 ids
MOST_PARAMETERS = 2000
MOST_SORT_KEYS = 8
RESERVED = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "verbose"})
MAX_PAGE = 1000
_NUMBER = re.compile("[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a query string asks for: which rows, and which of their attributes (None: all)."""

    query: ListQuery
    fields: frozenset[str] | None


def pairs(query_string: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string, in their order.

    Raises:
        InvalidInput: when there are more than anybody needs: each costs memory and the database's time.
    """
    if len(query_string) > LONGEST:
        raise InvalidInput(f"The query has {len(query_string)} characters; at most {LONGEST} are allowed.")
    found = parse_qsl(query_string, keep_blank_values=True)
    if len(found) > MOST_PARAMETERS:
        raise InvalidInput(f"The query has {len(found)} parameters; at most {MOST_PARAMETERS} are allowed.")
    return found


def wanted_fields(asked: Iterable[str], known: Iterable[str]) -> frozenset[str] | None:
    """Return which of the `known` attributes are asked for, or None for all of them: where none is named."""
    named = [name for name in asked if name]
    return frozenset(named).intersection(known) if named else None


def parse(cls: type[Resource], query_string: str) -> Listing:
    """Return what `query_string` asks of a collection of `cls`.

    Raises:
        InvalidInput: naming the parameter that makes no sense.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs(query_string):
        given.setdefault(name, []).append(value)
    filters: dict[str, list[str]] = {}
    for name, values in given.items():
        if name not in RESERVED:
            filters.setdefault(attribute_name(cls, name), []).extend(values)
    query = ListQuery(
        filters=filters,
        sort=_sorting(cls, given.get("sort_key", []), given.get("sort_dir", [])),
        limit=_limit(given.get("limit", [""])[-1]),
        marker=given.get("marker", [""])[-1] or None,
        reverse=_flag("page_reverse", given.get("page_reverse", ["false"])[-1]),
    )
    return Listing(query, wanted_fields(given.get("fields", []), visible_attributes(cls, Dialect.LBAAS)))


def _sorting(cls: type[Resource], keys: list[str], directions: list[str]) -> list[tuple[str, bool]]:
    if directions and len(directions) != len(keys):
        raise InvalidInput("The number of sort_keys and sort_dirs must be same")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise InvalidInput(f"Invalid input for sort_dir. Reason: '{direction[:80]}' is not asc or desc.")
    ascending = [direction == "asc" for direction in directions] or [True] * len(keys)
    sort: dict[str, bool] = {}
    for key, up in zip(keys, ascending, strict=True):
        sort.setdefault(attribute_name(cls, key), up)
    if len(sort) > MOST_SORT_KEYS:
        raise InvalidInput(
            f"Invalid input for sort_key. Reason: {len(sort)} are given; at most {MOST_SORT_KEYS} are allowed."
        )
    return list(sort.items())


def _limit(value: str) -> int | None:
    if value in ("", "infinite"):
        return None
    if not _NUMBER.fullmatch(value):
        raise InvalidInput(f"Invalid input for limit. Reason: '{value[:80]}' is not a number from 0 up.")
    return min(int(value), MAX_PAGE) or None


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise InvalidInput(f"Invalid input for {name}. Reason: '{value[:80]}' is not true or false.")
    return value.lower() in ("true", "1")


def links(url: str, query_string: str, listing: Listing, shown: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the links to the next and the previous page, where there may be one."""
    query = listing.query
    if query.limit is None or not shown:
        return []
    rest = [
        (name, value)
        for name, value in parse_qsl(query_string, keep_blank_values=True)
        if name not in ("marker", "page_reverse")
    ]
    full = len(shown) >= query.limit
    pages = []
    if full or query.reverse:
        pages.append({"rel": "next", "href": f"{url}?{urlencode([*rest, ('marker', shown[-1]['id'])])}"})
    if full if query.reverse else query.marker is not None:
        back = [*rest, ("marker", shown[0]["id"]), ("page_reverse", "True")]
        pages.append({"rel": "previous", "href": f"{url}?{urlencode(back)}"})
    return pages
