"""Neutron's conventions for lists: filters, `fields`, sorting and paging, from a query string and back to links."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from evener.api.documented import STRING, Schema, many
from evener.api.query import MAX_PAGE, MOST_SORT_KEYS, Listing, pairs, wanted_fields
from evener.api.schemas import filters
from evener.resources.describe import Resource, descriptors
from evener.resources.errors import InvalidInput
from evener.resources.tags import FILTERS
from evener.resources.wire import attribute_name, on_wire, visible_attributes
from evener.resources.wire_form import OWN, WireForm
from evener.store.filters import sortable
from evener.store.rows import ListQuery

RESERVED = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "verbose"})
MOMENTS = ("created_at", "updated_at")
_NUMBER = re.compile("[0-9]{1,20}")


def parse(cls: type[Resource], query_string: str, form: WireForm = OWN) -> Listing:
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
            filters.setdefault(_attribute(cls, name, form), []).extend(values)
    query = ListQuery(
        filters=filters,
        sort=_sorting(cls, form, given.get("sort_key", []), given.get("sort_dir", [])),
        limit=_limit(given.get("limit", [""])[-1]),
        marker=given.get("marker", [""])[-1] or None,
        reverse=flag("page_reverse", given.get("page_reverse", ["false"])[-1]),
    )
    return Listing(query, wanted_fields(given.get("fields", []), visible_attributes(cls, form)))


def _attribute(cls: type[Resource], shown: str, form: WireForm, *, sorted_by: bool = False) -> str:
    """Return the attribute that clients call `shown`, or `shown` where there is none.

    Moments are sorted by even where nobody is shown them, as Neutron does.

    Raises:
        InvalidInput: for one that is not on this wire.
    """
    name = attribute_name(cls, shown, form)
    if sorted_by and name in MOMENTS:
        return name
    known = on_wire(cls, form)
    if (name in descriptors(cls) and name not in known) or (name in FILTERS and "tags" not in known):
        raise InvalidInput(f"Invalid filter: '{shown[:80]}' is not an attribute that can be filtered by")
    return name


def _sorting(
    cls: type[Resource], form: WireForm, keys: list[str], directions: list[str]
) -> list[tuple[str, bool]]:
    if directions and len(directions) != len(keys):
        raise InvalidInput("The number of sort_keys and sort_dirs must be same")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise InvalidInput(f"Invalid input for sort_dir. Reason: '{direction[:80]}' is not asc or desc.")
    ascending = [direction == "asc" for direction in directions] or [True] * len(keys)
    sort: dict[str, bool] = {}
    for key, up in zip(keys, ascending, strict=True):
        sort.setdefault(_attribute(cls, key, form, sorted_by=True), up)
    if len(sort) > MOST_SORT_KEYS:
        raise InvalidInput(
            f"Invalid input for sort_key. Reason: {len(sort)} are given; at most {MOST_SORT_KEYS} are allowed."
        )
    return list(sort.items()) or ([("created_at", False)] if cls.NEWEST_FIRST else [])


def _limit(value: str) -> int | None:
    if value in ("", "infinite"):
        return None
    if not _NUMBER.fullmatch(value):
        raise InvalidInput(f"Invalid input for limit. Reason: '{value[:80]}' is not a number from 0 up.")
    return min(int(value), MAX_PAGE) or None


def flag(name: str, value: str) -> bool:
    """Return what a parameter says that is true or false.

    Raises:
        InvalidInput: when it says neither.
    """
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


def pages(
    cls: type[Resource], url: str, query_string: str, listing: Listing, shown: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what stands beside a list: its links, where there are any."""
    found = links(url, query_string, listing, shown)
    return {f"{cls.PLURAL}_links": found} if found else {}


def parameters(cls: type[Resource], form: WireForm) -> dict[str, Schema]:
    """Return the parameters of a list, described."""
    called = on_wire(cls, form)
    paging: dict[str, Schema] = {
        "sort_key": many({"enum": sorted(called[name] for name in sortable(cls) if name in called)}),
        "sort_dir": many({"enum": ["asc", "desc"]}),
        "limit": {"type": "integer", "minimum": 0},
        "marker": STRING,
        "page_reverse": {"type": "boolean"},
    }
    more = dict.fromkeys(FILTERS, many(STRING)) if "tags" in called else {}
    return {
        **filters(cls, form),
        **more,
        "fields": many({"enum": sorted(visible_attributes(cls, form))}),
        **paging,
    }
