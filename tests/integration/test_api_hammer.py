"""Whatever is sent to whatever route by whatever method: an answer, and never the server's fault."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from api_cloud import PATHS, V2, Cloud, Tree, on_sqlite
from hostile_requests import HEADERS, METHODS, TEXTS, VALUES, bodies, encoded, odd, queries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evener.resources.describe import Resource, descriptors, wire_names
from evener_cloud.network.http.networking import NETWORKING

NAMES = sorted({shown for cls in NETWORKING.kinds for shown in wire_names(cls).values()} | {"tenant_id"})
WORDS = ["limit", "marker", "sort_key", "sort_dir", "fields", "page_reverse"]


@pytest.fixture(scope="module")
def hammered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Tree]]:
    with on_sqlite(tmp_path_factory.mktemp("hammer")) as cloud:
        yield cloud, cloud.tree()


def right_values(cls: type[Resource], tree: Tree) -> dict[str, Any]:
    """Return what could be right for each attribute that a user may set, so that much gets through."""
    known = {
        "vip_subnet_id": tree.subnet,
        "subnet_id": tree.subnet,
        "network_id": tree.network,
        "loadbalancer_id": tree.loadbalancer,
        "listener_id": tree.listener,
        "default_pool_id": tree.pool,
        "redirect_pool_id": tree.pool,
        "pool_id": tree.pool,
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "protocol_port": 80,
        "address": "10.0.0.7",
        "delay": 5,
        "timeout": 5,
        "max_retries": 3,
        "cidr": "10.2.0.0/24",
        "ip_version": 4,
        "action": "REJECT",
        "type": "PATH" if cls.KIND == "rule" else "TCP",
        "compare_type": "STARTS_WITH",
        "value": "/x",
    }
    return {name: known[name] for name in descriptors(cls) if name in known}


@st.composite
def paths(draw: Any, cls: type[Resource], tree: Tree, method: str) -> str:
    below = {
        "member": ("/lbaas/pools", tree.pool, "members"),
        "rule": ("/lbaas/l7policies", tree.pool, "rules"),
    }
    ids = st.sampled_from(sorted(vars(tree).values())) | TEXTS.map(encoded)
    parents, parent, children = below.get(cls.KIND, ("", "", ""))
    collection = PATHS.get(cls.KIND) or f"/lbaas/{cls.PLURAL}"
    if parents:
        collection = f"{parents}/{draw(ids) if draw(odd) else parent}/{children}"
    one = f"{collection}/{draw(ids) if draw(odd) else getattr(tree, cls.KIND, tree.pool)}"
    if draw(odd):
        return str(
            draw(st.sampled_from([collection, one, f"{one}/statuses", f"{one}/stats", f"{one}/members"]))
        )
    return collection if method == "POST" or (method == "GET" and draw(st.booleans())) else one


@given(data=st.data(), cls=st.sampled_from(NETWORKING.kinds), method=st.sampled_from(METHODS))
@settings(
    max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_request_is_answered_with_a_server_error(
    hammered: tuple[Cloud, Tree], data: Any, cls: type[Resource], method: str
) -> None:
    cloud, tree = hammered
    user = data.draw(st.sampled_from([cloud.ann, cloud.ann, cloud.admin, cloud.bob, cloud.reader]))
    path = data.draw(paths(cls, tree, method))
    body = None
    if method in ("POST", "PUT"):
        names = wire_names(cls).values()
        body = json.dumps(data.draw(bodies(cls.KIND, right_values(cls, tree), names))).encode()
    # What holds everything else together stays, or there would soon be nothing to hammer at.
    if method == "DELETE" and any(one in path for one in vars(tree).values()):
        return
    query = data.draw(queries([*wire_names(cls).values(), *WORDS], NAMES)) if method == "GET" else ""
    answer = user.send(method, path, body, query_string=query)
    assert answer.status_code < 500, (method, path, body, answer.text)
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json["NeutronError"]["message"]


@given(raw=st.binary(max_size=60), method=st.sampled_from(METHODS), text=st.binary(max_size=30))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_answered_with_a_server_error(
    hammered: tuple[Cloud, Tree], raw: bytes, method: str, text: bytes
) -> None:
    cloud, tree = hammered
    quoted = quote_from_bytes(text)
    for path in (f"/lbaas/pools/{quoted}", f"/lbaas/pools/{tree.pool}", f"/ports/{quoted}", f"/{quoted}"):
        if method == "DELETE" and tree.pool in path:
            continue
        answer = cloud.ann.send(method, path, raw, query_string=quote_from_bytes(text, safe="=&"))
        assert answer.status_code < 500, (path, raw, answer.text)


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_answered_with_a_server_error(hammered: tuple[Cloud, Tree], header: str) -> None:
    cloud, tree = hammered
    for value in VALUES:
        headers = {"X-Auth-Token": cloud.ann.token, header: value}
        for method, path in (("GET", "/lbaas/pools"), ("PUT", f"/lbaas/pools/{tree.pool}")):
            answer = cloud.client.simulate_request(
                method, f"{V2}{path}", headers=headers, body=b'{"pool": {}}'
            )
            assert answer.status_code < 500, (header, value, answer.text)
