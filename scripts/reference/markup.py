"""How the reference is written: in Markdown that a forge, the site and the builder of manual pages read alike."""

import re
from collections.abc import Iterable, Mapping

MADE = "<!-- Written by scripts/describe; change what it is made of, and run that. -->\n"
# Outside of code, where it would mean something: emphasis, HTML, links, tables.
_MEANING = re.compile(r"(?<![\\`])([*<\[|])")


def plain(text: str) -> str:
    """Return a text on one line, in which nothing but code between backquotes means anything."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", " ".join(text.split()))
    return "".join(
        f"`{part.strip('`')}`" if index % 2 else _MEANING.sub(r"\\\1", part)
        for index, part in enumerate(parts)
    )


def code(text: str) -> str:
    """Return a text as code, whatever is in it."""
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def sentence(text: str) -> str:
    """Return it with a capital at its beginning and a stop at its end."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def definitions(terms: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms, each with what it means below it."""
    return "\n".join(f"{term}\n: {text or '…'}\n" for term, text in terms)


def coded(terms: Mapping[str, str]) -> str:
    """Return a list of terms that are code."""
    return definitions((code(term), sentence(plain(text))) for term, text in terms.items())


def section(title: str, text: str) -> str:
    """Return a section; nothing where it has no text."""
    return f"## {title}\n\n{text.strip()}\n\n" if text.strip() else ""
