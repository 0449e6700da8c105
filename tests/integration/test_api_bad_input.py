"""Bad requests of every sort: the right 4xx in Neutron's form, and not a row changes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from api_cloud import MAX_BODY, NOBODYS, PATHS, Cloud, Tree, check_refusal, on_sqlite

LBAAS = ("loadbalancer", "listener", "pool", "member", "healthmonitor")
KINDS = (*LBAAS, "network", "subnet", "port")
ID = "00000000-0000-4000-8000-000000000001"
GOOD: dict[str, dict[str, Any]] = {
    "loadbalancer": {"vip_subnet_id": "SUBNET"},
    "listener": {"loadbalancer_id": "LB", "protocol": "HTTP", "protocol_port": 81},
    "pool": {"loadbalancer_id": "LB", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
    "member": {"subnet_id": "SUBNET", "address": "10.0.0.10", "protocol_port": 80},
    "healthmonitor": {"pool_id": "FREE", "type": "HTTP", "delay": 5, "timeout": 5, "max_retries": 3},
    "network": {},
    "subnet": {"network_id": "NETWORK", "cidr": "10.7.0.0/24", "ip_version": 4},
    "port": {"network_id": "NETWORK"},
}
# Attribute by attribute: unknown, wrong type, out of range, hostile.
BAD: list[tuple[str, str, Any]] = [
    *((kind, "nonsense", 1) for kind in KINDS),
    *(
        (kind, name, value)
        for kind in KINDS
        for name, value in [("id", ID), ("created_at", "x"), ("name", "x\0")]
    ),
    *((kind, name, value) for kind in KINDS for name in ("name",) for value in (1, None, [], {}, "x" * 256)),
    *(
        (kind, "admin_state_up", value)
        for kind in (*LBAAS, "network", "port")
        for value in ("maybe", None, 2, [])
    ),
    *((kind, "tenant_id", value) for kind in KINDS for value in ("", None, 1, "x" * 256)),
    *(
        ("loadbalancer", "vip_subnet_id", value)
        for value in (None, "", "x", 1, ID + "0", "../x", f"{{{ID}}}")
    ),
    *(
        ("loadbalancer", "vip_address", value)
        for value in ("", "x", 1, "10.0.0.0/24", "10.0.0.256", "fe80::1%lo")
    ),
    *(
        ("loadbalancer", name, "x")
        for name in ("vip_port_id", "listeners", "provisioning_status", "generation")
    ),
    *(("listener", "protocol", value) for value in ("UDP", "http", None, 1, [])),
    *(("listener", "protocol_port", value) for value in (0, 65536, -1, "x", None, 80.5, True, 10**400, "")),
    *(("listener", "connection_limit", value) for value in (-2, 0, 2**31, "x", None)),
    *(("listener", "sni_container_refs", value) for value in ([1], {}, ["x" * 513])),
    *(("pool", "lb_algorithm", value) for value in ("RANDOM", None, 1)),
    *(
        ("pool", "session_persistence", value)
        for value in ("x", [], {"type": "x"}, {"type": "SOURCE_IP", "x": 1})
    ),
    ("pool", "members", []),
    *(("member", "address", value) for value in ("", "x", None, "10.0.0.0/24", 167772161)),
    *(("member", "weight", value) for value in (-1, 257, "x", None, 1.5)),
    *(("member", "pool_id", value) for value in (ID, None)),
    *(("healthmonitor", "type", value) for value in ("UDP", None)),
    *(("healthmonitor", name, value) for name in ("delay", "timeout") for value in (0, -1, 2**31, "x", None)),
    *(("healthmonitor", name, 11) for name in ("max_retries", "max_retries_down")),
    *(("healthmonitor", "url_path", value) for value in ("x", "", "/ x", "/\nx", "/#", "/é", None)),
    *(("healthmonitor", "expected_codes", value) for value in ("x", "", "99", "200-", "299-200", 200)),
    ("healthmonitor", "http_method", "get"),
    *(
        ("subnet", "cidr", value)
        for value in ("x", "10.0.0.0", "10.0.0.0/33", "0.0.0.0/0", "224.0.0.0/4", None)
    ),
    *(("subnet", "ip_version", value) for value in (5, None, "x")),
    *(("port", "mac_address", value) for value in ("x", "01:00:00:00:00:00", 1)),
    *(("port", "fixed_ips", value) for value in ("x", [1], [{"x": 1}])),
    *(("network", "mtu", value) for value in (67, 65536, "x", None)),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests: what they ask changes nothing."""
    with on_sqlite(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture(scope="module")
def tree(cloud: Cloud) -> Tree:
    return cloud.tree()


def good(cloud: Cloud, tree: Tree, kind: str) -> tuple[str, dict[str, Any]]:
    """Return the path and the body's content that create one more of a kind."""
    known = {"SUBNET": tree.subnet, "LB": tree.loadbalancer, "NETWORK": tree.network}
    if kind == "healthmonitor":
        known["FREE"] = cloud.pool(tree.loadbalancer)["id"]
    path = f"/lbaas/pools/{tree.pool}/members" if kind == "member" else PATHS[kind]
    return path, {name: known.get(str(value), value) for name, value in GOOD[kind].items()}


def test_each_wrong_attribute_of_a_new_object_is_refused_by_name(cloud: Cloud, tree: Tree) -> None:
    bases = {kind: good(cloud, tree, kind) for kind in KINDS}
    with cloud.unchanged():
        for kind, name, value in BAD:
            path, body = bases[kind]
            answer = cloud.ann.send("POST", path, {kind: {**body, name: value}})
            assert answer.status_code == 400, (kind, name, value, answer.text)
            shown = "project_id" if name == "tenant_id" else name
            error = answer.json["NeutronError"]
            named = shown in error["message"] or error["type"] == "InvalidInput"
            assert named, (kind, name, value, answer.text)
    for kind, (path, body) in bases.items():  # nothing else was wrong with them
        made = cloud.ann.ok("POST", path, {kind: body})[kind]["id"]
        cloud.ann.ok("DELETE", f"{path}/{made}")


def test_each_wrong_attribute_of_a_change_is_refused_by_name(cloud: Cloud, tree: Tree) -> None:
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    with cloud.unchanged():
        for kind, name, value in BAD:
            path = tree.paths().get(kind, f"/ports/{port}")
            answer = cloud.ann.send("PUT", path, {kind: {name: value}})
            assert answer.status_code == 400, (kind, name, value, answer.text)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_named(cloud: Cloud, tree: Tree, kind: str) -> None:
    path, body = good(cloud, tree, kind)
    for name in body.keys() - {"loadbalancer_id"}:
        less = {kind: {key: value for key, value in body.items() if key != name}}
        kwargs = {"status": 400, "kind": "HTTPBadRequest", "says": f"'{name}'"}
        cloud.refuses(cloud.ann, "POST", path, less, **kwargs)


NO_OBJECTS: list[tuple[bytes, str]] = [
    (b"", "MalformedRequestBody"),
    (b" ", "MalformedRequestBody"),
    (b"{", "MalformedRequestBody"),
    (b'{"pool": {}', "MalformedRequestBody"),
    (b'{"pool": {"name": "\xff"}}', "MalformedRequestBody"),
    (b'{"pool": {"name": NaN}}', "MalformedRequestBody"),
    (b'{"pool": {"name": -Infinity}}', "MalformedRequestBody"),
    (b'{"pool": {"name": 1' + b"0" * 5000 + b"}}", "MalformedRequestBody"),
    (b"[" * 50_000, "MalformedRequestBody"),
    (b'{"pool": ' * 5_000 + b"1" + b"}" * 5_000, "MalformedRequestBody"),
    (b"<pool/>", "MalformedRequestBody"),
    (b"\x00", "MalformedRequestBody"),
    (b"\xff\xfe{\x00}\x00", "HTTPBadRequest"),
    (b"null", "HTTPBadRequest"),
    (b"[]", "HTTPBadRequest"),
    (b'"pool"', "HTTPBadRequest"),
    (b"1e999", "HTTPBadRequest"),
    (b"{}", "HTTPBadRequest"),
    (b'{"pool": null}', "HTTPBadRequest"),
    (b'{"pool": []}', "HTTPBadRequest"),
    (b'{"pool": "x"}', "HTTPBadRequest"),
    (b'{"pools": [{}]}', "HTTPBadRequest"),
    (b'{"pool": {}, "listener": {}}', "HTTPBadRequest"),
    (b'{"pool": {"\\ud800": 1}}', "HTTPBadRequest"),
    (b'{"pool": {"name": "\\ud800"}}', "HTTPBadRequest"),
    (b'{"\\ud800": {}, "pool": {}}', "HTTPBadRequest"),
    (b'{"pool": {"name": ' + b"[" * 40 + b"]" * 40 + b"}}", "HTTPBadRequest"),
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("body", "kind"), NO_OBJECTS, ids=lambda value: repr(value)[:30])
def test_a_body_that_is_no_object_is_refused(
    cloud: Cloud, tree: Tree, method: str, body: bytes, kind: str
) -> None:
    path = "/lbaas/pools" if method == "POST" else f"/lbaas/pools/{tree.pool}"
    headers = {"Content-Type": "application/json"}
    with cloud.unchanged():
        answer = cloud.ann.send(method, path, body, headers=headers)
    check_refusal(answer, 400, kind)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(cloud: Cloud, tree: Tree) -> None:
    body = {"pool": {"name": "x" * MAX_BODY}}
    kwargs = {"status": 413, "kind": "HTTPContentTooLarge", "says": str(MAX_BODY)}
    cloud.refuses(cloud.ann, "PUT", f"/lbaas/pools/{tree.pool}", body, **kwargs)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "x", "/"]
)
def test_a_body_that_is_declared_to_be_no_json_is_refused(cloud: Cloud, tree: Tree, kind: str) -> None:
    body = json.dumps({"pool": {"name": "x"}}).encode()
    path, headers = f"/lbaas/pools/{tree.pool}", {"Content-Type": kind}
    with cloud.unchanged():
        answer = cloud.ann.send("PUT", path, body, headers=headers)
    check_refusal(answer, 415, "UnsupportedMediaType", kind)
    for right in ("application/json", "application/json; charset=UTF-8", "APPLICATION/JSON"):
        answer = cloud.ann.send("PUT", path, body, headers={"Content-Type": right})
        assert answer.status_code == 200, answer.text


ODD_IDS = [
    NOBODYS,
    "x",
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "..",
    "%2e%2e",
    "%0a",
    "a" * 5000,
    "' or 1=1--",
    "%F0%9D%84%9E",
]


@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda value: value[:20])
def test_an_id_that_does_not_exist_is_not_found_in_every_position(cloud: Cloud, tree: Tree, odd: str) -> None:
    paths = [f"{path}/{odd}" for path in PATHS.values()]
    paths += [f"/lbaas/pools/{tree.pool}/members/{odd}", f"/lbaas/pools/{odd}/members/{tree.member}"]
    for path in paths:
        kind = path.rpartition("/")[0].rpartition("/")[2].removesuffix("s")
        for method, body in (("GET", None), ("PUT", {kind: {"name": "x"}}), ("DELETE", None)):
            with cloud.unchanged():
                answer = cloud.ann.send(method, path, body)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.json["NeutronError"]["type"].endswith(("NotFound", "HTTPRouteNotFound"))
    for below in (f"/lbaas/pools/{odd}/members", f"/lbaas/loadbalancers/{odd}/stats"):
        assert cloud.ann.send("GET", below).status_code == 404
    assert cloud.ann.send("GET", f"/lbaas/loadbalancers/{odd}/statuses").status_code == 404
    member = {"subnet_id": tree.subnet, "address": "10.0.0.10", "protocol_port": 80}
    with cloud.unchanged():
        answer = cloud.ann.send("POST", f"/lbaas/pools/{odd}/members", {"member": member})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("loadbalancer", "vip_subnet_id"),
        ("listener", "loadbalancer_id"),
        ("listener", "default_pool_id"),
        ("pool", "loadbalancer_id"),
        ("pool", "listener_id"),
        ("member", "subnet_id"),
        ("healthmonitor", "pool_id"),
        ("subnet", "network_id"),
        ("port", "network_id"),
    ],
)
def test_an_id_of_nothing_in_a_body_is_not_found(cloud: Cloud, tree: Tree, kind: str, name: str) -> None:
    path, body = good(cloud, tree, kind)
    for nothing in (NOBODYS, tree.member):
        with cloud.unchanged():
            answer = cloud.ann.send("POST", path, {kind: {**body, name: nothing}})
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "path", ["/x", "/lbaas", "/lbaas/x", "/lbaas/pools/x/y", "/lbaas/pools/", "/lbaas/members"]
)
def test_a_path_of_nothing_is_not_found(cloud: Cloud, path: str) -> None:
    with cloud.unchanged():
        answer = cloud.ann.send("GET", path)
    check_refusal(answer, 404, answer.json["NeutronError"]["type"])


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/lbaas/pools"), ("PUT", "/lbaas/pools"), ("PATCH", "/ports")]
)
def test_a_method_that_means_nothing_is_refused(cloud: Cloud, method: str, path: str) -> None:
    cloud.refuses(cloud.ann, method, path, status=405, kind="HTTPMethodNotAllowed")
