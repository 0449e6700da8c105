"""Tags: words that users give to objects, to find them by."""

from collections.abc import Iterable
from typing import Annotated

from annotated_types import MaxLen
from pydantic import AfterValidator, Field

from evener.resources.describe import Attr
from evener.resources.types import Text

LONGEST = 255  # neutron-lib's, and octavia/api/common/types.py
MOST = 50  # ours
# What lists are filtered by: all of these tags, one of them, not all, none.
FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")


def _each_once(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value))


# No part of what agents are told. A table of their own has them too (`store/tags.py`), by which they are found.
Tags = Annotated[
    tuple[Annotated[str, Text(LONGEST)], ...],
    AfterValidator(_each_once),
    MaxLen(MOST),
    Field(exclude=True),
    Attr(create=True, update=True, filtered=True),
]
