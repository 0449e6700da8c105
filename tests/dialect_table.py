"""The tables of docs/octavia.md: how the same objects look in both APIs, worked out from the values of the dialects.

`PYTHONPATH=tests .venv/bin/python -m dialect_table` prints them. A test compares the page with them.
"""

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from evener.api import octavia
from evener.api.dialects.base import Dialect
from evener.api.dialects.lbaas import LBAAS
from evener.api.dialects.octavia import OCTAVIA
from evener.resources.describe import Attr, Resource, descriptors, value_type
from evener.resources.wire import adapter, default, on_wire, plain, visible_attributes
from evener.resources.wire_form import REQUIRED

LISTED = 6  # values are named up to so many


def attributes() -> str:
    """Return the attributes that only one of the two has, and those that have another default or other values."""
    rows = ["| kind | attribute | LBaaS v2 | Octavia |", "| --- | --- | --- | --- |"]
    for cls in octavia.KINDS:
        rows += [
            f"| {cls.KIND} | `{name}` | {ours} | {theirs} |"
            for name, ours, theirs in _rows(cls)
            if ours != theirs
        ]
    return "\n".join(rows)


def _rows(cls: type[Resource]) -> Iterator[tuple[str, str, str]]:
    for name, (_, mark) in sorted(descriptors(cls).items()):
        if not isinstance(mark, Attr) or mark.visible or mark.create:
            yield name, _told(cls, name, LBAAS), _told(cls, name, OCTAVIA)


def _told(cls: type[Resource], name: str, dialect: Dialect) -> str:
    """Return what a dialect makes of an attribute: how it is called if otherwise, its default, its values."""
    called = on_wire(cls, dialect.form).get(name)
    if called is None:
        return "—"
    mark = descriptors(cls)[name][1]
    if not isinstance(mark, Attr) or not (mark.create or mark.update):
        return "shown" if called == name else f"shown as `{called}`"
    words = [] if called == name else [f"`{called}`"]
    if called not in visible_attributes(cls, dialect.form):
        words.append("not shown")
    usual = default(cls, name, dialect.form)
    if usual is REQUIRED:
        words.append("mandatory" if not mark.computed else "chosen where not given")
    else:
        words.append(f"by default `{json.dumps(plain(usual))}`")
    return "; ".join([*words, *_values(cls, name, dialect)])


def _values(cls: type[Resource], name: str, dialect: Dialect) -> list[str]:
    kind = value_type(cls.model_fields[name])
    if kind is None or not issubclass(kind, StrEnum):
        return []
    schema: dict[str, Any] = adapter(cls, name, dialect.form).json_schema()
    shared = schema.get("$defs", {})
    found = next((each["enum"] for each in [schema, *shared.values()] if "enum" in each), [])
    return [", ".join(found)] if found else []


if __name__ == "__main__":
    sys.stdout.write(attributes() + "\n")
