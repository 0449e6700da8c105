"""Tags of objects: which rows have them, and how they are changed. Knows no kind of object."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, or_

from evener.resources.describe import Resource
from evener.resources.types import is_storable
from evener.resources.wire import validate_attribute
from evener.store import rows
from evener.store.database import Transaction
from evener.store.tags import conditions
from evener_cloud.network.errors import no_tag
from evener_cloud.network.visibility import lock

Change = Callable[[tuple[str, ...]], Iterable[str]]


def change(tx: Transaction, cls: type[Resource], object_id: str, new: Change) -> tuple[str, ...]:
    """Give an object the tags that `new` makes of those it has, and return them.

    Raises:
        InvalidInput: when they are too many.
    """
    found = lock(tx, cls, object_id)
    tags: tuple[str, ...] = validate_attribute(cls, "tags", list(dict.fromkeys(new(found.tags))))  # type: ignore[attr-defined]
    rows.update(tx, cls, object_id, tags=tags)
    return tags


def without(tag: str) -> Change:
    """Return what takes a tag away.

    The change raises NotFound where it is not there.
    """

    def new(tags: tuple[str, ...]) -> Iterable[str]:
        if tag not in tags:
            raise no_tag(tag)
        return [each for each in tags if each != tag]

    return new


def filters(cls: type[Resource]) -> Mapping[str, Callable[[Sequence[str]], ColumnElement[bool]]]:
    """Return the conditions of Neutron's four filters, each with tags that commas part, for a kind that has tags."""
    if "tags" not in cls.model_fields:
        return {}
    text = cast(rows.table(cls).c.tags, Text)

    return conditions(lambda tags: or_(*(_contains(text, tag) for tag in tags)))


def _contains(text: ColumnElement[Any], tag: str) -> ColumnElement[bool]:
    """Return the condition for a JSON list with this string; `replace` knows upper and lower case in every database."""
    quoted = json.dumps(tag if is_storable(tag) else "")  # which no object has
    return text != func.replace(text, quoted, "")
