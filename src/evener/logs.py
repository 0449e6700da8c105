"""How a line of a log is written: one for each message, whatever is in it, and not a long one."""

import logging
import re
from copy import copy
from weakref import ref

LONGEST = 2048  # characters of a message
LONGEST_TRACE = 16_384  # characters of a message with a traceback
# Control characters, ends of lines of Unicode, and what turns the direction of text or hides.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_BUT_LINES = re.compile(_HARMFUL.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


def escaped(text: str) -> str:
    """Return `text` with everything that is not simply shown as Python writes it in a string."""
    return _HARMFUL.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


class OneLine(logging.Formatter):
    """Formats as another formatter does, with messages escaped and cut; a traceback has lines of its own."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner
        self._last: tuple[ref[logging.LogRecord], str] | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines. A handler that rotates files asks twice for each record."""
        last = self._last
        if last is not None and last[0]() is record:
            return last[1]
        lines = self._lines(record)
        self._last = ref(record), lines
        return lines

    def _lines(self, record: logging.LogRecord) -> str:
        tame = copy(record)
        tame.msg, tame.args = escaped(_cut(record.getMessage(), LONGEST)), ()
        return _BUT_LINES.sub(_named, _cut(self._inner.format(tame), LONGEST_TRACE))


def tame(logger: logging.Logger) -> None:
    """Let all that `logger` has for output write so."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, OneLine):
            handler.setFormatter(OneLine(handler.formatter or logging.Formatter()))
