"""Tags: words that users give to their networks, ports and the like, to find them by. In Neutron's form."""

from typing import Annotated

from annotated_types import MaxLen
from pydantic import AfterValidator

from evener.resources.describe import Attr
from evener.resources.tags import LONGEST, MOST
from evener.resources.types import Text

# A comma parts the tags of a filter, a slash the parts of an address; the others would have to be escaped where tags
# are looked for.
FORBIDDEN = frozenset(',/"\\')


def _plain(value: str) -> str:
    if FORBIDDEN.intersection(value) or not value.isprintable():
        raise ValueError(
            "is no tag: a tag has no comma, slash, quotation mark, backslash or control character"
        )
    return value


def _no_doubles(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("has the same tag twice")
    return value


Tag = Annotated[str, Text(LONGEST, min_length=1), AfterValidator(_plain)]
# Set at an address of their own, and shown with the object.
Tags = Annotated[tuple[Tag, ...], MaxLen(MOST), AfterValidator(_no_doubles), Attr(filtered=True)]
