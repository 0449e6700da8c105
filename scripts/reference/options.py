"""Options as the parsers of command lines have them, for manual pages. The same on every Python."""

import argparse
import re
from collections.abc import Iterable

from scripts.reference.markup import code, definitions, plain, sentence

INVERSE = "The inverse of "  # of options that oslo.config adds by itself
NO_DEFAULT = re.compile(r"\s*Defaults?(?: to|:) None ?\.?")  # where a program has one of its own
POSITIONAL = {"?": "[{}]", "*": "[{} ...]", "+": "{} [{} ...]", None: "{}"}


def visible(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a user may give."""
    return [
        each
        for each in parser._actions
        if each.help != argparse.SUPPRESS and not (each.help or "").startswith(INVERSE)
    ]


def synopsis(name: str, parser: argparse.ArgumentParser) -> str:
    """Return how a program is called: what it needs by name, all other options as one word."""
    actions = visible(parser)
    needed = [
        f"{each.option_strings[-1]} {_value(each)}"
        for each in actions
        if each.option_strings and each.required
    ]
    positional = [
        POSITIONAL.get(each.nargs, "{}").replace("{}", _metavar(each))
        for each in actions
        if not each.option_strings
    ]
    return " ".join([name, *needed, "[OPTION ...]", *positional])


def listed(parser: argparse.ArgumentParser, actions: Iterable[argparse.Action]) -> str:
    """Return the list of them, with what each is for."""
    formatter = parser._get_formatter()
    return definitions(
        (
            _term(each),
            sentence(
                plain(NO_DEFAULT.sub("", formatter._expand_help(each)) if each.help else _choices(each))
            ),
        )
        for each in actions
    )


def _term(action: argparse.Action) -> str:
    if not action.option_strings:
        return code(_metavar(action))
    value = _value(action)
    return ", ".join(code(f"{flag} {value}".strip()) for flag in action.option_strings)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    one = _metavar(action)
    return f"[{one}]" if action.nargs == "?" else one


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar is not None:
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _choices(action: argparse.Action) -> str:
    return f"one of {', '.join(map(str, action.choices))}" if action.choices else ""
