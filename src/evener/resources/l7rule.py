"""An L7 rule: one thing that must hold of a request for its policy to apply."""

import re
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
    L7RuleKeyMissing,
    L7RuleUnsupportedCompareType,
)
from evener.resources.expressions import refusal
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
FILE_TYPE_COMPARES = frozenset({L7CompareType.REGEX, L7CompareType.EQUAL_TO})


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
        if kind == L7RuleType.FILE_TYPE and compare not in FILE_TYPE_COMPARES:
            raise L7RuleUnsupportedCompareType(f"Unsupported compare type for rule of {kind} type.")
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


def _check_regex(value: str) -> None:
    reason = refusal(value)
    if reason is not None:
        raise L7RuleInvalidRegex(f"Unable to parse regular expression: {reason}.")
