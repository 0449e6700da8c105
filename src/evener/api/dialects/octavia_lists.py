"""Octavia's conventions for lists: filters, `fields`, sorting and paging, from a query string and back to links.

What fits no value of an attribute finds nothing; only names that nobody knows are refused.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from evener.api.dialects.lbaas_lists import flag
from evener.api.documented import STRING, Schema, many
from evener.api.query import MAX_PAGE, MOST_SORT_KEYS, Listing, pairs, wanted_fields
from evener.api.schemas import filters
from evener.resources.describe import Resource, descriptors
from evener.resources.errors import InvalidInput
from evener.resources.tags import FILTERS
from evener.resources.types import integer
from evener.resources.wire import attribute_name, on_wire, visible_attributes
from evener.resources.wire_form import WireForm
from evener.store.filters import FALSE_WORDS, TRUE_WORDS, constants, filterable, sortable, value_type
from evener.store.rows import ListQuery

PAGING = ("sort", "sort_key", "sort_dir", "limit", "marker", "page_reverse")
RESERVED = frozenset({"fields", *PAGING})
ALIASES = {"load_balancer_id": "loadbalancer_id"}
_NUMBER = re.compile("-?[0-9]{1,20}")
# What links stand under is not always called as the collection (octavia/api/v2/types).
LINKS = {
    "flavorprofiles": "flavorprofile_links",
    "availability_zone_profiles": "availability_zone_profile_links",
}


def read(cls: type[Resource], query_string: str, form: WireForm) -> Listing:
    """Return what `query_string` asks of a collection of `cls`.

    Raises:
        InvalidInput: naming the parameter that makes no sense.
    """
    given = _by_name(query_string)
    asked: dict[str, list[str]] = {}
    for name, values in given.items():
        if name not in RESERVED:
            asked.setdefault(_filter(cls, name, form), []).extend(values)
    query = ListQuery(
        filters={name: _fitting(cls, name, values) for name, values in asked.items()},
        sort=_sorting(cls, form, given),
        limit=_limit(given.get("limit", [""])[-1]),
        marker=given.get("marker", [""])[-1] or None,
        reverse=flag("page_reverse", given.get("page_reverse", ["false"])[-1]),
    )
    return Listing(query, wanted_fields(given.get("fields", []), visible_attributes(cls, form)))


def read_one(cls: type[Resource], query_string: str, form: WireForm) -> Listing:
    """Return what is asked of one object: which of its attributes to show. Nothing else means anything there."""
    fields = _by_name(query_string).get("fields", [])
    return Listing(ListQuery(), wanted_fields(fields, visible_attributes(cls, form)))


def _by_name(query_string: str) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in pairs(query_string):
        given.setdefault(name, []).append(value)
    return given


def _filter(cls: type[Resource], shown: str, form: WireForm) -> str:
    """Return the attribute that a filter is by.

    Raises:
        InvalidInput: when there is none.
    """
    name = attribute_name(cls, ALIASES.get(shown, shown), form)
    if name == "name" and name not in descriptors(cls):
        return name  # clients that look a name up ask every kind
    if name in FILTERS and "tags" in on_wire(cls, form):
        return name
    if name not in on_wire(cls, form) or name not in filterable(cls):
        raise InvalidInput(
            f"One or more arguments are either duplicate or invalid: there is no filter by '{shown[:80]}'"
        )
    return name


def _fitting(cls: type[Resource], name: str, values: Sequence[str]) -> list[str]:
    """Return the values that an attribute of its type can have."""
    kind = value_type(cls, name) if name in descriptors(cls) else str
    if kind is bool:
        return [value for value in values if value.lower() in TRUE_WORDS | FALSE_WORDS]
    return [value for value in values if _is_integer(value)] if kind is int else list(values)


def _is_integer(value: str) -> bool:
    try:
        integer(value)
    except ValueError:
        return False
    return True


def _sorting(
    cls: type[Resource], form: WireForm, given: Mapping[str, Sequence[str]]
) -> list[tuple[str, bool]]:
    """Return what to sort by: what is asked for, or the oldest first, and the newest of what grows old."""
    wanted = [tuple(key.partition(":")[::2]) for key in _words(given.get("sort", ()))]
    keys, directions = _words(given.get("sort_key", ())), _words(given.get("sort_dir", ()))
    wanted += [(key, directions[at] if at < len(directions) else "") for at, key in enumerate(keys)]
    if len(wanted) > MOST_SORT_KEYS:
        raise InvalidInput(f"{len(wanted)} sort keys are given; at most {MOST_SORT_KEYS} are allowed.")
    sort: dict[str, bool] = {}
    for key, direction in wanted:
        if direction not in ("", "asc", "desc"):
            raise InvalidInput(f"Unknown sort direction '{direction[:80]}': it is asc or desc")
        name = attribute_name(cls, key, form)
        if name not in _sort_keys(cls, form):
            raise InvalidInput(f"Supplied sort key '{key[:80]}' is not valid.")
        if name not in constants(cls):
            sort.setdefault(name, direction != "desc")
    return list(sort.items()) or [("created_at", not cls.NEWEST_FIRST)]


def _sort_keys(cls: type[Resource], form: WireForm) -> frozenset[str]:
    return frozenset(on_wire(cls, form)) & {*sortable(cls), *constants(cls)}


def _words(values: Sequence[str]) -> list[str]:
    return [word for value in values for word in value.split(",") if word]


def _limit(value: str) -> int | None:
    """Return the size of a page, or None where there is to be one page only."""
    if value == "":
        return MAX_PAGE
    if value == "infinite":
        return None
    if not _NUMBER.fullmatch(value):
        raise InvalidInput(f"Supplied limit '{value[:80]}' is not a number.")
    return min(int(value), MAX_PAGE) if int(value) > 0 else None


def pages(
    cls: type[Resource], url: str, query_string: str, listing: Listing, shown: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what stands beside a list: its links, which keep all that was asked for besides the page."""
    return {links_of(cls): _links(url, query_string, listing, shown)}


def links_of(cls: type[Resource]) -> str:
    """Return what the links stand under."""
    return LINKS.get(cls.PLURAL, f"{cls.PLURAL}_links")


def _mark(entry: dict[str, Any]) -> tuple[str, str]:
    """Return the parameter for the page behind an object: its id, or what it is known by instead."""
    return "marker", next(entry[name] for name in ("id", "name", "project_id") if name in entry)


def _links(
    url: str, query_string: str, listing: Listing, shown: list[dict[str, Any]]
) -> list[dict[str, str]]:
    query = listing.query
    if not shown:
        return []
    same = [
        (name, value)
        for name, value in parse_qsl(query_string, keep_blank_values=True)
        if name not in ("marker", "page_reverse")
    ]
    found = []
    full = query.limit is not None and len(shown) >= query.limit
    if query.marker is not None or (full and query.reverse):
        back = [*same, _mark(shown[0]), ("page_reverse", "True")]
        found.append({"rel": "previous", "href": f"{url}?{urlencode(back)}"})
    if full or (query.reverse and query.marker is not None):
        ahead = [*same, _mark(shown[-1])]
        found.append({"rel": "next", "href": f"{url}?{urlencode(ahead)}"})
    return found


def parameters(cls: type[Resource], form: WireForm) -> dict[str, Schema]:
    """Return the parameters of a list, described."""
    words = many(STRING)  # each may hold several, which commas part
    return {
        **filters(cls, form),
        **(dict.fromkeys(FILTERS, words) if "tags" in on_wire(cls, form) else {}),
        "fields": words,
        "sort": words,
        "sort_key": words,
        "sort_dir": words,
        "limit": {"anyOf": [{"type": "integer"}, {"enum": ["infinite"]}]},
        "marker": STRING,
        "page_reverse": {"type": "boolean"},
    }
