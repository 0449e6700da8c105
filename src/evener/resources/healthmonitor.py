"""A health monitor: how and how often the members of a pool are asked whether they are well."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

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
    Sometimes,
)
from evener.resources.errors import InvalidInput
from evener.resources.tags import Tags
from evener.resources.types import MAX_INT, Between, HttpMethod, MonitorType, Name, ProjectId, Text, Uuid

# RFC 3986 section 3.3: path-absolute, and a query, of unreserved, sub-delims, ":", "@" and escapes.
UrlPath = Annotated[
    str,
    Text(
        255,
        pattern=r"^/(?:[a-zA-Z0-9\-._~!$&'()*+,;=:@/?]|%[a-fA-F0-9]{2})*$",
        what="a path that begins with / (RFC 3986)",
    ),
]
# One code, a list of codes, or a range.
_CODE = "[1-5][0-9]{2}"
ExpectedCodes = Annotated[
    str,
    Text(
        64,
        pattern=rf"^(?:{_CODE}(?: *, *{_CODE})*|{_CODE}-{_CODE})$",
        what="a status code, a list such as 200,204 or a range such as 200-299",
    ),
]
HttpVersion = Annotated[
    str,
    Text(3, pattern=r"^1\.[01]$", what="1.0 or 1.1"),
    BeforeValidator(
        lambda value: f"{value:.1f}" if type(value) in (int, float) and value in (1, 1.1) else value
    ),
]
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 1123 section 2.1.
DomainName = Annotated[
    str, Text(255, min_length=1, pattern=rf"^(?:{_LABEL}\.)*{_LABEL}\.?$", what="a host name (RFC 1123)")
]
Retries = Annotated[int, Between(1, 10)]
Seconds = Annotated[int, Between(0, MAX_INT // 1000)]
HTTP_TYPES = frozenset({MonitorType.HTTP, MonitorType.HTTPS})
ONLY_HTTP = frozenset({"http_method", "url_path", "expected_codes", "http_version", "domain_name"})


class HealthMonitor(Resource):
    """The attributes of Neutron-LBaaS's `loadbalancerv2.py` and `healthmonitor_max_retries_down.py` (rocky).

    `delay` and `timeout` are seconds. `max_retries_down` is None where the user did not give it: then
    `max_retries` failed checks take a member out, as the LBaaS handbook says, and one good check brings it
    back. Where it is given, it is the number of failures, and `max_retries` the number of successes.
    """

    KIND: ClassVar[str] = "healthmonitor"
    PLURAL: ClassVar[str] = "healthmonitors"
    LIMIT: ClassVar[int | None] = UNLIMITED
    LABEL: ClassVar[str] = "Health Monitor"
    # A TCP or PING monitor makes no HTTP request.
    SOMETIMES: ClassVar[Sometimes] = Sometimes(ONLY_HTTP, "type", HTTP_TYPES)

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    pool_id: Annotated[Uuid, Attr(create=True, visible=False, references="pools")]
    """The pool whose members are checked."""
    loadbalancer_id: Annotated[Uuid, Attr(visible=False, references="loadbalancers")]
    type: Annotated[MonitorType, ONCE]
    """How members are checked."""
    delay: Annotated[Seconds, CHANGEABLE]
    """Seconds between two checks of a member."""
    timeout: Annotated[Seconds, CHANGEABLE]
    """Seconds a check may take."""
    max_retries: Annotated[Retries, CHANGEABLE]
    """Failed checks in a row that take a member out, 1 to 10."""
    max_retries_down: Annotated[
        Retries | None,
        Attr(create=True, update=True, nullable=True, shown_as="fall", or_else="max_retries"),
    ] = None
    """Failed checks in a row that take a member out, 1 to 10, where max_retries is to count only the good
    checks that bring it back.
    """
    http_method: Annotated[HttpMethod, CHANGEABLE] = HttpMethod.GET
    """Method of the request, for HTTP and HTTPS."""
    url_path: Annotated[UrlPath, CHANGEABLE] = "/"
    """Path of the request, beginning with a slash, for HTTP and HTTPS."""
    expected_codes: Annotated[ExpectedCodes, CHANGEABLE] = "200"
    """Status codes of a healthy member: one (200), a list (200,202) or a range (200-299); 200 where not given."""
    http_version: Annotated[HttpVersion | None, Attr(create=True, update=True, nullable=True)] = None
    """Version of HTTP of the request, 1.0 or 1.1."""
    domain_name: Annotated[DomainName | None, Attr(create=True, update=True, nullable=True)] = None
    """Host name that the request is for."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    pools: Annotated[tuple[str, ...], Parent("pool_id")] = ()

    @property
    def fall(self) -> int:
        """Number of failed checks in a row that take a member out."""
        return self.max_retries if self.max_retries_down is None else self.max_retries_down

    @property
    def rise(self) -> int:
        """Number of good checks in a row that bring a member back."""
        return 1 if self.max_retries_down is None else self.max_retries

    @property
    def delay_s(self) -> int:
        """Seconds between two checks of a member: of 0, the least that there is."""
        return max(self.delay, 1)

    @property
    def timeout_s(self) -> int:
        """Seconds a check may take: of 0, the least that there is."""
        return max(self.timeout, 1)

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """A range of codes does not run backwards. `timeout` may be above `delay`: see design/traffic.md."""
        low, dash, high = values["expected_codes"].partition("-")
        if dash and int(low) > int(high):
            raise InvalidInput(
                f"Invalid input for expected_codes. Reason: the range '{low}-{high}' runs backwards."
            )
