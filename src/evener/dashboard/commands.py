"""The command line that does what a page does: `openstack loadbalancer …`. Pure; what it says is only to be copied."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evener.dashboard.fields import Field, Kind

BASE = ("openstack", "loadbalancer")
GREEDY = "--sni-container-refs"  # takes all words up to the next option, also those after the last one


def option(flag: str, text: str) -> list[str]:
    """Return an option with what it says, which may look like an option itself."""
    is_alike = text.startswith("-") and not text[1:].isdecimal()
    return [f"--{flag}={text}"] if is_alike else [f"--{flag}", text]


def parts(field: Field, text: str) -> list[str]:
    """Return the options that say what stands in a field."""
    outer, _, inner = field.name.partition(".")
    if field.how == "yes":
        on, _, off = field.flag.partition(" ")
        return [f"--{on}"] if text == "true" else [f"--{off}"] if off else []
    if inner:
        return [f"--{outer.replace('_', '-')}", f"{inner}={text}"]
    if field.how == "headers":
        return [f"--{field.flag}", ",".join(f"{each}=true" for each in text.split("\n"))]
    if field.how in ("lines", "many"):
        lines = text.split("\n")
        if f"--{field.flag}" == GREEDY:
            return [GREEDY, *lines]
        return [part for each in lines for part in option(field.flag, each)]
    return option(field.flag, text)


def told(fields: Sequence[Field], texts: Mapping[str, str]) -> list[str]:
    """Return the options for all that is said."""
    found: list[str] = []
    for field in fields:
        text = texts.get(field.name, "")
        if text in ("", field.first if field.how == "yes" else ""):
            continue
        new = parts(field, text)
        if found and "=" in new[-1] and found[-2:-1] == new[:1]:
            found[-1] += f",{new[-1]}"  # parts of one attribute
        else:
            found += new
    return found


@dataclass(frozen=True, slots=True)
class Command:
    """One that has options between `head` and `tail`."""

    head: str
    options: Sequence[str]
    tail: str

    def __str__(self) -> str:
        end = "--" if self.tail and GREEDY in self.options else ""
        return " ".join(filter(None, (self.head, shlex.join(self.options), end, self.tail)))


def create(kind: Kind, options: Sequence[str], *below: str) -> Command:
    """Return the command that makes one; `below` says below what."""
    return Command(shlex.join([*BASE, *_words(kind), "create"]), options, shlex.join(below))


def change(kind: Kind, options: Sequence[str], parent: str, identity: str) -> Command:
    """Return the command that changes one."""
    named = shlex.join(_named(kind, parent, identity))
    return Command(shlex.join([*BASE, *_words(kind), "set"]), options, named)


def delete(kind: Kind, parent: str, identity: str) -> str:
    """Return the command that deletes one."""
    cascade = ["--cascade"] if kind.name == "loadbalancer" else []
    return shlex.join([*BASE, *_words(kind), "delete", *cascade, *_named(kind, parent, identity)])


def _words(kind: Kind) -> list[str]:
    return [] if kind.name == "loadbalancer" else [kind.words]


def _named(kind: Kind, parent: str, identity: str) -> list[str]:
    return [parent, identity] if kind.is_within else [identity]
