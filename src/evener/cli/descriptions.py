"""The options of commands from the descriptions of resources.

A description tells which attributes a user sets when, of what form they are, and what they are for: `scripts/describe`
writes that as JSON, because the client has to start faster than the descriptions themselves can be imported. What no
description can tell is handed in: names of commands and options that are `neutron`'s, columns of lists. Pure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evener.cli.resource import TAG_FILTERS, Arg, Resource
from evener.cli.values import key_values, lower, true_or_false, upper

Description = Mapping[str, Any]
TRUE_OR_FALSE = "{True,False}"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How `neutron` spells the arguments of a kind, where its description does not tell.

    `positional` are attributes given without a dash, in order, with a "?" behind one that may be left out. `overrides`
    are what is different about the arguments of attributes, `clears` is what an option --no-ATTRIBUTE sets. `extra` are
    arguments that follow from no attribute, and `without` attributes without any.
    """

    positional: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clears: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[Arg, ...] = ()
    without: frozenset[str] = frozenset()


AS_DESCRIBED = Spelling()


def load(file: Path) -> Mapping[str, Description]:
    """Return the descriptions by kind that `scripts/describe` wrote."""
    found: Mapping[str, Description] = json.loads(file.read_text())
    return found


def described(
    descriptions: Mapping[str, Description],
    kind: str,
    *,
    columns: str,
    title: str = "",
    command: str = "",
    prefix: str = "",
    spelling: Spelling = AS_DESCRIBED,
    **more: Any,
) -> Resource:
    """Return a kind with its arguments; `columns` of lists are words, `prefix` that of its path, `more` as it is.

    `title` and `command` follow from the kind where it is called the same by people and in commands.
    """
    about = descriptions[kind]
    title = title or kind.replace("_", " ")
    attributes: Mapping[str, Description] = about["attributes"]
    filters = {name: each["filter"] for name, each in attributes.items() if "filter" in each}
    if "tags" in filters:
        filters |= dict.fromkeys(TAG_FILTERS, "str")
    parent = about.get("parent")
    above = f"{descriptions[parent]['path']}/{{parent}}/" if parent else ""
    return Resource(
        kind=kind,
        plural=about["plural"],
        command=command or f"{prefix}{kind}".replace("/", "-").replace("_", "-"),
        path=f"{prefix}{above}{about['path']}",
        title=title,
        columns=tuple(columns.split()),
        args=(*_arguments(title, attributes, spelling), *spelling.extra),
        named="name" in attributes,
        limited=about.get("limited", False),
        parent=parent,
        filters=filters,
        **more,
    )


def _arguments(title: str, attributes: Mapping[str, Description], spelling: Spelling) -> Iterator[Arg]:
    """Yield the arguments that follow from attributes, those without a dash first."""
    placed = [place.removesuffix("?") for place in spelling.positional]
    for place, name in zip(spelling.positional, placed, strict=True):
        found = _option(title, name, attributes[name])
        nargs = None if name == place else "?"
        yield replace(found, flag=name.removesuffix("_id"), update=False, nargs=nargs)
        if found.update:
            yield replace(found, create=False, help=f"New {found.help[0].lower()}{found.help[1:]}")
    for name, about in attributes.items():
        if name in spelling.without or name in placed or not (about.get("create") or about.get("update")):
            continue
        found = _option(title, name, about)
        changes = spelling.overrides.get(name, {})
        for each in _admin_state(title, found) if name == "admin_state_up" else (found,):
            yield replace(each, **{"group": name if name in spelling.clears else None, **changes})
        if name in spelling.clears:
            plain = changes.get("flag", f"--{name}").removeprefix("--").replace("_", "-")
            text = f"Have no {plain.replace('-', ' ')}."
            clearing = Arg(f"--no-{plain}", text, name, const=spelling.clears[name], group=name)
            yield replace(clearing, create=found.create, update=found.update)


def _admin_state(title: str, found: Arg) -> Iterator[Arg]:
    """Yield the switch of create, and the option of update, that say whether an object is in use."""
    if found.create:
        text = f"Create the {title} out of use (administrative state down)."
        yield Arg("--admin-state-down", text, found.attr, const=False, default=True)
    if found.update:
        yield replace(found, create=False)


def _option(title: str, name: str, about: Description) -> Arg:
    """Return the option that sets an attribute."""
    flag = _flag(name, about)
    return Arg(
        flag,
        _help(title, name, about),
        name,
        create=bool(about.get("create")),
        update=bool(about.get("update")),
        required=bool(about.get("required")),
        repeat=bool(about.get("list")),
        refers=about.get("refers"),
        key=about.get("key"),
        **{"metavar": flag.replace("-", "_").rpartition(":")[2].lstrip("_").upper(), **_form(about)},
    )


def _flag(name: str, about: Description) -> str:
    if ":" in name:
        return f"--{name}"
    if about.get("list"):
        name = name.removesuffix("s")
    return "--" + (name.removesuffix("_id") if about.get("refers") else name).replace("_", "-")


def _help(title: str, name: str, about: Description) -> str:
    known = {"admin_state_up": f"Put the {title} into use (True) or out of use (False)."}
    text = str(about.get("help") or known.get(name) or f"{name.capitalize()} of the {title}.")
    if about.get("refers") and not about.get("key"):
        return f"Name or id of {text[0].lower()}{text[1:]}"
    return text


def _form(about: Description) -> dict[str, Any]:
    """Return how a value is written."""
    if "keys" in about:
        return _key_values(about["keys"])
    if "choices" in about:
        choices = tuple(about["choices"])
        for case in (upper, lower):
            if choices == tuple(map(case, choices)):
                return {"type": case, "choices": choices, "metavar": None}
        return {}  # what is written in both is understood in any
    if about.get("type") == "bool":
        return {"type": true_or_false, "metavar": TRUE_OR_FALSE}
    return {"type": int} if about.get("type") == "int" else {}


def _key_values(keys: Mapping[str, bool]) -> dict[str, Any]:
    required = tuple(key for key, needed in keys.items() if needed)
    optional = tuple(key for key, needed in keys.items() if not needed)
    written = ",".join(f"{key}={key.upper()}" for key in required or optional)
    more = "".join(f"[,{key}={key.upper()}]" for key in optional if required)
    return {"type": key_values(required, optional), "metavar": written + more}
