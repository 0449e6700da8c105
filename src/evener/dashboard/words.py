"""What pages say, in the language of who reads them, and the colours they have it in."""

from contextvars import ContextVar

from evener.dashboard.chinese import CHINESE

LANGUAGES = (("en", "English"), ("zh-Hans", "中文"))
THEMES = (("system", "as the system"), ("light", "light"), ("dark", "dark"))
LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
THEME: ContextVar[str] = ContextVar("theme", default="system")


def say(words: str) -> str:
    """Return words in the reader's language; in English where there are none, such as of an API."""
    return CHINESE.get(words, words) if LANGUAGE.get() == "zh-Hans" else words


def language_of(chosen: str, accepted: str) -> str:
    """Return the language that was chosen, or else the first that a browser accepts and we have."""
    if chosen in dict(LANGUAGES):
        return chosen
    for each in accepted.split(","):
        primary = each.partition(";")[0].strip().lower().partition("-")[0]
        for known, _ in LANGUAGES:
            if primary == known.partition("-")[0]:
                return known
    return "en"


def theme_of(chosen: str) -> str:
    """Return the colours that were chosen, or else the system's."""
    return chosen if chosen in dict(THEMES) else "system"
