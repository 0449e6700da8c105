"""What can be said of each kind of object, once: its form, its request and its command are made from this.

Data only. A test compares it with the OpenAPI document of the API.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

How = Literal["text", "number", "yes", "choice", "lines", "many", "headers", "pool", "subnet", "secret"]


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute: `name` has a dot where it is part of another; `first` is what stands in a new form.

    `option` is what the command line calls it, where that is not its name; a "yes" has two: on and off.
    """

    name: str
    label: str
    how: How = "text"
    options: Sequence[str] = ()
    first: str = ""
    is_fixed: bool = False  # said when the object is made, and never changed
    is_more: bool = False  # in the part of the form that is folded
    option: str = ""

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return self.option or self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: `name` in bodies, `plural` in addresses; what it is below of has its id in the page's address.

    `api` is the collection in the API. `parent` is the attribute that names what it belongs to; `is_within` says
    that the API's addresses and the commands name that, too.
    """

    name: str
    label: str
    plural: str
    parent: str
    fields: Sequence[Field]
    api: str = ""
    is_within: bool = False
    command: str = ""

    @property
    def collection(self) -> str:
        """Where the API has all of them, with the parent's id to be filled in."""
        return self.api or f"/{self.plural}"

    @property
    def words(self) -> str:
        """What the command line calls it."""
        return self.command or self.name


ENABLED = Field("admin_state_up", "Switched on", "yes", first="true", option="enable disable")
TAGS = Field("tags", "Tags, one a line", "lines", is_more=True, option="tag")
DESCRIPTION = Field("description", "Description", is_more=True)
VERSIONS = ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3")
METHODS = ("", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT")
HEADERS = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")
HEADERS_OF_TLS = (
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
)


def _tls(*, of_listener: bool) -> Sequence[Field]:
    """Return what listeners and pools say of TLS alike."""
    alpn = ("h2", "http/1.1", "http/1.0")
    return (
        Field(
            "tls_versions",
            "Versions of TLS; the usual ones where none is chosen",
            "many",
            VERSIONS,
            is_more=True,
            option="tls-version",
        ),
        Field("tls_ciphers", "Ciphers, in OpenSSL's words", is_more=True),
        Field(
            "alpn_protocols",
            "Spoken inside of TLS" if of_listener else "Spoken inside of TLS with members",
            "many",
            alpn,
            is_more=True,
            option="alpn-protocol",
        ),
    )


LOADBALANCER = Kind(
    "loadbalancer",
    "load balancer",
    "loadbalancers",
    "",
    (
        Field("name", "Name"),
        DESCRIPTION,
        Field("vip_subnet_id", "Subnet of its address", "subnet", is_fixed=True),
        Field("vip_address", "Address; any free one where empty", is_fixed=True),
        ENABLED,
        Field(
            "vip_sg_ids",
            "Security groups of its address, by id, one a line",
            "lines",
            is_more=True,
            option="vip-sg-id",
        ),
        TAGS,
    ),
)
LISTENER = Kind(
    "listener",
    "listener",
    "listeners",
    "loadbalancer_id",
    (
        Field("name", "Name of the listener"),
        Field(
            "protocol",
            "Protocol",
            "choice",
            ("HTTP", "TERMINATED_HTTPS", "TCP", "HTTPS", "PROMETHEUS"),
            "HTTP",
            is_fixed=True,
        ),
        Field("protocol_port", "Port", "number", first="80", is_fixed=True),
        Field("default_tls_container_ref", "Certificate, of TERMINATED_HTTPS", "secret"),
        Field("default_pool_id", "Default pool", "pool", option="default-pool"),
        ENABLED,
        DESCRIPTION,
        Field(
            "allowed_cidrs",
            "Who may connect, as addresses or CIDRs, one a line; all where empty",
            "lines",
            is_more=True,
            option="allowed-cidr",
        ),
        Field("connection_limit", "Most connections at once; -1 is no limit", "number", is_more=True),
        Field(
            "insert_headers",
            "Headers that members are sent",
            "headers",
            (*HEADERS, *HEADERS_OF_TLS),
            is_more=True,
        ),
        Field("timeout_client_data", "Milliseconds that a client may be silent", "number", is_more=True),
        Field(
            "timeout_member_connect",
            "Milliseconds that connecting to a member may take",
            "number",
            is_more=True,
        ),
        Field("timeout_member_data", "Milliseconds that a member may be silent", "number", is_more=True),
        Field("timeout_tcp_inspect", "Milliseconds to wait for more to inspect", "number", is_more=True),
        Field("sni_container_refs", "Further certificates, by reference, one a line", "lines", is_more=True),
        Field(
            "client_authentication",
            "Clients show a certificate",
            "choice",
            ("", "NONE", "OPTIONAL", "MANDATORY"),
            is_more=True,
        ),
        Field("client_ca_tls_container_ref", "Authorities of clients' certificates", "secret", is_more=True),
        Field("client_crl_container_ref", "Clients' certificates that were revoked", "secret", is_more=True),
        *_tls(of_listener=True),
        Field("hsts_max_age", "Seconds that browsers are to use TLS only (HSTS)", "number", is_more=True),
        Field(
            "hsts_include_subdomains",
            "HSTS of all names below, too",
            "yes",
            is_more=True,
            option="hsts-include-subdomains",
        ),
        Field("hsts_preload", "HSTS may be in browsers' lists", "yes", is_more=True, option="hsts-preload"),
        TAGS,
    ),
)
POOL = Kind(
    "pool",
    "pool",
    "pools",
    "loadbalancer_id",
    (
        Field("name", "Name of the pool"),
        Field(
            "protocol",
            "Protocol of the members",
            "choice",
            ("HTTP", "TCP", "HTTPS", "PROXY", "PROXYV2"),
            "HTTP",
            is_fixed=True,
        ),
        Field(
            "lb_algorithm",
            "Method",
            "choice",
            ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"),
            "ROUND_ROBIN",
        ),
        Field(
            "session_persistence.type",
            "A client stays with its member by",
            "choice",
            ("", "SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"),
        ),
        Field("session_persistence.cookie_name", "Name of the cookie, of APP_COOKIE"),
        ENABLED,
        DESCRIPTION,
        Field(
            "tls_enabled",
            "Members are spoken to by TLS",
            "yes",
            is_more=True,
            option="enable-tls disable-tls",
        ),
        Field("ca_tls_container_ref", "Authorities of the members' certificates", "secret", is_more=True),
        Field("crl_container_ref", "Members' certificates that were revoked", "secret", is_more=True),
        Field("tls_container_ref", "Certificate that members are shown", "secret", is_more=True),
        *_tls(of_listener=False),
        TAGS,
    ),
)
MEMBER = Kind(
    "member",
    "member",
    "members",
    "pool_id",
    (
        Field("name", "Name of the member"),
        Field("address", "Address", is_fixed=True),
        Field("protocol_port", "Port", "number", first="80", is_fixed=True),
        Field("subnet_id", "Subnet that it is reached by", "subnet", is_fixed=True),
        Field("weight", "Weight, 0 to 256; with 0 it takes no new clients", "number", first="1"),
        Field("admin_state_up", "Takes requests", "yes", first="true", option="enable disable"),
        Field("backup", "Only while no other works", "yes", option="enable-backup disable-backup"),
        Field("monitor_address", "Another address for health checks", is_more=True),
        Field("monitor_port", "Another port for health checks", "number", is_more=True),
        TAGS,
    ),
    "/pools/{pool_id}/members",
    is_within=True,
)
HEALTHMONITOR = Kind(
    "healthmonitor",
    "monitor",
    "healthmonitors",
    "pool_id",
    (
        Field("name", "Name of the monitor"),
        Field("type", "Type", "choice", ("TCP", "HTTP", "HTTPS", "PING", "TLS-HELLO"), "TCP", is_fixed=True),
        Field("delay", "Seconds between two checks", "number", first="5"),
        Field("timeout", "Seconds a check may take", "number", first="4"),
        Field("max_retries", "Checks until a member is in again", "number", first="3"),
        Field("max_retries_down", "Failures until a member is out", "number", first="3"),
        Field("url_path", "Path that is asked for, of HTTP and HTTPS"),
        Field("expected_codes", "Codes that are well, of HTTP and HTTPS"),
        ENABLED,
        Field("http_method", "Method of the request", "choice", METHODS, is_more=True),
        Field("http_version", "Version of HTTP", "choice", ("", "1.0", "1.1"), is_more=True),
        Field("domain_name", "Host that is asked for, of HTTP 1.1", is_more=True),
        TAGS,
    ),
)
L7POLICY = Kind(
    "l7policy",
    "policy",
    "l7policies",
    "listener_id",
    (
        Field("name", "Name of the policy"),
        Field(
            "action",
            "What it does",
            "choice",
            ("REDIRECT_TO_POOL", "REDIRECT_TO_URL", "REDIRECT_PREFIX", "REJECT"),
            "REDIRECT_TO_POOL",
        ),
        Field("redirect_pool_id", "Pool, of REDIRECT_TO_POOL", "pool", option="redirect-pool"),
        Field("redirect_url", "Address, of REDIRECT_TO_URL"),
        Field("redirect_prefix", "Beginning of the address, of REDIRECT_PREFIX"),
        Field(
            "redirect_http_code", "Code of the redirect", "choice", ("", "301", "302", "303", "307", "308")
        ),
        Field("position", "Position; the last where empty", "number"),
        ENABLED,
        DESCRIPTION,
        TAGS,
    ),
)
RULE = Kind(
    "rule",
    "rule",
    "rules",
    "l7policy_id",
    (
        Field(
            "type",
            "What it looks at",
            "choice",
            (
                "PATH",
                "HOST_NAME",
                "FILE_TYPE",
                "HEADER",
                "COOKIE",
                "SSL_CONN_HAS_CERT",
                "SSL_VERIFY_RESULT",
                "SSL_DN_FIELD",
            ),
            "PATH",
        ),
        Field("key", "Which header, cookie or field"),
        Field(
            "compare_type",
            "How it compares",
            "choice",
            ("STARTS_WITH", "EQUAL_TO", "ENDS_WITH", "CONTAINS", "REGEX"),
            "STARTS_WITH",
        ),
        Field("value", "With what"),
        Field("invert", "The other way round", "yes", option="invert"),
        ENABLED,
        TAGS,
    ),
    "/l7policies/{l7policy_id}/rules",
    is_within=True,
    command="l7rule",
)
KINDS = (LISTENER, POOL, MEMBER, HEALTHMONITOR, L7POLICY, RULE)
