"""What pages say, in the language of who reads them."""

from contextvars import ContextVar

LANGUAGE: ContextVar[str] = ContextVar("language", default="en")


def say(words: str) -> str:
    """Return words in the reader's language; in English where there are none."""
    return words
