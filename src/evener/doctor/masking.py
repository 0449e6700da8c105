"""Takes secrets out of text: what is known here to be one, and what looks like one. Pure."""

import re
from collections.abc import Iterable

MASK = "***"
SHORTEST = 6  # characters of a secret that is looked for: shorter ones are words
_NAME = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret(?!s\b)|token|auth_key|private_key|api_key|auth_pass)[\w.-]*"
)
_LOOKS = (
    # Keys in PEM, also within JSON, where their lines end with \n in letters.
    (re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL), MASK),
    # The end of one whose beginning was cut off.
    (re.compile(r"\A(?:[A-Za-z0-9+/=]{40,}\s+)+-----END [A-Z0-9 ]*PRIVATE KEY-----"), MASK),
    (re.compile(r"(\w[\w+.-]*://[^\s:/@]*):[^\s@/]+@"), rf"\1:{MASK}@"),
    (re.compile(r"\bgAAAA[\w-]{20,}={0,2}"), MASK),  # Fernet: tokens, and what is sealed
    (
        re.compile(r"(X-(?:Auth|Subject|Service)-Token['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (
        re.compile(r"((?:Authorization|Cookie|Set-Cookie)['\"]?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"(\b{_NAME}['\"]?\s*[:=]\s*)(?!\d+\b|True\b|False\b)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}}]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(rf"^(\s*{_NAME}[ \t]+)\S+\s*$", re.IGNORECASE | re.MULTILINE), rf"\1{MASK}"),
)


def masked(text: str, known: Iterable[str]) -> str:
    """Return `text` without the secrets that are `known`, and without what looks like one."""
    for secret in sorted((each for each in known if len(each) >= SHORTEST), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern, instead in _LOOKS:
        text = pattern.sub(instead, text)
    return text
