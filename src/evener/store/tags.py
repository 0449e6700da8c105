"""Objects by their tags: the tables that lists are filtered by, kept beside the rows that tags are shown from.

They are written with the row, in its transaction, and go with it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, bindparam, delete, false, insert, not_, select

from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import is_storable
from evener.store.database import Transaction
from evener.store.schema import TAGS, metadata

MOST_ASKED = 100  # tags in one filter


def add(tx: Transaction, cls: type[Resource], tagged: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Note the tags of new objects, each an id with its tags, in one statement at most."""
    new = [{"owner_id": owner_id, "tag": tag} for owner_id, tags in tagged for tag in tags]
    if new:
        tx.execute(insert(TAGS[cls]), new)


def replace(tx: Transaction, cls: type[Resource], tagged: Mapping[str, Iterable[str]]) -> None:
    """Note that objects have these tags, by their ids, and no others; in two statements at most."""
    if not tagged:
        return
    owner = TAGS[cls].c.owner_id
    gone = [{"changed_id": owner_id} for owner_id in tagged]
    tx.execute(delete(TAGS[cls]).where(owner == bindparam("changed_id")), gone if len(gone) > 1 else gone[0])
    add(tx, cls, tagged.items())


def matches(cls: type[Resource], name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for rows of `cls` that pass one of the filters by tags."""
    rows, found = metadata.tables[cls.table()], TAGS[cls].c

    def has_any(tags: Sequence[str]) -> ColumnElement[bool]:
        there = [tag for tag in tags if is_storable(tag)]
        return rows.c.id.in_(select(found.owner_id).where(found.tag.in_(there))) if there else false()

    return conditions(has_any)[name](values)


def conditions(
    has_any: Callable[[Sequence[str]], ColumnElement[bool]],
) -> Mapping[str, Callable[[Sequence[str]], ColumnElement[bool]]]:
    """Return the conditions of Neutron's and Octavia's four filters, each with tags that commas part.

    `has_any` returns the condition for what has one of some tags. They raise `InvalidInput` for more than anybody
    needs.
    """

    def asked(values: Sequence[str]) -> list[str]:
        tags = list(dict.fromkeys(tag for value in values for tag in value.split(",")))
        if len(tags) > MOST_ASKED:
            raise InvalidInput(f"{len(tags)} tags are asked for; at most {MOST_ASKED} are allowed.")
        return tags

    def has_all(values: Sequence[str]) -> ColumnElement[bool]:
        return and_(*(has_any([tag]) for tag in asked(values)))

    return {
        "tags": has_all,
        "tags-any": lambda values: has_any(asked(values)),
        "not-tags": lambda values: not_(has_all(values)),
        "not-tags-any": lambda values: not_(has_any(asked(values))),
    }
