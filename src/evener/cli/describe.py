"""How a resource and its arguments are described for the client, and the types of argument values.

Plain data and small converters: no argparse, no HTTP.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class _Absent:
    """The type of ABSENT."""


ABSENT = _Absent()  # no value: None means null on the wire
VERBS = ("create", "delete", "list", "show", "update")


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of create and/or update, and the attribute of the body that it sets.

    `flag` is "--vip-address", or "vip_subnet" for a positional one. `attr` is the attribute's name where it is
    not the flag's own. `const` makes it a switch that sets this value; `repeat` one that may be given several
    times. `default` is sent when the argument is not given: on create, and on update where it is one of update's.
    `refers` is the kind whose name or id is given and whose id is sent; within `key` of the value when that is a
    mapping. `copies` are attributes taken over from the object referred to. Arguments of one `group` exclude each
    other.
    """

    flag: str
    help: str
    attr: str = ""
    create: bool = True
    update: bool = False
    required: bool = False
    type: Callable[[str], Any] | None = None
    choices: tuple[Any, ...] | None = None
    metavar: str | None = None
    nargs: str | None = None
    const: Any = ABSENT
    default: Any = ABSENT
    repeat: bool = False
    refers: str | None = None
    key: str | None = None
    copies: tuple[str, ...] = ()
    group: str | None = None
    hidden: bool = False

    @property
    def attribute(self) -> str:
        """The name of the attribute in the body."""
        return self.attr or self.flag.removeprefix("--").replace("-", "_")

    @property
    def positional(self) -> bool:
        """Whether it has no dashes."""
        return not self.flag.startswith("-")


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object: where it is on the server, what its commands are called, take and show.

    `command` is the prefix of its commands; `path` that of its URLs below /v2.0, with `{parent}` for the id of
    the `parent` kind's object. `bulk_name` is what messages about several call it. `one_of` are attributes of
    which a new object needs at least one, `one_of_message` says so; `check` returns what else is wrong with the
    arguments of a new object, or None; `complete` adds to its body what follows from the rest. `inner_ids` are
    lists of {"id": …} that `show` reduces to the ids, `smiles` booleans that lists show as a face, `formats` how
    a list's table shows other attributes. Objects that are not `named` are known by their id alone.
    """

    kind: str
    plural: str
    command: str
    path: str
    title: str
    columns: tuple[str, ...]
    args: tuple[Arg, ...] = ()
    bulk_name: str = ""
    verbs: tuple[str, ...] = VERBS
    named: bool = True
    parent: str | None = None
    filters: tuple[str, ...] = ()
    switches: frozenset[str] = frozenset()
    one_of: tuple[str, ...] = ()
    one_of_message: str = ""
    check: Callable[[Mapping[str, Any]], str | None] | None = None
    complete: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    inner_ids: tuple[str, ...] = ()
    smiles: frozenset[str] = frozenset()
    json_indent: int | None = None
    waits: bool = False
    joins: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    formats: tuple[tuple[str, Callable[[Any], str]], ...] = ()

    @property
    def group_name(self) -> str:
        """What messages about several of them call it."""
        return self.bulk_name or self.kind


def upper(text: str) -> str:
    """Return `text` in capitals: protocols and algorithms may be typed in either case."""
    return text.upper()


def lower(text: str) -> str:
    """Return `text` in small letters."""
    return text.lower()


def true_or_false(text: str) -> bool:
    """Return the boolean that `text` says.

    Raises:
        ArgumentTypeError: for anything but true and false, in any case.
    """
    if text.lower() not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"'{text}' is neither True nor False")
    return text.lower() == "true"


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that `text` is.

    Raises:
        ArgumentTypeError: when it is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def key_values(
    required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> Callable[[str], dict[str, str]]:
    """Return a converter of "key=value,key=value" into a mapping; a comma without a key belongs to the value.

    The converter raises ArgumentTypeError for an unknown, malformed or missing key; with neither `required`
    nor `optional` any key goes.
    """
    known = frozenset(required + optional)

    def convert(text: str) -> dict[str, str]:
        pairs: list[str] = []
        for part in text.split(","):
            if "=" in part:
                pairs.append(part)
            elif pairs:
                pairs[-1] += f",{part}"
            else:
                raise argparse.ArgumentTypeError(f"'{part}' is not of the form key=value")
        result = dict(pair.split("=", 1) for pair in pairs)
        unknown = sorted(result.keys() - known)
        if known and unknown:
            raise argparse.ArgumentTypeError(
                f"unknown key(s) {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            )
        missing = [key for key in required if key not in result]
        if missing:
            raise argparse.ArgumentTypeError(f"required key(s) {', '.join(missing)} not given")
        return result

    return convert


def dhcp_option(text: str) -> dict[str, str | None]:
    """Return the mapping of an extra DHCP option, "null" as its value meaning None.

    Raises:
        ArgumentTypeError: for other keys, or a name with neither value nor version.
    """
    found = key_values(("opt_name",), ("opt_value", "ip_version"))(text)
    if len(found) < 2:
        raise argparse.ArgumentTypeError("opt_name needs opt_value or ip_version with it")
    return {key: None if key == "opt_value" and value == "null" else value for key, value in found.items()}
