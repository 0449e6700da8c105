"""What a command line may look like beyond argparse: underscores for dashes, a bare --wait, unknown attributes.

Pure: lists of words in, lists of words and values out.
"""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from evener.cli.errors import CliError
from evener.cli.values import key_values, true_or_false

TYPES = {"bool": true_or_false, "int": int, "str": str, "dict": key_values()}
TYPE_WORDS = frozenset({"type=bool", "type=int", "type=str"})


def is_number(word: str) -> bool:
    """Return whether `word` reads as a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def normalise(words: Sequence[str], options: Collection[str]) -> list[str]:
    """Return `words` with the known `options` in their own spelling; what follows a "--" is left as it is.

    Options may be typed with underscores, as in the configuration of old scripts; --wait takes a number of
    seconds only when one follows, so that it can stand before a name. An option knows the type of its value, which
    may be said all the same, as that of an attribute without an option has to be.
    """
    result: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            return [*result, *words[index:]]
        flag, equals, value = word.partition("=")
        dashed = flag.replace("_", "-")
        if flag.startswith("--") and word not in options and flag not in options and dashed in options:
            result.append(dashed + equals + value)
        elif word == "--wait" and word in options and not is_number("".join(words[index + 1 : index + 2])):
            result.append("--wait=60")
        elif not (word in TYPE_WORDS and result and result[-1] in options):
            result.append(word)
    return result


def misspelt(unknown: Sequence[str], options: Collection[str]) -> str:
    """Return which of `options` an option that there is not may have been meant for; "" where none is near."""
    for word in unknown:
        flag = word.partition("=")[0]
        near = get_close_matches(flag, options, n=1, cutoff=0.8) if flag.startswith("--") else []
        if near:
            return f"There is no option {flag}: {near[0]} may be meant"
    return ""


@dataclass
class _Attribute:
    words: list[str] = field(default_factory=list)
    type: str = ""
    is_list: bool = False
    clear: bool = False


def _collect(words: Sequence[str]) -> dict[str, _Attribute]:
    found: dict[str, _Attribute] = {}
    current: _Attribute | None = None
    for word in words:
        if word.startswith("--") and len(word) > 2 and word[2] not in "-=":
            flag, equals, value = word[2:].partition("=")
            name = flag.replace("-", "_")
            if name in found:
                raise CliError(f"--{flag} is given twice")
            current = found[name] = _Attribute(words=[value] if equals else [])
        elif current is None or (word.startswith("-") and not is_number(word)):
            raise CliError(f"Unrecognized argument: {word}")
        elif word.startswith("type=") and not current.words:
            current.type = word.removeprefix("type=")
        elif word == "list=true":
            current.is_list = True
        elif word == "action=clear":
            current.clear = True
        else:
            current.words.append(word)
    return found


def _value(name: str, attribute: _Attribute) -> Any:
    if attribute.clear:
        return None
    if attribute.type and attribute.type not in {*TYPES, "list"}:
        raise CliError(f"--{name}: type={attribute.type} is none of {', '.join(TYPES)}, list")
    if not attribute.words:
        if attribute.type or attribute.is_list:
            raise CliError(f"--{name} needs a value")
        return True
    convert: Any = TYPES.get(attribute.type, str)
    try:
        values = [convert(word) for word in attribute.words]
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise CliError(f"--{name}: {error}") from None
    several = len(values) > 1 or attribute.is_list or attribute.type == "list"
    return values if several else values[0]


def unknown_attributes(words: Sequence[str]) -> dict[str, Any]:
    """Return the attributes in `words` that have no option of their own, with their values.

    The forms are those of `neutron`: --key VALUE, --key=VALUE, --key (true), --key A B (a list),
    --key type=int|bool|dict|str VALUE, --key list=true VALUE, --key action=clear (null).

    Raises:
        CliError: for anything else.
    """
    collected = _collect([word for word in words if word != "--"])
    return {name: _value(name, attribute) for name, attribute in collected.items()}
