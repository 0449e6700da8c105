"""The one way text reaches a configuration file: as a word that HAProxy reads back unchanged.

All that is written is printable ASCII, so that no reader, whatever it takes for the end of a line, sees one where
HAProxy sees none. HAProxy 2.6 configuration manual, section 2.2 "Quoting and escaping". Knows nothing of what the words
mean, and reads nothing back.
"""

import re
from functools import lru_cache

from evener.dataplane.haproxy.errors import Unrenderable

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,=%+\[\]()*-]+", re.ASCII)
_PLAIN_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_ESCAPED = {**_NAMED, "$": "\\$"}  # `$` would start an environment variable inside double quotes


@lru_cache(maxsize=4096)  # a thousand members have most of their words in common
def word(text: str) -> str:
    """Return `text` as one word: as it is where that is safe, else in double quotes with escapes.

    Raises:
        Unrenderable: for NUL and lone surrogates, which no file can hold.
    """
    if _PLAIN.fullmatch(text):
        return text
    if "\x00" in text:
        raise Unrenderable("a NUL character cannot be written")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unrenderable("not valid Unicode") from None
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    if " " <= char <= "~":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


def argument(text: str) -> str:
    """Return `text` for use inside the parentheses of a fetch method; `word` must still be applied around it.

    Arguments in parentheses are taken apart a second time (section 2.2, last paragraphs): commas and
    parentheses delimit them, quotes protect, and only a few escapes are known.
    """
    if _PLAIN_ARGUMENT.fullmatch(text):
        return text
    return '"' + "".join(_NAMED.get(char, char) for char in text) + '"'


def literal(text: str) -> str:
    """Return `text` for use where HAProxy takes a log format (section 8.2.6): nothing in it is replaced."""
    return text.replace("%", "%%")


def line(*words: str | int) -> str:
    """Return one line of configuration, each word quoted as needed."""
    return " ".join(word(str(each)) for each in words)
