"""A configuration as people may read it: without what gives somebody access. Pure.

It knows lines as `quoting.line` makes them. Certificates and their keys are in files that a configuration only names.
"""

import re

MASK = "***"
_CREDENTIAL = r"[\w.-]*(?:auth|token|secret|passw|passphrase|key|cookie|session|signature|credential)[\w.-]*"
_HIDDEN = (
    # What a rule compares a cookie with, or a header that says who somebody is.
    (
        re.compile(rf'^(\s*acl \S+ "?req\.(?:cook\(|fhdr\({_CREDENTIAL}\)).*? -- ).*$', re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(r"^(\s*dynamic-cookie-key ).*$"), rf"\1{MASK}"),
    # Where somebody is led, or what is asked for: user and password, and arguments that are called like one.
    (re.compile(r"(://)[^/?#\s\"]*@"), rf"\1{MASK}@"),
    (re.compile(rf"([?&;]{_CREDENTIAL}=)[^&;#\s\"]*", re.IGNORECASE), rf"\1{MASK}"),
)


def without_secrets(text: str) -> str:
    """Return a configuration with `MASK` in the place of each secret."""
    return "\n".join(_line(each) for each in text.split("\n"))


def _line(text: str) -> str:
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    return text
