"""The value types that attributes are made of: what a user may write, and how it is normalised.

Every string type refuses what no database or configuration file can hold: NUL and lone surrogates.
"""

import ipaddress
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Ge, GroupedMetadata, Le
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

MAX_INT = 2**31 - 1  # the largest integer of a database column


def is_storable(value: str) -> bool:
    """Return whether every database can hold `value`."""
    try:
        return "\x00" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def validate_uuid(value: str) -> str:
    """Return a UUID in its usual form.

    Raises:
        ValueError: for anything else.
    """
    try:
        parsed = str(uuid.UUID(value))
    except (ValueError, AttributeError):
        raise ValueError("is not a valid UUID") from None
    if value.lower() not in (parsed, parsed.replace("-", "")):
        raise ValueError("is not a valid UUID")
    return parsed


def _ip(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("is not a valid IP address") from None
    if getattr(address, "scope_id", None):
        raise ValueError("is not a valid IP address: a zone is not allowed")
    return str(address)


def _cidr(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not a valid IP subnet") from None
    if "/" not in value:
        raise ValueError("is not a valid IP subnet: the prefix length is missing")
    return str(network)


_INTEGER = re.compile("-?[0-9]{1,40}")  # "1_0", digits of other scripts and "1.0" are Python's own ideas


def integer(value: str) -> int:
    """Return the number that a text is, in ASCII digits.

    Raises:
        ValueError: when it is none.
    """
    if not _INTEGER.fullmatch(value):
        raise ValueError("is not an integer")
    return int(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return integer(str(value))  # which it is not
    return integer(value) if isinstance(value, str) else value


class Characters(StrEnum):
    """What a text that people write may hold besides what they see; asked of new values, not of stored ones."""

    ANY = "any"
    LINES = "lines"  # ends of lines and tabs
    ONE_LINE = "one line"


# What else acts on a reader's screen, or on what splits lines, than the letters that it shows: control characters,
# separators of lines, and what turns the direction of all that follows. Marks for one letter (U+200E, U+200F, U+061C),
# which Hebrew and Arabic names need, and joiners are none of these.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
PATTERNS: dict[str, str] = {}  # what a pattern asks for, in words


def unfit(value: str, characters: Characters) -> str | None:
    """Return what is wrong with the characters of `value`, or None."""
    if characters is Characters.ANY:
        return None
    found = (_CONTROL if characters is Characters.ONE_LINE else _CONTROL_BUT_LINES).search(value)
    return found and f"must not contain control characters: U+{ord(found[0]):04X} is one"


def one_line(value: str) -> str:
    """Return a name without anything that acts on who reads it.

    Raises:
        ValueError: naming the character.
    """
    return _fit(value, Characters.ONE_LINE)


def lines(value: str) -> str:
    """Return a description, which may have several lines, without anything else that acts on who reads it.

    Raises:
        ValueError: naming the character.
    """
    return _fit(value, Characters.LINES)


def _fit(value: str, characters: Characters) -> str:
    reason = unfit(value, characters)
    if reason is not None:
        raise ValueError(reason)
    return value


@dataclass(frozen=True, slots=True)
class Text(GroupedMetadata):
    """A string of `min_length` to `max_length` characters that any database can store; `what` a `pattern` asks for."""

    max_length: int
    min_length: int = 0
    pattern: str | None = None
    what: str | None = None
    characters: Characters = Characters.ANY

    def __post_init__(self) -> None:
        """Keep the words for what a pattern asks for."""
        if self.pattern is not None and self.what is not None:
            PATTERNS[self.pattern] = self.what

    def __iter__(self) -> Iterator[object]:
        yield StringConstraints(
            max_length=self.max_length, min_length=self.min_length, pattern=self.pattern, strict=True
        )
        yield AfterValidator(_storable)


@dataclass(frozen=True, slots=True)
class Between(GroupedMetadata):
    """An integer, or its decimal string, from `low` to `high`."""

    low: int
    high: int

    def __iter__(self) -> Iterator[object]:
        yield Ge(self.low)
        yield Le(self.high)
        yield BeforeValidator(_number)


Name = Annotated[str, Text(255, characters=Characters.ONE_LINE)]
Description = Annotated[str, Text(255, characters=Characters.LINES)]
LongDescription = Annotated[str, Text(1024, characters=Characters.LINES)]
ProjectId = Annotated[str, Text(255, min_length=1)]
ContainerRef = Annotated[str, Text(512)]
Uuid = Annotated[
    str, Text(36), AfterValidator(validate_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
IPAddress = Annotated[
    str,
    Text(64),
    AfterValidator(_ip),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Cidr = Annotated[
    str,
    Text(64),
    AfterValidator(_cidr),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$"}),
]
# As OpenSSL names them, with colons between.
Ciphers = Annotated[
    str,
    Text(
        2048,
        min_length=1,
        pattern=r"^[A-Za-z0-9\-+!:@=_.]+$",
        what="a list of OpenSSL's names of ciphers with colons between",
    ),
]


def _block(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not a valid IP address or subnet") from None
    return str(network)


# A block of addresses; a single one is a block too.
Block = Annotated[
    str,
    Text(64),
    AfterValidator(_block),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"}),
]
MacAddress = Annotated[
    str,
    Text(
        17, pattern="^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", what="a MAC address such as fa:16:3e:00:00:01"
    ),
    AfterValidator(str.lower),
]
PortNumber = Annotated[int, Between(1, 65535)]
# In UTC, without a zone; clients are shown "2018-01-31 10:00:00".
Moment = Annotated[datetime, WithJsonSchema({"type": "string"})]


class LBAlgorithm(StrEnum):
    """How a pool chooses a member."""

    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_CONNECTIONS = "LEAST_CONNECTIONS"
    SOURCE_IP = "SOURCE_IP"
    SOURCE_IP_PORT = "SOURCE_IP_PORT"


class ListenerProtocol(StrEnum):
    """What a listener speaks with clients."""

    TCP = "TCP"
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TERMINATED_HTTPS = "TERMINATED_HTTPS"
    UDP = "UDP"
    SCTP = "SCTP"
    PROMETHEUS = "PROMETHEUS"


class PoolProtocol(StrEnum):
    """What a pool speaks with members."""

    TCP = "TCP"
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    PROXY = "PROXY"
    PROXYV2 = "PROXYV2"
    UDP = "UDP"
    SCTP = "SCTP"


class MonitorType(StrEnum):
    """How a health monitor asks a member."""

    PING = "PING"
    TCP = "TCP"
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TLS_HELLO = "TLS-HELLO"
    UDP_CONNECT = "UDP-CONNECT"
    SCTP = "SCTP"


class HttpMethod(StrEnum):
    """The request method of an HTTP or HTTPS monitor."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    TRACE = "TRACE"
    OPTIONS = "OPTIONS"
    CONNECT = "CONNECT"
    PATCH = "PATCH"


class PersistenceType(StrEnum):
    """What ties a client to a member."""

    SOURCE_IP = "SOURCE_IP"
    HTTP_COOKIE = "HTTP_COOKIE"
    APP_COOKIE = "APP_COOKIE"


class ClientAuthentication(StrEnum):
    """Whether clients show a certificate."""

    NONE = "NONE"
    OPTIONAL = "OPTIONAL"
    MANDATORY = "MANDATORY"


class TlsVersion(StrEnum):
    """A version of TLS, and the one before them."""

    SSLv3 = "SSLv3"
    TLSv1 = "TLSv1"
    TLSv1_1 = "TLSv1.1"
    TLSv1_2 = "TLSv1.2"
    TLSv1_3 = "TLSv1.3"


class AlpnProtocol(StrEnum):
    """What may be spoken inside of TLS."""

    H2 = "h2"
    HTTP_1_1 = "http/1.1"
    HTTP_1_0 = "http/1.0"


class L7Action(StrEnum):
    """What an L7 policy does with a request."""

    REDIRECT_TO_POOL = "REDIRECT_TO_POOL"
    REDIRECT_TO_URL = "REDIRECT_TO_URL"
    REDIRECT_PREFIX = "REDIRECT_PREFIX"
    REJECT = "REJECT"


class L7RuleType(StrEnum):
    """What part of a request an L7 rule looks at."""

    HOST_NAME = "HOST_NAME"
    PATH = "PATH"
    FILE_TYPE = "FILE_TYPE"
    HEADER = "HEADER"
    COOKIE = "COOKIE"
    SSL_CONN_HAS_CERT = "SSL_CONN_HAS_CERT"
    SSL_VERIFY_RESULT = "SSL_VERIFY_RESULT"
    SSL_DN_FIELD = "SSL_DN_FIELD"


class L7CompareType(StrEnum):
    """How an L7 rule compares."""

    REGEX = "REGEX"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"
    EQUAL_TO = "EQUAL_TO"


class Role(StrEnum):
    """What an agent is among those that serve a load balancer."""

    STANDALONE = "STANDALONE"
    MASTER = "MASTER"
    BACKUP = "BACKUP"


class Topology(StrEnum):
    """How many agents serve a load balancer: one, or two that have its addresses in turn."""

    SINGLE = "SINGLE"
    ACTIVE_STANDBY = "ACTIVE_STANDBY"


class ProvisioningStatus(StrEnum):
    """How far the agents are with what the API was told."""

    ACTIVE = "ACTIVE"
    PENDING_CREATE = "PENDING_CREATE"
    PENDING_UPDATE = "PENDING_UPDATE"
    PENDING_DELETE = "PENDING_DELETE"
    ERROR = "ERROR"


class OperatingStatus(StrEnum):
    """How traffic fares."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    DEGRADED = "DEGRADED"
    DISABLED = "DISABLED"
    NO_MONITOR = "NO_MONITOR"
    DRAINING = "DRAINING"
    ERROR = "ERROR"
