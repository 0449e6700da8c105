"""What somebody else has written, made harmless where people and their programs read it.

A name may hold what a terminal obeys, a line feed that forges a row, or what a spreadsheet calculates. Pure.
"""

import unicodedata
from typing import Any

# Cc: escape sequences, line feeds; Zl and Zp: other ends of lines; Cs: what is no text.
_UNSEEN = frozenset({"Cc", "Zl", "Zp", "Cs"})
# What turns the order of what follows (Unicode Standard Annex 9, section 2).
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet knows one
_SHELL = str.maketrans({"\\": "\\\\", "$": "\\$", "`": "\\`"})


def visible(text: str, keep: str = "") -> str:
    """Return `text` with what acts rather than shows written as an escape, but for the characters of `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in keep or _shows(each) else _escape(each) for each in text)


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in _UNSEEN and char not in _TURNING


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cell(value: Any, formatter: str) -> Any:
    """Return a value as `formatter` may print it; JSON and YAML quote by themselves."""
    if not isinstance(value, str):
        return value
    match formatter:
        case "table":  # several lines of a list are one cell; each of them has been looked at
            return visible(value, keep="\n")
        case "csv":
            return visible(f"'{value}" if value.startswith(_FORMULA) else value)
        case "value":
            return visible(value)
        case "shell":  # `eval` of it is what it is for; the formatter sees to the quotes
            return value.translate(_SHELL)
        case _:
            return value
