"""Objects by their tags: the tables that lists are filtered by, kept beside the rows that tags are shown from.

They are written with the row, in its transaction, and go with it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, exists, func, insert, not_, select

from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import is_storable
from evener.store.database import Transaction
from evener.store.schema import TAGS, metadata

MOST_ASKED = 100  # tags in one filter
MANY = 1000  # so many rows take longer to find and sort than a page to read in its order


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


@dataclass(frozen=True, slots=True)
class Sought:
    """The conditions for rows that pass filters by tags; whether `few` have the rarest, by which they are found."""

    conditions: Sequence[ColumnElement[bool]]
    few: bool


def sought(tx: Transaction, cls: type[Resource], filters: Mapping[str, Sequence[str]]) -> Sought:
    """Return what `filters` by tags, by their names, ask for; in one statement at most.

    No database can tell before it looks that a tag is everybody's. By a rare one, rows are found; where there is none,
    they are read in the order of the page until that is full, and each is asked for its tags.
    """
    rows, table = metadata.tables[cls.table()], TAGS[cls]
    found = table.c

    def has_any(tags: Sequence[str]) -> ColumnElement[bool]:
        own = exists().where(found.owner_id == rows.c.id, found.tag.in_(_storable(tags)))
        return own.select_from(table).correlate_except(table)

    tests = conditions(has_any)
    wanted = [tests[name](values) for name, values in filters.items()]
    rarest = _rarest(tx, table, _needed(filters))
    if rarest is None:
        return Sought(wanted, few=False)
    having = select(found.owner_id).where(found.tag.in_(rarest))
    return Sought([rows.c.id.in_(having), *wanted], few=True)


def _needed(filters: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return tags of each of which, and not only of all, an object needs to have one."""
    needed = [[tag] for tag in _asked(filters.get("tags", ()))]
    return [*needed, _asked(filters["tags-any"])] if "tags-any" in filters else needed


def _rarest(tx: Transaction, table: Table, groups: Sequence[Sequence[str]]) -> Sequence[str] | None:
    """Return the tags of the group that the fewest rows have, where these are few; counted is no further than that."""
    if not groups:
        return None
    groups = [_storable(group) for group in groups]
    having = (select(table.c.tag).where(table.c.tag.in_(group)).limit(MANY).subquery() for group in groups)
    counts = (select(func.count()).select_from(each).scalar_subquery() for each in having)
    number, rarest = min(zip(tx.execute(select(*counts)).one(), groups, strict=True), key=itemgetter(0))
    return rarest if number < MANY else None


def _storable(tags: Sequence[str]) -> list[str]:
    return [tag for tag in tags if is_storable(tag)]


def _asked(values: Sequence[str]) -> list[str]:
    """Return the tags that a filter names.

    Raises:
        InvalidInput: for more than anybody needs.
    """
    tags = list(dict.fromkeys(tag for value in values for tag in value.split(",")))
    if len(tags) > MOST_ASKED:
        raise InvalidInput(f"{len(tags)} tags are asked for; at most {MOST_ASKED} are allowed.")
    return tags


def conditions(
    has_any: Callable[[Sequence[str]], ColumnElement[bool]],
) -> Mapping[str, Callable[[Sequence[str]], ColumnElement[bool]]]:
    """Return the conditions of Neutron's and Octavia's four filters, each with tags that commas part.

    `has_any` returns the condition for what has one of some tags. They raise `InvalidInput` for more than anybody
    needs.
    """

    def has_all(values: Sequence[str]) -> ColumnElement[bool]:
        return and_(*(has_any([tag]) for tag in _asked(values)))

    return {
        "tags": has_all,
        "tags-any": lambda values: has_any(_asked(values)),
        "not-tags": lambda values: not_(has_all(values)),
        "not-tags-any": lambda values: not_(has_any(_asked(values))),
    }
