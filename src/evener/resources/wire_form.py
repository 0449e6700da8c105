"""How objects look on a wire, where that is not what their descriptions say: names, values, and words for mistakes.

A value for `evener.resources.wire`; knows no resource.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as field_of
from datetime import datetime
from typing import Any

from evener.resources import validation_messages
from evener.resources.describe import Resource

REQUIRED: Any = object()  # as a default: there is none


def listed(names: Iterable[str]) -> str:
    """Return names for a message, however long and odd they are."""
    return ", ".join(f"'{validation_messages.shown(name)}'" for name in sorted(names))


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a value: where inside of it, what stands there (None: what no message shows), and why.

    `allowed` are all that may stand there, where they can be counted.
    """

    place: str
    given: str | None
    reason: str
    allowed: tuple[str, ...] = ()


def _value(name: str, wrong: Wrong) -> str:
    shown = "" if wrong.given is None else f"'{wrong.given}' "
    where = f"{wrong.place}: " if wrong.place else ""
    return f"Invalid input for {name}. Reason: {where}{shown}{wrong.reason}."


@dataclass(frozen=True, slots=True)
class Complaints:
    """What is said of a body, each from a kind and the names of attributes on the wire. These are Neutron's words."""

    value: Callable[[str, Wrong], str] = _value
    body: Callable[[str], str] = lambda kind: f"Resource body required: an object named '{kind}'"
    unknown: Callable[[str, Iterable[str]], str] = lambda _, names: (
        f"Unrecognized attribute(s) {listed(names)}"
    )
    not_in_create: Callable[[str, str], str] = lambda _, name: f"Attribute '{name}' not allowed in POST"
    not_in_update: Callable[[str, str], str] = lambda _, name: f"Cannot update read-only attribute {name}"
    missing: Callable[[str], str] = lambda name: (
        f"Failed to parse request. Required attribute '{name}' not specified"
    )


def neutron_moment(moment: datetime) -> str:
    """Return a moment as Neutron shows those of agents."""
    return moment.isoformat(sep=" ", timespec="seconds")


PerAttribute = Mapping[type[Resource], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class WireForm:
    """What is otherwise on a wire than descriptions say, by kind and attribute.

    `other`: how attributes are called; one that is called None is not there. `second`: other names beside their own.
    `types`: what may be given, as an annotation. `defaults`: what a POST that says nothing means, `REQUIRED` that it
    has to say something. `not_given`: what a POST cannot say. `unseen`: what can be given and is never shown.
    `left_out`: what is not shown while it is null. `shows`: what is shown, from the object. `refuses`: why a POST
    that gives such attributes is refused, if it is. `implies`: what given attributes say of others, which they then
    replace. With `nulls`, null stands for the default of what has one, or for what `null_is` says of the attribute.
    `unlimited`: kinds of whose quotas nothing is said.
    """

    other: Mapping[type[Resource], Mapping[str, str | None]] = field_of(default_factory=dict)
    second: Mapping[str, str] = field_of(default_factory=lambda: {"tenant_id": "project_id"})
    types: PerAttribute = field_of(default_factory=dict)
    defaults: PerAttribute = field_of(default_factory=dict)
    not_given: Mapping[type[Resource], frozenset[str]] = field_of(default_factory=dict)
    unseen: Mapping[type[Resource], frozenset[str]] = field_of(default_factory=dict)
    left_out: Mapping[type[Resource], frozenset[str]] = field_of(default_factory=dict)
    shows: Mapping[type[Resource], Mapping[str, Callable[[Any], Any]]] = field_of(default_factory=dict)
    refuses: Mapping[type[Resource], Callable[[Mapping[str, Any]], str | None]] = field_of(
        default_factory=dict
    )
    implies: Mapping[type[Resource], Callable[[Mapping[str, Any]], Mapping[str, Any]]] = field_of(
        default_factory=dict
    )
    nulls: bool = False
    unlimited: frozenset[type[Resource]] = frozenset()
    null_is: Mapping[str, Any] = field_of(default_factory=dict)
    moment: Callable[[datetime], str] = neutron_moment
    complaints: Complaints = Complaints()


OWN = WireForm()
