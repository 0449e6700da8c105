"""Lists as Neutron's clients ask for them, over HTTP: filters, fields, order."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from api_cloud import PATHS, V2, Cloud, on_sqlite

from evener.api.dialects.lbaas import LBAAS
from evener.api.networking import LBAAS_COLLECTIONS
from evener.resources.describe import Attr, columns, descriptors, wire_names
from evener.resources.l7rule import L7Rule
from evener.resources.wire import on_wire
from evener.store.filters import filterable
from evener_cloud.network.http.networking import COLLECTIONS as NETWORK_COLLECTIONS


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests: what they ask changes nothing."""
    with on_sqlite(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pools(cloud: Cloud) -> str:
    """Make pools of which no two are alike, and return their load balancer's id."""
    balancer = str(cloud.balancer()["id"])
    for number, (name, algorithm) in enumerate(
        [("a", "ROUND_ROBIN"), ("b", "SOURCE_IP"), ("c", "SOURCE_IP"), ("", "LEAST_CONNECTIONS")]
    ):
        up = number % 2 == 0
        cloud.pool(balancer, name=name, lb_algorithm=algorithm, admin_state_up=up, description=f"é {number}")
    return balancer


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["", "a", "b", "c"]),
        ("name=a", ["a"]),
        ("name=a&name=c", ["a", "c"]),
        ("name=", [""]),
        ("name=x", []),
        ("name=a%00", []),
        ("name=%ff", []),
        ("lb_algorithm=SOURCE_IP", ["b", "c"]),
        ("lb_algorithm=SOURCE_IP&name=a&name=b", ["b"]),
        ("admin_state_up=True", ["a", "c"]),
        ("admin_state_up=false", ["", "b"]),
        ("admin_state_up=0&admin_state_up=1", ["", "a", "b", "c"]),
        ("description=%C3%A9%201", ["b"]),
        ("description=%C3%A9+1", ["b"]),
        ("tenant_id=ann", ["", "a", "b", "c"]),
        ("project_id=ann&tenant_id=bob", ["", "a", "b", "c"]),
        ("project_id=bob", []),
        ("id=x", []),
    ],
)
def test_a_list_is_filtered(cloud: Cloud, pools: str, query: str, found: list[str]) -> None:
    assert sorted(names(cloud.ann.entries("/lbaas/pools", query))) == found


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("nonsense=1", "nonsense"),
        ("session_persistence=x", "session_persistence"),
        ("admin_state_up=maybe", "admin_state_up"),
        ("sort_key=nonsense", "sort_key"),
        ("sort_key=session_persistence", "sort_key"),
        ("sort_key=members", "sort_key"),
        ("sort_key=name&sort_dir=up", "sort_dir"),
        ("sort_key=name&sort_dir=asc&sort_dir=asc", "sort_dir"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1.5", "limit"),
        ("page_reverse=maybe", "page_reverse"),
        (f"nonsense{'x' * 5_000}=1", "nonsense"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    cloud: Cloud, pools: str, query: str, says: str
) -> None:
    kwargs = {"status": 400, "kind": "HTTPBadRequest", "says": says, "query_string": query}
    cloud.refuses(cloud.ann, "GET", "/lbaas/pools", **kwargs)


def test_a_filter_for_a_number_takes_numbers(cloud: Cloud) -> None:
    tree = cloud.tree(cloud.bob)
    assert cloud.bob.ids("/lbaas/listeners", "protocol_port=80&protocol_port=81") == [tree.listener]
    for far in (81, -1, 2**31, -(2**31) - 1, 2**63, 10**30):
        assert cloud.bob.ids("/lbaas/listeners", f"protocol_port={far}") == []
    for odd in ("x", "", "8_0", "1e1", "9" * 5000):
        kwargs = {"status": 400, "kind": "HTTPBadRequest", "says": "protocol_port"}
        cloud.refuses(cloud.bob, "GET", "/lbaas/listeners", query_string=f"protocol_port={odd}", **kwargs)


def test_only_the_fields_that_are_asked_for_are_shown(cloud: Cloud, pools: str) -> None:
    query = "fields=name&fields=tenant_id&fields=nonsense&sort_key=name&limit=2"
    answer = cloud.ann.ok("GET", "/lbaas/pools", query_string=query)
    assert answer["pools"] == [{"name": "", "tenant_id": "ann"}, {"name": "a", "tenant_id": "ann"}]
    assert answer["pools_links"]
    pool = cloud.ann.ids("/lbaas/pools")[0]
    assert cloud.ann.ok("GET", f"/lbaas/pools/{pool}", query_string="fields=id") == {"pool": {"id": pool}}


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort_key=name", ["", "a", "b", "c"]),
        ("sort_key=name&sort_dir=desc", ["c", "b", "a", ""]),
        ("sort_key=lb_algorithm&sort_key=name&sort_dir=desc&sort_dir=desc", ["c", "b", "a", ""]),
        ("sort_key=lb_algorithm&sort_key=name&sort_dir=asc&sort_dir=desc", ["", "a", "c", "b"]),
        ("sort_key=admin_state_up&sort_key=name", ["", "b", "a", "c"]),
        ("sort_key=name&sort_key=name&sort_dir=desc&sort_dir=asc", ["c", "b", "a", ""]),
        ("&".join(["sort_key=name"] * 500), ["", "a", "b", "c"]),
    ],
)
def test_a_list_is_sorted(cloud: Cloud, pools: str, query: str, order: list[str]) -> None:
    assert names(cloud.ann.entries("/lbaas/pools", query)) == order


def test_a_limit_of_nothing_is_no_limit(cloud: Cloud, pools: str) -> None:
    for limit in ("", "0", "infinite", "1000000"):
        assert len(cloud.ann.entries("/lbaas/pools", f"limit={limit}")) == 4


def test_an_empty_marker_is_the_beginning(cloud: Cloud, pools: str) -> None:
    for rest in ("", "&limit=2", "&limit=2&sort_key=name"):
        first = cloud.ann.ids("/lbaas/pools", rest.lstrip("&"))
        assert first == cloud.ann.ids("/lbaas/pools", f"marker={rest}")


def test_unknown_fields_only_show_nothing(cloud: Cloud, pools: str) -> None:
    pool = cloud.ann.ids("/lbaas/pools")[0]
    query = "fields=nonsense&fields=flavour"
    assert cloud.ann.ok("GET", f"/lbaas/pools/{pool}", query_string=query) == {"pool": {}}
    assert cloud.ann.entries("/lbaas/pools", query) == [{}] * 4
    assert cloud.ann.ok("GET", f"/lbaas/pools/{pool}", query_string="fields=")["pool"]["id"] == pool


NAMES = [
    "family 👨\u200d👩\u200d👧",
    "full\u3000width",
    "no\u00a0break",
    "\u200fmarks",
    "\U000e0041",
    "\ue000",
]


def test_a_name_is_found_whatever_characters_it_has(cloud: Cloud) -> None:
    balancer = cloud.balancer(cloud.bob)["id"]
    cloud.unlimited("bob")
    for name in NAMES:
        made = cloud.pool(balancer, cloud.bob, name=name)["id"]
        assert cloud.bob.ids("/lbaas/pools", urlencode([("name", name)])) == [made]


def written_otherwise(name: str, value: Any) -> list[str]:
    """Return other ways to write a value that mean the same in a body."""
    text = str(value)
    if isinstance(value, bool):
        return [text, text.lower(), str(int(value)), "yes" if value else "no"]
    if re.fullmatch("[0-9a-f-]{36}", text) and name not in ("flavor_id", "device_id"):
        return [text.upper(), text.replace("-", "")]
    if name in ("mac_address", "protocol") and text == text.lower():
        return [text.upper()]
    return []


def test_whatever_a_post_takes_is_filtered_by_however_it_is_written(cloud: Cloud) -> None:
    user = cloud.user("carol", "admin")
    tree = cloud.tree(user)
    group = user.create("security_group")["id"]
    outside = cloud.outside()
    six = user.create("subnet", cidr="FD00:80:0:0::/64", ip_version=6, network_id=tree.network)["id"]
    wanted = [{"ip_address": "FD00:80:0:0::9"}]
    port = user.create("port", network_id=tree.network, security_groups=[group], fixed_ips=wanted)["id"]
    rule = {"direction": "ingress", "protocol": "TCP", "remote_ip_prefix": "10.0.0.0/8"}
    user.create("security_group_rule", security_group_id=group, **rule)
    floating = user.create("floatingip", floating_network_id=outside["network_id"])["id"]
    seen = 0
    for served in (*LBAAS_COLLECTIONS, *NETWORK_COLLECTIONS):
        if served.cls is L7Rule:
            continue
        path = served.path.removeprefix(V2).format(object_id=tree.pool)
        for entry in user.entries(path):
            for name, (_, mark) in columns(served.cls).items():
                shown = wire_names(served.cls)[name]
                if not mark.create or name not in filterable(served.cls) or entry.get(shown) is None:
                    continue
                for text in (str(entry[shown]), *written_otherwise(shown, entry[shown])):
                    assert entry["id"] in user.ids(path, urlencode([(shown, text)])), (path, shown, text)
                    seen += 1
    assert seen > 100
    for path, query, found in [
        ("/subnets", "cidr=FD00:80:0:0::/64", six),
        ("/lbaas/pools", f"listener_id={tree.listener.upper()}", tree.pool),
        ("/lbaas/pools", f"loadbalancer_id={tree.loadbalancer.upper()}", tree.pool),
        ("/lbaas/pools", f"members={tree.member.upper()}", tree.pool),
        ("/lbaas/loadbalancers", f"vip_network_id={tree.network.upper()}", tree.loadbalancer),
        ("/ports", "fixed_ips=ip_address=FD00:80:0:0::9", port),
        ("/ports", f"security_groups={group.upper()}", port),
        ("/floatingips", f"subnet_id={outside['id'].upper()}", floating),
    ]:
        assert user.ids(path, query) == [found], query
    assert user.ids("/ports", f"fixed_ips=subnet_id={tree.subnet.upper()}")
    assert user.ids("/security-groups", "stateful=True&shared=no")
    assert user.ids("/security-groups", "stateful=False") == []


def test_every_attribute_that_a_post_takes_is_filtered_by_unless_it_is_a_document() -> None:
    refused = {
        f"{cls.KIND}.{name}"
        for cls in [each.cls for each in (*LBAAS_COLLECTIONS, *NETWORK_COLLECTIONS)]
        for name in on_wire(cls, LBAAS.form)
        if isinstance(mark := descriptors(cls)[name][1], Attr) and mark.create and name not in filterable(cls)
    }
    assert refused == {
        "subnet.allocation_pools",
        "subnet.dns_nameservers",
        "subnet.host_routes",
        "port.allowed_address_pairs",
        "router.external_gateway_info",
        "listener.sni_container_refs",
        "pool.session_persistence",
    }


@pytest.mark.parametrize("marker", ["x", "%00", "00000000-0000-4000-8000-00000000dead", "%ff"])
def test_a_marker_that_does_not_exist_is_not_found(cloud: Cloud, marker: str) -> None:
    for path in PATHS.values():
        answer = cloud.ann.send("GET", path, query_string=f"limit=2&marker={marker}")
        assert answer.status_code == 404, answer.text
