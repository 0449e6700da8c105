"""What is printed of the objects that the server returns: columns, values for people, and the commands that print them.

All commands that print a table or one object derive from the two here: cliff's own print whatever a name holds.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evener.cli.escaping import visible
from evener.cli.resource import Resource

STRUCTURED = frozenset({"json", "yaml"})  # formats that have a null

ALIVE, DEAD = ":-)", "xxx"


def for_people(value: Any, indent: int | None = None) -> Any:
    """Return `value` as a table shows it: a list as lines, mappings as JSON, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(
            json.dumps(item, indent=indent) if isinstance(item, dict) else visible(str(item))
            for item in value
        )
    if isinstance(value, dict):
        return json.dumps(value, indent=indent)
    return visible(value) if isinstance(value, str) else value


def lines_of_fields(value: Any) -> Any:
    """Return a joined list, such as a network's subnets, as lines of the values of each."""
    if isinstance(value, list):
        return "\n".join(" ".join(visible(str(part)) for part in item.values()) for item in value)
    return for_people(value)


def attribute_table(
    resource: Resource, found: Mapping[str, Any], formatter: str, indent: int | None = None
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the names and values of one object, sorted by name; a table's mappings with `indent`."""
    shown = dict(found)
    for name in resource.inner_ids:
        if name in shown:
            shown[name] = [item["id"] if isinstance(item, dict) else item for item in shown[name]]
    names = tuple(sorted(shown))
    if formatter == "table":
        shown = {name: for_people(value, indent) for name, value in shown.items()}
    return names, tuple(shown[name] for name in names)


def columns(
    resource: Resource,
    available: Sequence[str],
    chosen: Sequence[str],
    fields: Sequence[str],
    *,
    with_project: bool,
) -> list[str]:
    """Return the columns of a list, in order.

    `chosen` are those of -c; otherwise the resource's own and what was asked for with -F, as far as the server
    returned them, with the project after the name for an administrator.
    """
    if chosen:
        return [name for name in chosen if name in available]
    more = [name for name in fields if name not in resource.columns]
    shown = [name for name in (*resource.columns, *more) if name in available]
    if with_project and "tenant_id" in available and "tenant_id" not in shown:
        place = max((shown.index(name) for name in ("id", "name") if name in shown), default=-1)
        shown.insert(place + 1, "tenant_id")
    return shown


def rows(
    resource: Resource, found: Sequence[Mapping[str, Any]], names: Sequence[str], formatter: str
) -> list[tuple[Any, ...]]:
    """Return a row per object, with the values of the columns `names`."""
    formats = {name: lines_of_fields for name, _, _ in resource.joins} | dict(resource.formats)

    def shown(name: str, value: Any) -> Any:
        if name in resource.smiles and value is not None:
            return ALIVE if value else DEAD
        if formatter == "table":
            return formats.get(name, for_people)(value)
        return "" if value is None and formatter not in STRUCTURED else value

    return [tuple(shown(name, item.get(name)) for name in names) for item in found]
