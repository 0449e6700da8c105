"""Pages as text. What a name holds is never markup: all values are escaped."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from evener.dashboard.asked import MOUNT
from evener.dashboard.rates import in_words
from evener.dashboard.sessions import Session
from evener.dashboard.words import LANGUAGE, LANGUAGES, THEME, THEMES, say

HERE = Path(__file__).parent
VERSION = hashlib.sha256(
    b"".join(sorted(each.read_bytes() for each in (HERE / "static").iterdir()))
).hexdigest()[:12]
_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.globals |= {
    "mount": MOUNT,
    "version": VERSION,
    "_": say,
    "zip": zip,
    "in_words": in_words,
    "language": LANGUAGE.get,
    "languages": LANGUAGES,
    "theme": THEME.get,
    "themes": THEMES,
}


def load_all() -> None:
    """Read all templates now, rather than when they are first needed."""
    for name in _environment.list_templates():
        _environment.get_template(name)


def render(template: str, session: Session | None, values: Mapping[str, Any], query_string: str = "") -> str:
    """Return a page, or a part of one, as a user may see it."""
    may_change = session is not None and session.login.may_change
    known = {"session": session, "may_change": may_change, "query_string": query_string}
    return _environment.get_template(template).render(known | dict(values))
