"""A kind of object and the arguments of its commands, as plain data: no argparse, no HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class _Absent:
    """The type of ABSENT."""


ABSENT = _Absent()  # no value: None means null on the wire
VERBS = ("create", "delete", "list", "show", "update")
TAG_FILTERS = ("tags", "tags_any", "not_tags", "not_tags_any")


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
    lists of {"id": …} that `show` reduces to the ids, `filters` what lists are filtered by with the type of each,
    `smiles` booleans that lists show as a face, `formats` how
    a list's table shows other attributes. Objects that are not `named` are known by their id alone;
    of those that are `limited` a project has a quota. What `outlives` its parent is asked for by that one's id as well.
    What is `certified` takes the files of a certificate, what `cascades` takes all below it along when it is deleted.
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
    limited: bool = False
    parent: str | None = None
    outlives: bool = False
    certified: bool = False
    cascades: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
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


def reference(kind: str, plural: str, path: str = "") -> Resource:
    """Return a kind that others refer to by name or id, and that has no commands."""
    return Resource(
        kind=kind, plural=plural, command="", path=path or plural, title=kind, columns=(), verbs=()
    )
