"""Graphs for tests of the data plane: by hand, and generated."""

import ipaddress
import random
import string
import uuid

from hypothesis import strategies as st

from evener.api.dialects.octavia_manner import POOL_PROTOCOLS
from evener.resources.graph import Graph, PolicyNode, PoolNode
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import COMPARES, L7Rule
from evener.resources.listener import FORWARDED, Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import (
    HttpMethod,
    L7CompareType,
    L7RuleType,
    LBAlgorithm,
)
from evener.resources.wiring import FixedIP, WiredPort

PROJECT = "project"


def new_id() -> str:
    return str(uuid.uuid4())


def nth(number: int) -> str:
    """An id that says which one it is."""
    return f"00000000-0000-4000-8000-{number:012}"


def loadbalancer(**given):
    return LoadBalancer(**{"id": new_id(), "project_id": PROJECT, "vip_subnet_id": new_id()} | given)


def listener(**given):
    return Listener(
        **{"id": new_id(), "project_id": PROJECT, "protocol": "HTTP", "protocol_port": 80} | given
    )


def pool(**given):
    values = {"id": new_id(), "project_id": PROJECT, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    return Pool(**values | given)


def member(**given):
    values = {"id": new_id(), "project_id": PROJECT, "pool_id": new_id(), "loadbalancer_id": new_id()}
    values |= {"subnet_id": new_id(), "address": "127.0.0.1", "protocol_port": 80}
    return Member(**values | given)


def monitor(**given):
    values = {"id": new_id(), "project_id": PROJECT, "pool_id": new_id(), "loadbalancer_id": new_id()}
    # Who answers is well, however long that takes here; a test in which nobody answers says when that is noticed.
    values |= {"type": "TCP", "delay": 1, "timeout": 20, "max_retries": 1}
    return HealthMonitor(**values | given)


def policy(*rules, **given):
    """A policy with its rules, which may be those of another."""
    values = {"id": new_id(), "project_id": PROJECT, "listener_id": new_id(), "loadbalancer_id": new_id()}
    one = L7Policy(**values | {"action": "REJECT", "position": 1} | given)
    return PolicyNode(policy=one, rules=tuple(rules))


def rule(**given):
    values = {"id": new_id(), "project_id": PROJECT, "l7policy_id": new_id(), "loadbalancer_id": new_id()}
    values |= {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
    return L7Rule(**values | given)


def graph(*, listeners=(), pools=(), l7policies=(), addresses=("127.0.0.1",), generation=1, **given):
    """`pools`: tuples of a pool, its members and its monitor."""
    vip = WiredPort(
        id=new_id(),
        network_id=new_id(),
        mac_address="fa:16:3e:00:00:01",
        fixed_ips=tuple(FixedIP(address=each, prefix_length=24) for each in addresses),
    )
    nodes = tuple(PoolNode(pool=p, members=tuple(m), healthmonitor=h) for p, m, h in pools)
    return Graph(
        generation=generation,
        loadbalancer=given.pop("lb", None) or loadbalancer(**given),
        vip_port=vip,
        listeners=tuple(listeners),
        pools=nodes,
        l7policies=tuple(l7policies),
    )


def spare_pool(number: int):
    """A pool that nothing uses, for `graph`: one more or less costs a reload, and changes no traffic."""
    return pool(id=nth(5000 + number)), (), None


def altered(graph, **update):
    """The graph with other values, and without what it has worked out from those it had."""
    copy = graph.model_copy(update=update)
    copy.__dict__.pop("pools_by_id", None)
    return copy


# -- generated -------------------------------------------------------------------------------------------
# From a seed: hundreds in a second, which strategies composed of strategies do not reach.

BIG = 2**31 - 1
LONGEST_MS = 2_073_600_000
PATH_CHARS = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/?"
COOKIE_CHARS = string.ascii_letters + string.digits + "!#$%&'*+.^_`|~-"
URL_CHARS = string.ascii_letters + string.digits + r"-._~:/?#[]@!$&'()*+,;=%"
VALUE_CHARS = string.printable.rstrip(string.whitespace) + " é☃"
REGEXES = [r"^/(a|b)\.[cd]{2,3}$", r"\d+\s", "a b", '"\'#$,(x{2})"', "}", "-i", "--", r"\\", "é|☃", "%[src]"]
NASTY = "\n\r\t #\"'\\$,(){}a0é☃"


def graphs():
    """A hypothesis strategy of graphs that the API could let through."""
    return st.integers(0, 2**32).map(lambda seed: random_graph(random.Random(seed)))


def random_graph(r: random.Random):
    nodes = [random_pool(r) for _ in range(r.randrange(4))]
    listeners, policies = [], []
    for port in r.sample(range(1, 65536), r.randrange(4)):
        protocol = r.choice(["TCP", "HTTP", "HTTPS"])
        fitting = [each.id for each, _, _ in nodes if each.protocol in POOL_PROTOCOLS[protocol]]
        listeners.append(
            listener(
                id=_id(r),
                name=_text(r),
                protocol=protocol,
                protocol_port=port,
                default_pool_id=r.choice([None, *fitting]),
                connection_limit=r.choice([-1, 1, r.randint(1, BIG), BIG]),
                insert_headers=random_headers(r) if protocol == "HTTP" else None,
                timeout_client_data=random_ms(r),
                timeout_member_data=random_ms(r),
                timeout_member_connect=random_ms(r),
                timeout_tcp_inspect=random_ms(r),
                allowed_cidrs=r.choice([None, tuple(f"{_address(r)}" for _ in range(r.randint(1, 4)))]),
                admin_state_up=r.random() < 0.8,
            )
        )
        if protocol == "HTTP":
            policies += [random_policy(r, listeners[-1].id, n, fitting) for n in range(1, r.randint(1, 6))]
    addresses = {_address(r) for _ in range(r.randint(1, 2))}
    up = r.random() < 0.9
    return graph(
        id=_id(r),
        listeners=listeners,
        pools=nodes,
        l7policies=policies,
        addresses=sorted(addresses),
        admin_state_up=up,
    )


def random_ms(r):
    return r.choice([0, 50_000, 5_000, 1, r.randint(1, LONGEST_MS), LONGEST_MS])


def random_headers(r):
    names = (*FORWARDED, "X-Forwarded-IP", "X-Client-IP", "X-Real-IP")
    return r.choice([None, {}, {name: r.choice(["true", "false"]) for name in r.sample(names, 3)}])


def random_policy(r, listener_id, position, pool_ids):
    actions = ["REJECT", "REDIRECT_TO_URL", "REDIRECT_PREFIX"]
    action = r.choice([*actions, "REDIRECT_TO_POOL"] if pool_ids else actions)
    url = "https://" + _chars(r, URL_CHARS, 1, 240)
    return policy(
        *(random_rule(r) for _ in range(r.choice([0, 1, 2, 3, 90]))),
        id=_id(r),
        listener_id=listener_id,
        position=position,
        action=action,
        redirect_pool_id=r.choice(pool_ids) if action == "REDIRECT_TO_POOL" else None,
        redirect_url=url if action == "REDIRECT_TO_URL" else None,
        redirect_prefix=url if action == "REDIRECT_PREFIX" else None,
        redirect_http_code=r.choice([None, 301, 302, 303, 307, 308]),
        admin_state_up=r.random() < 0.8,
    )


def random_rule(r):
    kind = r.choice(list(L7RuleType))
    compare = r.choice(sorted(COMPARES.get(kind, L7CompareType)))
    value = r.choice([_chars(r, VALUE_CHARS, 1, 255), "--", "-i", "-f", "}", "if", "#"])
    value = {"SSL_CONN_HAS_CERT": "true", "SSL_VERIFY_RESULT": str(r.randrange(99))}.get(kind, value)
    keys = {"SSL_DN_FIELD": r.choice(["CN", "emailAddress", "O"])}
    keys |= dict.fromkeys(("HEADER", "COOKIE"), _chars(r, COOKIE_CHARS, 1, 255))
    return rule(
        id=_id(r),
        type=kind,
        compare_type=compare,
        invert=r.random() < 0.5,
        key=keys.get(kind),
        value=r.choice(REGEXES) if compare == "REGEX" else value,
        admin_state_up=r.random() < 0.8,
    )


def random_pool(r):
    protocol = r.choice(["TCP", "HTTP", "HTTPS", "PROXY", "PROXYV2"])
    persistence = r.choice(["SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"])
    cookie = _chars(r, COOKIE_CHARS, 1, 40) if persistence == "APP_COOKIE" else None
    one = pool(
        id=_id(r),
        name=_text(r),
        description=_text(r),
        protocol=protocol,
        lb_algorithm=r.choice(list(LBAlgorithm)),
        session_persistence=r.choice([None, {"type": persistence, "cookie_name": cookie}]),
        admin_state_up=r.random() < 0.8,
    )
    return one, [random_member(r) for _ in range(r.randrange(5))], r.choice([None, random_monitor(r)])


def random_member(r):
    return member(
        id=_id(r),
        name=_text(r),
        address=_address(r),
        protocol_port=r.randint(1, 65535),
        weight=r.choice([0, 1, r.randint(0, 256), 256]),
        backup=r.random() < 0.3,
        monitor_address=r.choice([None, _address(r)]),
        monitor_port=r.choice([None, r.randint(1, 65535)]),
        admin_state_up=r.random() < 0.7,
    )


def random_monitor(r):
    timeout = r.choice([1, r.randint(1, BIG // 1000)])
    low, high = sorted((r.randint(100, 599), r.randint(100, 599)))
    codes = ", ".join(str(r.randint(100, 599)) for _ in range(r.randint(1, 12)))
    version = r.choice([None, "1.0", "1.1"])
    one = monitor(
        id=_id(r),
        type=r.choice(["PING", "TCP", "HTTP", "HTTPS", "TLS-HELLO"]),
        timeout=timeout,
        delay=r.choice([1, r.randint(1, BIG // 1000)]),
        max_retries=r.randint(1, 10),
        max_retries_down=r.choice([None, r.randint(1, 10)]),
        http_method=r.choice(list(HttpMethod)),
        url_path="/" + _chars(r, PATH_CHARS, 0, 240) + r.choice(["", "%2F%00"]),
        expected_codes=r.choice([codes, f"{low}-{high}"]),
        http_version=version,
        domain_name=_chars(r, string.ascii_letters, 1, 60) + ".example" if version == "1.1" else None,
        admin_state_up=r.random() < 0.8,
    )
    # Of which those of LBaaS are at least 1.
    return one.model_copy(update={name: 0 for name in ("delay", "timeout") if r.random() < 0.1})


def _id(r):
    return str(uuid.UUID(int=r.getrandbits(128)))


def _chars(r, alphabet, low, high):
    return "".join(r.choices(alphabet, k=r.randint(low, high)))


def _text(r):
    return _chars(r, NASTY, 0, 20)


def _address(r):
    if r.random() < 0.5:
        return str(ipaddress.IPv4Address(r.getrandbits(32)))
    return str(ipaddress.IPv6Address(r.getrandbits(128)))
