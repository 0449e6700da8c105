"""What users may write, told a second time and independently: attributes, who may set them, good and bad values.

From openstack/neutron-lbaas at rocky-em, `extensions/loadbalancerv2.py`, `sharedpools.py` and
`healthmonitor_max_retries_down.py`. Must not be derived from what it is compared with.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

Values = SearchStrategy[Any]
MAX_INT = 2**31 - 1
STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
NO_STRING: Values = st.sampled_from([1, 1.5, True, [], {}, ["x"], {"x": "y"}])
NO_SCALAR: Values = st.sampled_from([[], {}, [1], {"a": 1}, [[[[]]]]])

# What names may hold: nothing that acts on who reads them.
SEEN = st.characters(
    exclude_categories=["Cs", "Cc", "Zl", "Zp"],
    exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)


@dataclass(frozen=True)
class Spec:
    """An attribute that users set: when, and which values are right and wrong."""

    good: Values
    bad: Values
    required: bool = False
    update: bool = True
    nullable: bool = False

    @property
    def right(self) -> Values:
        return self.good | st.none() if self.nullable else self.good

    @property
    def wrong(self) -> Values:
        return self.bad if self.nullable else self.bad | st.none()


def text(longest: int, shortest: int = 0) -> dict[str, Values]:
    inner = st.text(STORABLE, max_size=20)
    unstorable = st.builds(
        lambda a, b, c: a + b + c, inner, st.sampled_from(["\x00", "\ud800", "\udfff"]), inner
    )
    outside = [unstorable, st.just("x" * (longest + 1)), st.just("ä" * (longest + 1)), NO_STRING]
    if shortest:
        outside.append(st.just(""))
    inside = st.text(SEEN, min_size=shortest, max_size=40) | st.sampled_from(["ä" * longest])
    return {"good": inside, "bad": st.one_of(outside)}


def integer(low: int, high: int) -> dict[str, Values]:
    inside = st.integers(low, high)
    numbers = st.integers(max_value=low - 1) | st.integers(min_value=high + 1) | st.just(10**400)
    words = st.sampled_from(["", "x", "1.5", "1e", "0x10", "--1", "1_0", "٣x", "1\x00", "\ud800"])
    floats = st.sampled_from([low + 0.5, float("inf"), float("nan")])
    return {
        "good": inside | inside.map(str),
        "bad": st.one_of(numbers, numbers.map(str), words, floats, st.booleans(), NO_SCALAR),
    }


def choice(*words: str) -> dict[str, Values]:
    bad = st.text(max_size=20).filter(lambda word: word not in words)
    return {"good": st.sampled_from(words), "bad": bad | NO_STRING | st.just(words[0].lower())}


UUIDS = st.uuids().map(str)
UUID = {
    "good": UUIDS | UUIDS.map(str.upper) | st.uuids().map(lambda value: value.hex),
    "bad": st.one_of(
        NO_STRING,
        st.text(max_size=50).filter(lambda value: len(value.replace("-", "")) != 32),
        UUIDS.map(lambda value: f"{{{value}}}"),
        UUIDS.map(lambda value: f"urn:uuid:{value}"),
        UUIDS.map(lambda value: value[:-1] + "g"),
        UUIDS.map(lambda value: value + "\n"),
    ),
}
IP = {
    "good": st.ip_addresses().map(str),
    "bad": st.one_of(
        NO_STRING,
        st.sampled_from(
            ["", "10.0.0", "10.0.0.256", "10.0.0.0/24", "fe80::1%lo", "010.0.0.1", "::g", "1" * 90]
        ),
        st.ip_addresses().map(lambda value: f" {value}"),
    ),
}
BOOLEAN = {
    "good": st.sampled_from([True, False, "true", "false", "True", "False", "1", "0", 1, 0]),
    "bad": st.sampled_from(["maybe", "", 2, -1, 0.5, [], {}, [True], "\ud800", 10**400, float("nan")]),
}
PERSISTENCE = {
    "good": st.fixed_dictionaries({"type": st.sampled_from(["SOURCE_IP", "HTTP_COOKIE"])})
    | st.fixed_dictionaries(
        {"type": st.just("APP_COOKIE"), "cookie_name": st.text("azAZ09!#$%&'*+-.^_`|~", min_size=1)}
    ),
    "bad": st.one_of(
        st.sampled_from(
            [
                "SOURCE_IP",
                [],
                1,
                {"type": "COOKIE"},
                {"type": None},
                {"cookie_name": "x"},
                {"type": "SOURCE_IP", "x": 1},
                {"type": "SOURCE_IP", "\ud800": 1},
                {"type": {"type": "SOURCE_IP"}},
            ]
        ),
        st.sampled_from(["", "a b", "a\nb", "a;b", 'a"b', "ä", "a\x00", "a,b", "x" * 256, 1, [], "a\n"]).map(
            lambda name: {"type": "APP_COOKIE", "cookie_name": name}
        ),
    ),
}
URL_PATH = {
    "good": st.sampled_from(["/", "/index.html", "/a/b?c=d&e=%20", "/" + "x" * 254, "/~a;b=1,2:@!$'()*+"]),
    "bad": NO_STRING
    | st.sampled_from(["", "x", "/ x", "/\n", "/%", "/%g0", "/#x", '/"', "/ä", "/" + "x" * 255]),
}
CODES = {
    "good": st.sampled_from(["200", "200,201", "200, 201 ,404", "200-299", "500-599", "100"]),
    "bad": NO_STRING
    | st.sampled_from(["", "20", "2000", "200-", "200,", "600", "099", "200\n", "a", "200-299,3"]),
}
REFS = {
    "good": st.lists(st.text(STORABLE, max_size=30), max_size=3),
    "bad": st.sampled_from([1, True, {}, [1], [None], ["x" * 513], ["\x00"], ["\ud800"], [["x"]]]),
}

NAME, PROJECT = Spec(**text(255)), Spec(**text(255, 1), update=False)
UP = Spec(**BOOLEAN)
SECONDS = Spec(**integer(1, MAX_INT // 1000), required=True)
COMMON = {"name": NAME, "project_id": PROJECT, "admin_state_up": UP}
SPECS: dict[type[Resource], dict[str, Spec]] = {
    LoadBalancer: {
        **COMMON,
        "description": NAME,
        "vip_subnet_id": Spec(**UUID, update=False),
        "vip_network_id": Spec(**UUID, update=False, nullable=True),
        "vip_address": Spec(**IP, update=False, nullable=True),
        "provider": Spec(**text(255), update=False),
        "flavor_id": Spec(**text(255), update=False, nullable=True),
    },
    Listener: {
        **COMMON,
        "description": NAME,
        "loadbalancer_id": Spec(**UUID, update=False, nullable=True),
        "default_pool_id": Spec(**UUID, nullable=True),
        "protocol": Spec(**choice("TCP", "HTTP", "HTTPS", "TERMINATED_HTTPS"), required=True, update=False),
        "protocol_port": Spec(**integer(1, 65535), required=True, update=False),
        "connection_limit": Spec(**integer(-1, MAX_INT)),
        "default_tls_container_ref": Spec(**text(512), nullable=True),
        "sni_container_refs": Spec(**REFS, nullable=True),
    },
    Pool: {
        **COMMON,
        "description": NAME,
        "loadbalancer_id": Spec(**UUID, update=False, nullable=True),
        "listener_id": Spec(**UUID, update=False, nullable=True),
        "protocol": Spec(**choice("TCP", "HTTP", "HTTPS"), required=True, update=False),
        "lb_algorithm": Spec(**choice("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"), required=True),
        "session_persistence": Spec(**PERSISTENCE, nullable=True),
    },
    Member: {
        **COMMON,
        "subnet_id": Spec(**UUID, required=True, update=False),
        "address": Spec(**IP, required=True, update=False),
        "protocol_port": Spec(**integer(1, 65535), required=True, update=False),
        "weight": Spec(**integer(0, 256)),
    },
    HealthMonitor: {
        **COMMON,
        "pool_id": Spec(**UUID, required=True, update=False),
        "type": Spec(**choice("PING", "TCP", "HTTP", "HTTPS"), required=True, update=False),
        "delay": SECONDS,
        "timeout": SECONDS,
        "max_retries": Spec(**integer(1, 10), required=True),
        "max_retries_down": Spec(**integer(1, 10), nullable=True),
        "http_method": Spec(
            **choice("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH")
        ),
        "url_path": Spec(**URL_PATH),
        "expected_codes": Spec(**CODES),
    },
}
# What is shown and never set.
READ_ONLY: dict[type[Resource], set[str]] = {
    LoadBalancer: {"id", "vip_port_id", "listeners", "pools", "provisioning_status", "operating_status"},
    Listener: {"id", "loadbalancers", "l7policies"},
    Pool: {"id", "healthmonitor_id", "listeners", "loadbalancers", "members", "l7_policies"},
    Member: {"id"},
    HealthMonitor: {"id", "pools"},
}
# What exists in the tables and is nobody's business.
INTERNAL = {"generation", "created_generation", "deleted_generation", "created_at", "KIND"}
DEFAULTS: dict[type[Resource], dict[str, Any]] = {
    LoadBalancer: {
        "description": "",
        "vip_address": None,
        "vip_network_id": None,
        "provider": "",
        "flavor_id": None,
    },
    Listener: {
        "description": "",
        "loadbalancer_id": None,
        "default_pool_id": None,
        "connection_limit": -1,
        "default_tls_container_ref": None,
        "sni_container_refs": (),
    },
    Pool: {"description": "", "loadbalancer_id": None, "listener_id": None, "session_persistence": None},
    Member: {"weight": 1},
    HealthMonitor: {"max_retries_down": None, "http_method": "GET", "url_path": "/", "expected_codes": "200"},
}


def bodies(cls: type[Resource]) -> Values:
    """Return POST bodies' contents that are right attribute by attribute."""
    specs = SPECS[cls]
    required = {name: spec.right for name, spec in specs.items() if spec.required}
    optional = {name: spec.right for name, spec in specs.items() if not spec.required}
    return st.fixed_dictionaries(required, optional=optional)


JSON: Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
