"""An L7 rule: one thing that must hold of a request for its policy to apply."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from evener.resources.describe import (
    CHANGEABLE,
    ONCE,
    UNLIMITED,
    Attr,
    KeptMoment,
    Operating,
    Parent,
    Provisioning,
    Resource,
)
from evener.resources.errors import (
    L7RuleInvalidCookieValue,
    L7RuleInvalidKey,
    L7RuleInvalidRegex,
    L7RuleInvalidValue,
    L7RuleKeyMissing,
    L7RuleUnsupportedCompareType,
)
from evener.resources.expressions import refusal
from evener.resources.tags import Tags
from evener.resources.types import L7CompareType, L7RuleType, ProjectId, Text, Uuid

# Visible characters and spaces: what a header's value, a path or a host name may hold (RFC 9110 section 5.5).
Value = Annotated[
    str,
    Text(
        255,
        min_length=1,
        pattern=r"^[\x20-\x7e\u00a0-\uffff]+$",
        what="of visible characters and spaces only",
    ),
]
# A header's or cookie's name is a token: RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[a-zA-Z0-9!#$%&'*+.^_`|~-]+")
# RFC 6265 section 4.1.1: cookie-octet.
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
NAMED = frozenset({L7RuleType.HEADER, L7RuleType.COOKIE})
# How some types compare; all others do in every way.
COMPARES: Mapping[str, frozenset[str]] = {
    L7RuleType.FILE_TYPE: frozenset({L7CompareType.REGEX, L7CompareType.EQUAL_TO}),
    L7RuleType.SSL_CONN_HAS_CERT: frozenset({L7CompareType.EQUAL_TO}),
    L7RuleType.SSL_VERIFY_RESULT: frozenset({L7CompareType.EQUAL_TO}),
}
CERTIFICATE = frozenset({L7RuleType.SSL_CONN_HAS_CERT, L7RuleType.SSL_VERIFY_RESULT, L7RuleType.SSL_DN_FIELD})
# The short name of an attribute of a distinguished name, as OpenSSL has it.
_DN_FIELD = re.compile(r"[a-zA-Z][A-Za-z0-9-]*")
_RESULT = re.compile(r"[0-9]{1,9}")


class L7Rule(Resource):
    """The attributes of Neutron-LBaaS's `extensions/l7.py` (rocky). `key` names the header or cookie."""

    KIND: ClassVar[str] = "rule"
    PLURAL: ClassVar[str] = "rules"
    TABLE: ClassVar[str] = "l7rules"
    LABEL: ClassVar[str] = "l7rule"
    LIMIT: ClassVar[int | None] = UNLIMITED
    QUOTA: ClassVar[str] = "l7rule"
    PARENT: ClassVar[str | None] = "l7policy_id"

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    l7policy_id: Annotated[Uuid, Attr(visible=False, references="l7policies")]
    loadbalancer_id: Annotated[Uuid, Attr(visible=False, references="loadbalancers")]
    type: Annotated[L7RuleType, CHANGEABLE]
    """What part of a request is compared."""
    compare_type: Annotated[L7CompareType, CHANGEABLE]
    """How it is compared."""
    invert: Annotated[bool, CHANGEABLE] = False
    """Whether it matches what does not compare."""
    key: Annotated[Annotated[str, Text(255)] | None, Attr(create=True, update=True, nullable=True)] = None
    """Name of the header or cookie, for HEADER and COOKIE."""
    value: Annotated[Value, CHANGEABLE]
    """What it is compared with."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    policies: Annotated[tuple[str, ...], Parent("l7policy_id")] = ()

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """Check key and value by type, and that a regular expression is one."""
        kind, compare = values["type"], values["compare_type"]
        if kind in NAMED:
            _check_key(values["key"])
        if compare not in COMPARES.get(kind, L7CompareType):
            raise L7RuleUnsupportedCompareType(f"Unsupported compare type for rule of {kind} type.")
        if kind in CERTIFICATE:
            _check_certificate(kind, values["key"], values["value"])
        if compare == L7CompareType.REGEX:
            _check_regex(values["value"])
        elif kind == L7RuleType.COOKIE and not _COOKIE_VALUE.fullmatch(values["value"]):
            raise L7RuleInvalidCookieValue("Invalid characters in value. See RFCs 2616, 2965, 6265.")


def _check_key(key: str | None) -> None:
    if not key:
        raise L7RuleKeyMissing(
            "Rule key is missing. Key should be specified for rules of HEADER and COOKIE types.",
        )
    if not _TOKEN.fullmatch(key):
        raise L7RuleInvalidKey("Invalid characters in key. See RFCs 2616, 2965, 6265, 7230.")


def _check_certificate(kind: str, key: str | None, value: str) -> None:
    """Check a rule about a client's certificate."""
    if kind == L7RuleType.SSL_DN_FIELD:
        if not key or not _DN_FIELD.fullmatch(key):
            raise L7RuleInvalidKey(
                "The key of a rule of SSL_DN_FIELD type is the name of a field, such as CN."
            )
        return
    if key:
        raise L7RuleInvalidKey(f"A rule of {kind} type has no key.")
    if kind == L7RuleType.SSL_CONN_HAS_CERT and value.lower() != "true":
        raise L7RuleInvalidValue(f"The value of a rule of {kind} type is true.")
    if kind == L7RuleType.SSL_VERIFY_RESULT and not _RESULT.fullmatch(value):
        raise L7RuleInvalidValue(f"The value of a rule of {kind} type is a number.")


def _check_regex(value: str) -> None:
    reason = refusal(value)
    if reason is not None:
        raise L7RuleInvalidRegex(f"Unable to parse regular expression: {reason}.")
