"""Whatever is sent to whatever route of Octavia's API: an answer in its form, and never the server's fault.

Octavia itself answers 500 to some twenty of such bodies, which are listed here with the answer that they get.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from api_cloud import Cloud, on_sqlite
from falcon import testing
from hostile_requests import HEADERS, METHODS, TEXTS, VALUES, bodies, encoded, odd, queries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evener.api import octavia
from evener.api.dialects.octavia import OCTAVIA
from evener.api.openapi import document
from evener.resources.wire import on_wire

PATHS = sorted(document(octavia.COLLECTIONS, octavia.VIEWS, OCTAVIA, octavia.ABOUT)["paths"])
NAMES = {
    cls.KIND: sorted({*on_wire(cls, OCTAVIA.form).values(), "tenant_id", "tags"}) for cls in octavia.KINDS
}
WORDS = (
    *("limit", "marker", "sort", "sort_key", "sort_dir", "fields", "page_reverse"),
    *(
        "tags",
        "tags-any",
        "not-tags",
        "not-tags-any",
        "cascade",
        "additive_only",
        "loadbalancer_id",
        "listener_id",
    ),
)
MEANT = (501, 503)  # nobody serves it here, or not now
Ids = dict[str, str]


@dataclass(frozen=True)
class Target:
    """A cloud with one object of each kind, whose ids these are."""

    cloud: Cloud
    ids: Ids

    @cached_property
    def right(self) -> dict[str, tuple[str, dict[str, Any]]]:
        return right(self.ids)

    @cached_property
    def below(self) -> dict[str, Any]:
        return below(self.ids)


@pytest.fixture(scope="module")
def hammered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with on_sqlite(tmp_path_factory.mktemp("hammer")) as cloud:
        tree = cloud.tree()
        ids = {kind: getattr(tree, kind) for kind in tree.__dataclass_fields__}
        ann = cloud.ann.octavia
        policy = {"l7policy": {"listener_id": tree.listener, "action": "REJECT"}}
        ids["l7policy"] = ann.ok("POST", "/l7policies", policy)["l7policy"]["id"]
        rule = {"rule": {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}}
        ids["rule"] = ann.ok("POST", f"/l7policies/{ids['l7policy']}/rules", rule)["rule"]["id"]
        yield Target(cloud, ids)


def right(ids: Ids) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return by collection what stands outermost in bodies, and what could be right in them."""
    of_balancer = {"loadbalancer_id": ids["loadbalancer"]}
    times = {"delay": 5, "timeout": 5, "max_retries": 3}
    return {
        "loadbalancers": ("loadbalancer", {"vip_subnet_id": ids["subnet"]}),
        "listeners": ("listener", {**of_balancer, "protocol": "HTTP", "protocol_port": 81}),
        "pools": ("pool", {**of_balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}),
        "members": ("member", {"address": "10.0.0.7", "protocol_port": 80, "subnet_id": ids["subnet"]}),
        "healthmonitors": ("healthmonitor", {"pool_id": ids["pool"], "type": "HTTP", **times}),
        "l7policies": ("l7policy", {"listener_id": ids["listener"], "action": "REJECT"}),
        "rules": ("rule", {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/x"}),
        "quotas": ("quota", {"loadbalancer": 5, "health_monitor": 7}),
        "flavors": ("flavor", {"name": "gold", "flavor_profile_id": ids["pool"]}),
        "flavorprofiles": (
            "flavorprofile",
            {"name": "gold", "provider_name": "haproxy", "flavor_data": "{}"},
        ),
        "availabilityzones": (
            "availability_zone",
            {"name": "east", "availability_zone_profile_id": ids["pool"]},
        ),
        "availabilityzoneprofiles": (
            "availability_zone_profile",
            {"name": "east", "provider_name": "haproxy", "availability_zone_data": "{}"},
        ),
    }


def below(ids: Ids) -> dict[str, Any]:
    """Return bodies of parts, as they stand in that of a whole, by the names of what holds them."""
    values = dict(right(ids).values())
    for kind in ("listener", "pool", "healthmonitor", "l7policy"):
        values[kind] = {name: value for name, value in values[kind].items() if not name.endswith("_id")}

    def part(kind: str, **of_its: Any) -> Any:
        nearly = bodies(kind, values[kind], NAMES[kind], of_its)
        return nearly.map(lambda body: body[kind] if isinstance(body, dict) and kind in body else body)

    def many(one: Any) -> Any:
        return st.lists(one, max_size=2)

    pool = part("pool", members=many(part("member")), healthmonitor=part("healthmonitor"))
    pool |= st.just({"name": "web"})
    policy = part("l7policy", rules=many(part("rule")), redirect_pool=pool)
    listener = part("listener", default_pool=pool, l7policies=many(policy))
    return {
        "listeners": many(listener),
        "pools": many(pool),
        "default_pool": pool,
        "redirect_pool": pool,
        "l7policies": many(policy),
        "members": many(part("member")),
        "healthmonitor": part("healthmonitor"),
        "rules": many(part("rule")),
    }


@st.composite
def addresses(draw: Any, path: str, target: Target) -> str:
    """Return a path with ids in it, most of them those of what it is about."""
    ids = target.ids
    any_id = st.sampled_from(sorted(ids.values())) | TEXTS.map(encoded)

    def chosen(match: re.Match[str]) -> str:
        kind, _ = target.right.get(match[1], ("", {}))
        return f"{match[1]}/{draw(any_id) if draw(odd) or kind not in ids else ids[kind]}"

    return re.sub(r"(\w+)/{\w+}", chosen, path)


def check(answer: testing.Result, method: str, sent: Any) -> None:
    """Expect an answer that is not the server's fault, in Octavia's form."""
    assert answer.status_code < 500 or answer.status_code in MEANT, (sent, answer.text)
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json.get("faultstring") or answer.json["error"]["code"] == 401, (sent, answer.text)


SETTINGS = settings(
    max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(data=st.data(), path=st.sampled_from(PATHS), method=st.sampled_from(METHODS))
@SETTINGS
def test_no_request_is_answered_with_a_server_error(
    hammered: Target, data: Any, path: str, method: str
) -> None:
    cloud = hammered.cloud
    user = data.draw(st.sampled_from([cloud.ann, cloud.ann, cloud.admin, cloud.bob, cloud.reader]))
    where = data.draw(addresses(path, hammered))
    collection = re.sub(r"/({\w+}|stats|status|statuses|failover|config|default)$", "", path).rpartition("/")[
        2
    ]
    kind, content = hammered.right.get(collection, ("x", {}))
    names = NAMES.get(kind, list(content) or ["x"])
    body = None
    if method in ("POST", "PUT"):
        body = data.draw(bodies(kind, content, names, hammered.below))
        if method == "PUT" and path.endswith("/members"):
            body = {"members": data.draw(hammered.below["members"])}
    query = data.draw(queries([*names, *WORDS], names)) if method in ("GET", "DELETE", "PUT") else ""
    # What holds everything else together stays, or there would soon be nothing to hammer at.
    if method == "DELETE" and any(one in where for one in hammered.ids.values()):
        return
    sent = None if body is None else json.dumps(body).encode()
    headers = {"X-Auth-Token": user.token}
    answer = cloud.client.simulate_request(method, where, headers=headers, body=sent, query_string=query)
    check(answer, method, (method, where, query, sent))


@given(raw=st.binary(max_size=60), method=st.sampled_from(METHODS), text=st.binary(max_size=30))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_answered_with_a_server_error(
    hammered: Target, raw: bytes, method: str, text: bytes
) -> None:
    cloud, ids = hammered.cloud, hammered.ids
    quoted = quote_from_bytes(text)
    for path in (f"/pools/{quoted}", f"/pools/{ids['pool']}", f"/{quoted}", f"/pools/{ids['pool']}/members"):
        if method == "DELETE" and ids["pool"] in path:
            continue
        query = quote_from_bytes(text, safe="=&")
        check(cloud.ann.octavia.send(method, path, raw, query_string=query), method, (path, raw))


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_answered_with_a_server_error(hammered: Target, header: str) -> None:
    cloud, ids = hammered.cloud, hammered.ids
    for value in VALUES:
        headers = {"X-Auth-Token": cloud.ann.token, header: value}
        for method, path in (("GET", "/pools"), ("PUT", f"/pools/{ids['pool']}")):
            where, body = f"{octavia.LBAAS}{path}", b'{"pool": {}}'
            check(cloud.client.simulate_request(method, where, headers=headers, body=body), method, value)


def octavias_defects() -> dict[str, tuple[str, str, str, Any, int]]:
    """Return what Octavia answers 500 to: who sends what by which method where, and the answer that it gets here."""
    full = "{0[loadbalancer]}"
    pool = {"loadbalancer_id": full, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    unknown = "00000000-0000-4000-8000-00000000dead"
    whole = {"vip_subnet_id": "{0[subnet]}"}
    member = {"address": "10.0.0.44", "protocol_port": 80}
    flavor = {"name": "f", "flavor_profile_id": unknown}
    return {
        "an empty object": ("ann", "POST", "/pools", {}, 400),
        "a list": ("ann", "POST", "/pools", [], 400),
        "null": ("ann", "POST", "/pools", None, 400),
        "an envelope with nothing": ("ann", "POST", "/pools", {"pool": None}, 400),
        "an envelope with a list": ("ann", "PUT", "/pools/{0[pool]}", {"pool": []}, 400),
        "members that are null": ("ann", "PUT", "/pools/{0[pool]}/members", {"members": None}, 400),
        "members that are missing": ("ann", "PUT", "/pools/{0[pool]}/members", {}, 400),
        "an unknown listener": (
            *("ann", "POST", "/pools"),
            *({"pool": {**pool, "loadbalancer_id": None, "listener_id": unknown}}, 404),
        ),
        "an unknown profile": ("admin", "POST", "/flavors", {"flavor": flavor}, 400),
        "a flavor's name that is null": (
            *("admin", "POST", "/flavors"),
            *({"flavor": {**flavor, "name": None}}, 400),
        ),
        "an algorithm that is null": (
            *("ann", "POST", "/pools"),
            *({"pool": {**pool, "lb_algorithm": None}}, 400),
        ),
        "no TLS, which is null": ("ann", "PUT", "/pools/{0[pool]}", {"pool": {"tls_enabled": None}}, 200),
        "a weight that is null": (
            *("ann", "POST", "/pools/{0[pool]}/members"),
            *({"member": {**member, "weight": None}}, 201),
        ),
        "a tag twice": (
            *("ann", "POST", "/loadbalancers"),
            *({"loadbalancer": {**whole, "tags": ["a", "a"]}}, 201),
        ),
        "two values for a filter": ("ann", "GET", "/pools?name=a&name=b", None, 200),
        "a filter by listeners": ("ann", "GET", "/loadbalancers?listeners=a", None, 200),
        "an order of listeners": ("ann", "GET", "/loadbalancers?sort=listeners", None, 400),
        "an order of tags": ("ann", "GET", "/loadbalancers?sort=tags", None, 400),
        "no quota": ("admin", "PUT", "/quotas/ann", {}, 400),
        "a nested member in a pool": (
            *("ann", "POST", "/pools"),
            *({"pool": {**pool, "name": "n", "members": [{**member, "protocol_port": 82}]}}, 201),
        ),
        "a nested monitor in a pool": (
            *("ann", "POST", "/pools"),
            *(
                {
                    "pool": {
                        **pool,
                        "healthmonitor": {"type": "TCP", "delay": 5, "timeout": 5, "max_retries": 3},
                    }
                },
                201,
            ),
        ),
    }


@pytest.mark.parametrize("what", octavias_defects())
def test_what_octavia_fails_at_is_answered(hammered: Target, what: str) -> None:
    cloud, ids = hammered.cloud, hammered.ids
    who, method, path, body, status = octavias_defects()[what]
    sent = json.dumps(body)
    for kind, known in ids.items():
        sent = sent.replace("{0[" + kind + "]}", known)
    where, _, query = path.format(ids).partition("?")
    answer = getattr(cloud, who).octavia.send(
        method, where, sent.encode() if method != "GET" else None, query_string=query
    )
    assert answer.status_code == status, answer.text
    check(answer, method, sent)
