"""The tables of docs/octavia.md: how the same objects look in both APIs, worked out from the values of the dialects.

`PYTHONPATH=tests .venv/bin/python -m dialect_table` writes them. A test compares the page with them.
"""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

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


class Difference(NamedTuple):
    """What the same thing is in each of the two APIs; a test of that name goes in by one and looks by the other."""

    test: str
    what: str
    lbaas: str
    octavia: str


DIFFERENCES = (
    Difference(
        "rise_and_fall",
        "failures that take a member out, successes that bring it back",
        "`max_retries` and 1, unless `max_retries_down` is given; shown as `max_retries_down`",
        "`max_retries_down` (3 by default) and `max_retries`",
    ),
    Difference(
        "timeout_above_delay",
        "a monitor's `delay` and `timeout`",
        "1 second or more",
        "0 too, which is the least there is",
    ),
    Difference(
        "limit_of_zero", "`connection_limit` 0", "refused; what has it can be changed otherwise", "no limit"
    ),
    Difference(
        "sni_alone",
        "a TERMINATED_HTTPS listener without a default certificate",
        "refused; what is so can be changed otherwise",
        "taken, where `sni_container_refs` name one; the first is for who asks for no name",
    ),
    Difference(
        "cookies_on_tcp_pools",
        "HTTP_COOKIE and APP_COOKIE on pools of bytes",
        "refused; what has them can be changed otherwise",
        "taken, and nothing to HAProxy",
    ),
    Difference(
        "protocols_of_a_listeners_pool",
        "a listener's pool",
        "of the same protocol",
        "of any that fits; 400 for others",
    ),
    Difference(
        "protocols_that_one_does_not_know",
        "PROXY, PROMETHEUS and others",
        "shown as they are, never taken",
        "taken",
    ),
    Difference(
        "a_member_without_a_subnet",
        "`subnet_id` of a member",
        "mandatory; null where the other API gave none",
        "optional",
    ),
    Difference(
        "deletion_of_what_has_children",
        "a load balancer with listeners or pools",
        "409",
        "400, or all of it with `cascade`",
    ),
    Difference(
        "deletion_with_parts", "a listener with policies, a pool with a monitor", "409", "they go along"
    ),
    Difference("another_projects_object", "an object of another project", "404", "403"),
    Difference("over_quota", "one more than the quota", "409", "403"),
    Difference("a_policy_without_its_target", "an L7 policy without its target", "409", "400"),
    Difference("an_unknown_subnet", "a VIP on an unknown subnet", "404", "400"),
    Difference("no_free_address", "a VIP on a subnet or network without a free address", "409", "400"),
    Difference(
        "quotas",
        "limits where nobody has set any",
        "the same: those of Neutron-LBaaS, by settings",
        "the same",
    ),
    Difference("a_port_that_is_taken", "a second listener on a port", "409", "409"),
    Difference("providers", "a load balancer's provider", "as it was asked for", "as it was asked for"),
    Difference(
        "null", "null for what is optional", "by attribute", "what nothing given means; in a PUT the default"
    ),
)


def differences() -> str:
    """Return what the same thing is in each of the two."""
    rows = ["| what | LBaaS v2 | Octavia |", "| --- | --- | --- |"]
    return "\n".join([*rows, *(f"| {each.what} | {each.lbaas} | {each.octavia} |" for each in DIFFERENCES)])


PAGE = Path(__file__).parents[1] / "docs" / "octavia.md"


def written(text: str) -> str:
    """Return the page with the tables of today."""
    for name, table in (("attributes", attributes()), ("differences", differences())):
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
