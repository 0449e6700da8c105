"""What is given by Octavia's API comes back exactly so, in the answers to POST, PUT and GET; the same again is nothing.

Clients that compare what they want with what they see (cloud-provider-openstack, Terraform) change it for ever where
a value comes back in another form. Attributes of TLS have certificates to name, and their own tests.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from api_cloud import Cloud, Tree

Json = dict[str, Any]
TIMES = 25
LATEST = 2_073_600_000  # milliseconds
WORDS = ("", "web", "ä ö", "x" * 255, "a  b", "日本", "<b>&'\"")


def a_name(r: random.Random) -> str:
    return r.choice(WORDS)


def milliseconds(r: random.Random) -> int:
    return r.choice([0, 1, 50_000, LATEST, r.randint(0, LATEST)])


def block(r: random.Random) -> str:
    return r.choice(["0.0.0.0/0", "10.0.0.0/8", "192.0.2.7/32", f"10.{r.randrange(256)}.0.0/16"])


def headers(r: random.Random) -> Json:
    names = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"]
    return {name: r.choice(["true", "false"]) for name in r.sample(names, r.randrange(4))}


def url(r: random.Random) -> str:
    return r.choice(["http://a.example/", "https://b.example:8443/x?y=z", "http://[2001:db8::1]/"])


Make = Callable[[random.Random], Any]
COMMON: Mapping[str, Make] = {
    "name": a_name,
    "admin_state_up": lambda r: r.random() < 0.7,
    "tags": lambda r: sorted(r.sample(["a", "b c", "ä", "kube_service_x"], r.randrange(4))),
}
DESCRIBED: Mapping[str, Make] = {**COMMON, "description": a_name}
LISTENER: Mapping[str, Make] = {
    **DESCRIBED,
    "connection_limit": lambda r: r.choice([-1, 0, 1, r.randint(1, 100_000)]),
    **dict.fromkeys(("timeout_client_data", "timeout_member_data"), milliseconds),
    **dict.fromkeys(("timeout_member_connect", "timeout_tcp_inspect"), milliseconds),
    "allowed_cidrs": lambda r: r.choice([None, [block(r)], [block(r), "10.1.2.3/32"]]),
}
POOL: Mapping[str, Make] = {
    **DESCRIBED,
    "lb_algorithm": lambda r: r.choice(["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"]),
    "session_persistence": lambda r: r.choice(
        [None, persistence("SOURCE_IP"), persistence("HTTP_COOKIE"), persistence("APP_COOKIE", "sid")]
    ),
}
MEMBER: Mapping[str, Make] = {
    **COMMON,
    "weight": lambda r: r.choice([0, 1, 256, r.randint(0, 256)]),
    "backup": lambda r: r.random() < 0.5,
    "monitor_address": lambda r: r.choice([None, "10.0.0.77"]),
    "monitor_port": lambda r: r.choice([None, 1, 65535]),
}
MONITOR: Mapping[str, Make] = {
    **COMMON,
    **dict.fromkeys(("delay", "timeout"), lambda r: r.choice([0, 1, 5, r.randint(0, 2_147_483)])),
    **dict.fromkeys(("max_retries", "max_retries_down"), lambda r: r.randint(1, 10)),
}
HTTP_MONITOR: Mapping[str, Make] = {
    **MONITOR,
    "http_method": lambda r: r.choice(["GET", "HEAD", "OPTIONS", "PATCH"]),
    "url_path": lambda r: r.choice(["/", "/healthz?full=1", "/" + "x" * 254]),
    "expected_codes": lambda r: r.choice(["200", "200,201", "200-204"]),
    "http_version": lambda r: r.choice([None, 1.0, 1.1]),
}
RULE: Mapping[str, Make] = {
    **{name: make for name, make in COMMON.items() if name != "name"},
    "invert": lambda r: r.random() < 0.5,
    "value": lambda r: r.choice(["/a", "a b", "ä"]),
    "compare_type": lambda r: r.choice(["STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO"]),
}


def persistence(kind: str, cookie: str | None = None) -> Json:
    unused = {"persistence_timeout": None, "persistence_granularity": None}
    return {"type": kind, "cookie_name": cookie, **unused}


def listener(r: random.Random, tree: Tree, number: int) -> Json:
    protocol = r.choice(["HTTP", "TCP", "HTTPS"])
    more = {"insert_headers": headers(r)} if protocol == "HTTP" else {}
    return {
        "loadbalancer_id": tree.loadbalancer,
        "protocol": protocol,
        "protocol_port": 1000 + number,
        **more,
    }


def policy(r: random.Random, tree: Tree, _number: int) -> Json:
    target = r.choice(
        [
            {"action": "REJECT"},
            {"action": "REDIRECT_TO_POOL", "redirect_pool_id": tree.pool},
            {
                "action": "REDIRECT_TO_URL",
                "redirect_url": url(r),
                "redirect_http_code": r.choice([301, 302, 308]),
            },
            {
                "action": "REDIRECT_PREFIX",
                "redirect_prefix": url(r),
                "redirect_http_code": r.choice([303, 307]),
            },
        ]
    )
    return {"listener_id": tree.listener, **target}


# Kind, its path, what an object of it has to have, and what it may have.
Fixed = Callable[[random.Random, Tree, int], Json]
KINDS: Mapping[str, tuple[str, str, Fixed, Mapping[str, Make]]] = {
    "loadbalancer": (
        "loadbalancer",
        "/loadbalancers",
        lambda _, tree, __: {"vip_subnet_id": tree.subnet},
        DESCRIBED,
    ),
    "listener": ("listener", "/listeners", listener, LISTENER),
    "pool": (
        "pool",
        "/pools",
        lambda r, tree, _: {
            "loadbalancer_id": tree.loadbalancer,
            "protocol": r.choice(["HTTP", "TCP", "PROXY"]),
        },
        POOL,
    ),
    "member": (
        "member",
        "/pools/{pool}/members",
        lambda _, __, number: {"address": f"10.0.1.{number}", "protocol_port": 80},
        MEMBER,
    ),
    "l7policy": ("l7policy", "/l7policies", policy, DESCRIBED),
}
HIDDEN = {"loadbalancer_id", "pool_id"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_comes_back_and_the_same_again_is_nothing(cloud: Cloud, kind: str) -> None:
    cloud.unlimited("ann")
    tree, ann, r = cloud.tree(), cloud.ann.octavia, random.Random(kind)
    name, path, fixed, may = KINDS[kind]
    path = path.format(pool=tree.pool)
    for number in range(1, TIMES):
        given = {**fixed(r, tree, number), **some(r, may)}
        if name == "pool":
            given.setdefault("lb_algorithm", "ROUND_ROBIN")
        made = ann.ok("POST", path, {name: given})[name]
        check(made, given)
        one = f"{path}/{made['id']}"
        check(ann.ok("GET", one)[name], given)
        changed = some(r, may)
        check(ann.ok("PUT", one, {name: changed})[name], {**given, **changed})
        balancer = made["id"] if name == "loadbalancer" else tree.loadbalancer
        same_again(cloud, one, name, changed, balancer)


def same_again(cloud: Cloud, one: str, name: str, changed: Json, balancer: str) -> None:
    """Send a PUT a second time: nothing is raised, and nobody told."""
    before, generation = cloud.ann.octavia.ok("GET", one)[name], cloud.generation(balancer)
    with cloud.unchanged():
        assert cloud.ann.octavia.ok("PUT", one, {name: changed})[name] == before
    assert cloud.generation(balancer) == generation


def some(r: random.Random, may: Mapping[str, Make]) -> Json:
    names = r.sample(sorted(may), r.randint(1, len(may)))
    return {name: may[name](r) for name in names}


def check(shown: Json, given: Json) -> None:
    different = {
        name: (value, shown[name])
        for name, value in given.items()
        if name not in HIDDEN and shown[name] != value
    }
    assert not different


@pytest.mark.parametrize("kind", ["TCP", "PING", "HTTP", "HTTPS", "TLS-HELLO"])
def test_so_does_what_a_monitor_is_given(cloud: Cloud, kind: str) -> None:
    cloud.unlimited("ann")
    balancer, ann, r = cloud.balancer()["id"], cloud.ann.octavia, random.Random(kind)
    may = HTTP_MONITOR if kind in ("HTTP", "HTTPS") else MONITOR
    needed = ("delay", "timeout", "max_retries")
    for _ in range(TIMES):
        pool = cloud.pool(balancer)["id"]
        given = {"pool_id": pool, "type": kind, **{name: may[name](r) for name in needed}, **some(r, may)}
        made = ann.ok("POST", "/healthmonitors", {"healthmonitor": given})["healthmonitor"]
        check(made, given)
        one = f"/healthmonitors/{made['id']}"
        changed = some(r, may)
        check(ann.ok("PUT", one, {"healthmonitor": changed})["healthmonitor"], {**given, **changed})
        same_again(cloud, one, "healthmonitor", changed, balancer)


@pytest.mark.parametrize("kind", ["PATH", "HOST_NAME", "HEADER"])
def test_so_does_what_a_rule_is_given(cloud: Cloud, kind: str) -> None:
    tree, ann, r = cloud.tree(), cloud.ann.octavia, random.Random(kind)
    policy = ann.ok("POST", "/l7policies", {"l7policy": {"listener_id": tree.listener, "action": "REJECT"}})
    path = f"/l7policies/{policy['l7policy']['id']}/rules"
    for _ in range(TIMES):
        given = {"type": kind, "compare_type": "EQUAL_TO", "value": "/x", **some(r, RULE)}
        if kind == "HEADER":
            given["key"] = "X-Some"
        made = ann.ok("POST", path, {"rule": given})["rule"]
        check(made, given)
        one, changed = f"{path}/{made['id']}", some(r, RULE)
        check(ann.ok("PUT", one, {"rule": changed})["rule"], {**given, **changed})
        same_again(cloud, one, "rule", changed, tree.loadbalancer)
