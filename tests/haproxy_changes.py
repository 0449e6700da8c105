"""One change of each kind that the API allows, and what design/changes.md says that it costs."""

import re
from pathlib import Path

import haproxy_graphs as g
from evener.resources.describe import Attr, descriptors
from evener.resources.graph import Graph, PoolNode, TlsCertificate
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool, SessionPersistence
from evener.resources.types import (
    AlpnProtocol,
    ClientAuthentication,
    HttpMethod,
    L7Action,
    L7CompareType,
    L7RuleType,
    LBAlgorithm,
    TlsVersion,
)

KINDS = (LoadBalancer, Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule)
DOCUMENT = Path(__file__).parents[1] / "design" / "changes.md"
FRONT, OTHER, POOL, POOL2 = (g.nth(n) for n in range(1, 5))


def costs() -> dict[str, str]:
    """The step for each attribute, and for what is more or less, as the document says."""
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return {name.strip(" `"): step for names, step in rows for name in re.split(r"`, `", names)}


def base() -> Graph:
    rule = g.rule(id=g.nth(20), type="HEADER", key="x", compare_type="EQUAL_TO", value="y")
    policies = [
        g.policy(
            rule,
            id=g.nth(21),
            listener_id=FRONT,
            action="REDIRECT_TO_POOL",
            redirect_pool_id=POOL,
            redirect_url="http://a/",
        ),
        g.policy(
            g.rule(id=g.nth(22)),
            id=g.nth(23),
            listener_id=FRONT,
            action="REDIRECT_TO_URL",
            redirect_url="http://a/",
            position=2,
        ),
        g.policy(
            g.rule(id=g.nth(24)),
            id=g.nth(25),
            listener_id=FRONT,
            action="REDIRECT_PREFIX",
            redirect_prefix="http://a",
            redirect_http_code=302,
            position=3,
        ),
    ]
    monitor = g.monitor(
        id=g.nth(30),
        type="HTTP",
        delay=5,
        timeout=2,
        max_retries=2,
        max_retries_down=3,
        http_version="1.1",
    )
    front = g.listener(
        id=FRONT,
        protocol="TERMINATED_HTTPS",
        default_pool_id=POOL,
        default_tls_container_ref="a",
        sni_container_refs=("b",),
        hsts_max_age=30,
    )
    asking = g.listener(
        id=OTHER,
        protocol="TERMINATED_HTTPS",
        protocol_port=444,
        default_tls_container_ref="a",
        client_authentication="MANDATORY",
        client_ca_tls_container_ref="ca",
        client_crl_container_ref="crl",
    )
    tls = {"tls_enabled": True, "tls_container_ref": "a"}
    tls |= {"ca_tls_container_ref": "ca", "crl_container_ref": "crl"}
    graph = g.graph(
        id=g.nth(40),
        listeners=[front, asking],
        pools=[
            (g.pool(id=POOL, **tls), [g.member(id=g.nth(10)), g.member(id=g.nth(11))], monitor),
            (g.pool(id=POOL2), [], None),
        ],
        l7policies=policies,
    )
    certificates = {ref: TlsCertificate(bundle=ref, fingerprint=ref * 64) for ref in "abc"}
    authorities, revoked = {"ca": "1", "ca2": "2"}, {"crl": "3", "crl2": "4"}
    return g.altered(graph, certificates=certificates, authorities=authorities, revoked=revoked)


# Another value of each attribute than `base` has.
OTHERS = {
    "name": "another",
    "tags": ("another",),
    "description": "another",
    "admin_state_up": False,
    "default_pool_id": POOL2,
    "connection_limit": 5,
    "default_tls_container_ref": "c",
    "sni_container_refs": ("b", "c"),
    "lb_algorithm": LBAlgorithm.SOURCE_IP,
    "session_persistence": SessionPersistence(type="SOURCE_IP"),
    "weight": 7,
    "delay": 9,
    "timeout": 3,
    "max_retries": 4,
    "max_retries_down": 4,
    "http_method": HttpMethod.HEAD,
    "url_path": "/up",
    "expected_codes": "204",
    "action": L7Action.REJECT,
    "redirect_pool_id": POOL2,
    "redirect_url": "http://b/",
    "position": 9,
    "type": L7RuleType.COOKIE,
    "compare_type": L7CompareType.CONTAINS,
    "key": "z",
    "value": "z",
    "invert": True,
    "topology": "ACTIVE_STANDBY",  # alone; the pair that comes with it is another port
    "vip_sg_ids": (g.nth(90),),
    "vip_qos_policy_id": g.nth(91),
    "insert_headers": {"X-Forwarded-Port": "true"},
    "allowed_cidrs": ("10.0.0.0/8",),
    "timeout_client_data": 7000,
    "timeout_member_data": 7000,
    "timeout_member_connect": 7000,
    "timeout_tcp_inspect": 7000,
    "client_authentication": ClientAuthentication.OPTIONAL,
    "client_ca_tls_container_ref": "ca2",
    "client_crl_container_ref": "crl2",
    "tls_ciphers": "ECDHE-RSA-AES128-GCM-SHA256",
    "tls_versions": (TlsVersion.TLSv1_3,),
    "alpn_protocols": (AlpnProtocol.HTTP_1_1,),
    "hsts_max_age": 60,
    "hsts_include_subdomains": True,
    "hsts_preload": True,
    "tls_enabled": False,
    "tls_container_ref": "c",
    "ca_tls_container_ref": "ca2",
    "crl_container_ref": "crl2",
    "backup": True,
    "monitor_address": "10.0.0.9",
    "monitor_port": 81,
    "http_version": "1.0",
    "domain_name": "web.example",
    "redirect_prefix": "http://b",
    "redirect_http_code": 301,
}


# Which policy of `base` uses an attribute, where it is not the first.
POLICY_WITH = {"redirect_url": 1, "redirect_prefix": 2, "redirect_http_code": 2}


def changed(graph: Graph, kind: str, attribute: str) -> Graph:
    """The graph with another value of `attribute` of an object of `kind` that uses it."""
    update = {attribute: OTHERS[attribute]}

    def other(values, number=0):
        return tuple(each.model_copy(update=update) if n == number else each for n, each in enumerate(values))

    nodes, policies = graph.pools, graph.l7policies
    first, which = nodes[0], POLICY_WITH.get(attribute, 0)
    policy = policies[which]
    match kind:
        case "loadbalancer":
            return g.altered(graph, loadbalancer=graph.loadbalancer.model_copy(update=update))
        case "listener":
            return g.altered(graph, listeners=other(graph.listeners, int(attribute.startswith("client_"))))
        case "pool":
            node = first.model_copy(update={"pool": first.pool.model_copy(update=update)})
        case "member":
            node = first.model_copy(update={"members": other(first.members)})
        case "healthmonitor":
            node = first.model_copy(update={"healthmonitor": first.healthmonitor.model_copy(update=update)})
        case _:
            part = (
                {"policy": policy.policy.model_copy(update=update)}
                if kind == "l7policy"
                else {"rules": other(policy.rules)}
            )
            replaced = [policy.model_copy(update=part) if n == which else p for n, p in enumerate(policies)]
            return g.altered(graph, l7policies=tuple(replaced))
    return g.altered(graph, pools=(node, *nodes[1:]))


def changeable() -> set[str]:
    return {
        f"{cls.KIND}.{name}"
        for cls in KINDS
        for name, (_, mark) in descriptors(cls).items()
        if isinstance(mark, Attr) and mark.update
    }


# What a new member may have besides an address and a port.
MEMBERS = (
    {"backup": True},
    {"monitor_address": "10.0.0.9"},
    {"monitor_port": 81},
    {"monitor_address": "2001:db8::9", "monitor_port": 81, "backup": True, "weight": 0},
    {"address": "2001:db8::1", "monitor_address": "10.0.0.9"},
    {"admin_state_up": False, "backup": True},
)


def _with_member(node: PoolNode, **given) -> PoolNode:
    return node.model_copy(update={"members": (*node.members, g.member(id=g.nth(12), **given))})


def more_or_less(one: Graph) -> dict[str, list[Graph]]:
    """Graphs that have something more than `one`, or less, by what the document calls that."""
    first = one.pools[0]
    updates = {
        "a member more or less": [
            {"pools": (first.model_copy(update={"members": first.members[:1]}), one.pools[1])},
            *({"pools": (_with_member(first, **given), one.pools[1])} for given in MEMBERS),
        ],
        "any other object more or less": [
            {"listeners": one.listeners[:1]},
            {"pools": (first,)},
            {"pools": (first, one.pools[1], PoolNode(pool=g.pool()))},
            {"pools": (first.model_copy(update={"healthmonitor": None}), one.pools[1])},
            {"l7policies": one.l7policies[:1]},
            {"l7policies": (one.l7policies[0].model_copy(update={"rules": ()}), one.l7policies[1])},
        ],
        "the first listener, the last one gone": [{"listeners": ()}],
    }
    return {name: [g.altered(one, **update) for update in each] for name, each in updates.items()}
