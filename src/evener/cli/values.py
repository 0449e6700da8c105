"""What may stand for a value on the command line, and what it means. Small converters for argparse; no HTTP."""

import argparse
import json
from collections.abc import Callable
from typing import Any


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
