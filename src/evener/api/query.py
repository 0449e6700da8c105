"""What every dialect's lists have in common: the parameters of a query string, and the bounds of what may be asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from evener.resources.errors import InvalidInput
from evener.store.rows import ListQuery

LONGEST = 32_768  # characters of a query string; room for 800 ids
MOST_PARAMETERS = 2000
MOST_SORT_KEYS = 8
MAX_PAGE = 1000


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
