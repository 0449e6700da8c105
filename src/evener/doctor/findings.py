"""What a check finds, and how findings are told. Pure; knows no check."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

WIDTH, LEVEL, WHAT = 80, 5, 18


class Level(StrEnum):
    """How bad it is: nothing, something that may become bad or be wanted so, something that does not work."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what is there, and where it is not good, what to do."""

    level: Level
    what: str
    says: str
    advice: str = ""


def good(what: str, says: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.GOOD, what, says)


def warn(what: str, says: str, advice: str) -> Finding:
    """Return what may become bad, or be wanted so."""
    return Finding(Level.WARN, what, says, advice)


def bad(what: str, says: str, advice: str) -> Finding:
    """Return what does not work."""
    return Finding(Level.BAD, what, says, advice)


def text(found: Sequence[Finding]) -> str:
    """Return all findings in lines of at most 80 columns, and how many there are of each level."""
    lines = [line for each in found for line in _lines(each)]
    counted = ", ".join(f"{sum(each.level is level for each in found)} {level}" for level in Level)
    return "\n".join([*lines, "", counted])


def _lines(it: Finding) -> list[str]:
    """Return one: what is not to be broken, as a path or a command, may be longer than a line."""
    margin = " " * (LEVEL + WHAT)
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    wrap.initial_indent, wrap.subsequent_indent = f"{it.level:<{LEVEL}}{it.what:<{WHAT}} ", f"{margin} "
    lines = wrap.wrap(it.says)
    wrap.initial_indent, wrap.subsequent_indent = f"{margin} -> ", f"{margin}    "
    return [*lines, *(wrap.wrap(it.advice) if it.advice else [])]


def as_json(found: Sequence[Finding]) -> str:
    """Return all findings for programs."""
    return json.dumps([asdict(each) for each in found], indent=1)
