"""What is wrong with a value, in words that name what is allowed: the library that validates speaks Python.

Knows the library's errors, and no resource.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evener.resources.types import PATTERNS

Context = Mapping[str, Any]
LONGEST_PLACE = LONGEST_VALUE = 80  # characters
# What the library adds to a place to say which of several types it tried.
_TYPES = frozenset({"str", "int", "float", "bool", "none", "list", "dict", "tuple"})
_NAME = re.compile("[a-z_][a-z0-9_:]*|[A-Z]+")


def _too_short(context: Context) -> str:
    least = context["min_length"]
    return "must not be empty" if least == 1 else f"has fewer than {least} characters"


_SAYS: Mapping[str, Callable[[Context], str]] = {
    "bool": lambda _: "cannot be converted to boolean",
    "date": lambda _: "is not a moment such as 2018-01-31T10:00:00",
    "datetime": lambda _: "is not a moment such as 2018-01-31T10:00:00",
    "dict": lambda _: "is not an object",
    "enum": lambda context: f"is not one of {_listed(context['expected'])}",
    "extra_forbidden": lambda _: "is not an attribute here",
    "float": lambda _: "is not a number",
    "frozen_set": lambda _: "is not a list",
    "greater_than": lambda context: f"is not above {context['gt']}",
    "greater_than_equal": lambda context: f"is below {context['ge']}, which is the least",
    "int": lambda _: "is not an integer",
    "less_than": lambda context: f"is not below {context['lt']}",
    "less_than_equal": lambda context: f"is above {context['le']}, which is the most",
    "list": lambda _: "is not a list",
    "literal_error": lambda context: f"is not one of {_listed(context['expected'])}",
    "missing": lambda _: "is required",
    "model": lambda _: "is not an object",
    "none_required": lambda _: "must be null, or left out",
    "set": lambda _: "is not a list",
    "string": lambda _: "is not a string",
    "string_pattern_mismatch": lambda context: (
        f"is not {PATTERNS.get(context['pattern'], 'of the right form')}"
    ),
    "string_too_long": lambda context: f"has more than {context['max_length']} characters",
    "string_too_short": _too_short,
    "too_long": lambda context: f"has more than {context['max_length']} entries",
    "too_short": lambda context: f"has fewer than {context['min_length']} entries",
    "tuple": lambda _: "is not a list",
}
# What the library calls the ways in which a value is not of a type.
_WAYS = ("_type", "_parsing", "_parsing_size", "_from_float", "_unicode", "_attributes_type", "_exact")


def shown(value: Any) -> str:
    """Return a value as who sent it wrote it, in JSON where it is no text, cut to what a message can hold."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # of so many digits that Python writes none of them
        text = "a number of very many digits"
    return text[:LONGEST_VALUE].encode("utf-8", "backslashreplace").decode()


def first(error: ValidationError) -> ErrorDetails:
    """Return the first thing that is wrong."""
    return error.errors(include_url=False)[0]


def place(wrong: ErrorDetails) -> str:
    """Return where it is inside of the value, as names and numbers with dots between; empty for the value itself."""
    parts = [str(part) for part in wrong["loc"] if isinstance(part, int) or _is_name(part)]
    return ".".join(parts)[:LONGEST_PLACE]


def _is_name(part: str) -> bool:
    return part not in _TYPES and _NAME.fullmatch(part) is not None


def says(wrong: ErrorDetails) -> str:
    """Return what is wrong and what is allowed, without the value: it may be a secret."""
    kind, context = wrong["type"], wrong.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"]).rstrip(".")
    if kind not in _SAYS:
        kind = next((kind.removesuffix(way) for way in _WAYS if kind.endswith(way)), kind)
    return _SAYS[kind](context) if kind in _SAYS else "is not allowed"


def _listed(expected: str) -> str:
    """Return alternatives, which the library quotes and joins with "or", as users write them."""
    return ", ".join(re.findall("'([^']*)'", expected)) or expected


def alternatives(wrong: ErrorDetails) -> tuple[str, ...]:
    """Return all values that are allowed, where the library counts them."""
    if wrong["type"] not in ("enum", "literal_error"):
        return ()
    return tuple(re.findall("'([^']*)'", wrong.get("ctx", {})["expected"]))
