"""Lists as Neutron's clients ask for them, over HTTP: filters, fields, order."""

from collections.abc import Iterator
from typing import Any

import pytest
from api_cloud import PATHS, Cloud, on_sqlite


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
        (f"nonsense{'x' * 10_000}=1", "nonsense"),
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
        ("&".join(["sort_key=name"] * 2000), ["", "a", "b", "c"]),
    ],
)
def test_a_list_is_sorted(cloud: Cloud, pools: str, query: str, order: list[str]) -> None:
    assert names(cloud.ann.entries("/lbaas/pools", query)) == order


def test_a_limit_of_nothing_is_no_limit(cloud: Cloud, pools: str) -> None:
    for limit in ("", "0", "infinite", "1000000"):
        assert len(cloud.ann.entries("/lbaas/pools", f"limit={limit}")) == 4


@pytest.mark.parametrize("marker", ["x", "", "%00", "00000000-0000-4000-8000-00000000dead", "%ff"])
def test_a_marker_that_does_not_exist_is_not_found(cloud: Cloud, marker: str) -> None:
    for path in PATHS.values():
        answer = cloud.ann.send("GET", path, query_string=f"limit=2&marker={marker}")
        assert answer.status_code == 404, answer.text
