"""Lists of Octavia's API, on every database: filters, orders, pages and their links, and moments."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from api_cloud import Cloud, Json, Tree, User

from evener.api.dialects.octavia import FORM
from evener.api.dialects.octavia_lists import parameters
from evener.api.octavia import COLLECTIONS
from evener.resources.wire import on_wire
from evener.store.filters import constants, sortable

KINDS = {served.cls.PLURAL: served.cls for served in COLLECTIONS if not served.cls.FOR_ADMINISTRATORS}


@pytest.fixture
def cloud(any_cloud: Cloud) -> Cloud:
    return any_cloud


def grown(cloud: Cloud) -> dict[str, str]:
    """Make some objects of each kind that differ in what they are sorted by, and return the lists' paths."""
    cloud.unlimited("ann")
    tree, ann = cloud.tree(), cloud.ann.octavia
    for number, name in enumerate(("b", "a", "", "B")):
        cloud.balancer(name=name, admin_state_up=number % 2 == 0)
        pool = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        made = ann.ok("POST", "/pools", {"pool": {**pool, "name": name, "description": "x" * number}})["pool"]
        listener = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 90 - number}
        ann.ok(
            "POST", "/listeners", {"listener": {**listener, "name": name, "connection_limit": number // 2}}
        )
        member = {"address": f"10.0.0.{20 - number}", "protocol_port": 80, "weight": number // 2}
        ann.ok("POST", f"/pools/{tree.pool}/members", {"member": {**member, "name": name}})
        monitor = {"pool_id": made["id"], "type": "HTTP", "delay": number + 2, "timeout": 2, "max_retries": 3}
        monitor |= {"max_retries_down": number + 2, "url_path": f"/{number // 2}"}
        ann.ok("POST", "/healthmonitors", {"healthmonitor": {**monitor, "name": name}})
    cloud.pool(tree.loadbalancer, name="without a monitor")
    first, *_ = policies = [policy(ann, tree, number) for number in range(4)]
    to_url = {"listener_id": tree.listener, "action": "REDIRECT_TO_URL", "redirect_url": "http://a.example/"}
    cloud.ann.ok("POST", "/lbaas/l7policies", {"l7policy": to_url})  # which says nothing of a code
    for code in (301, 307):
        ann.ok("POST", "/l7policies", {"l7policy": {**to_url, "redirect_http_code": code}})
    for number in range(4):
        rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": f"/{number // 2}"}
        ann.ok("POST", f"/l7policies/{first}/rules", {"rule": rule})
    cloud.applied(tree.loadbalancer)
    assert len(policies) == 4
    below = {"members": f"/pools/{tree.pool}/members", "rules": f"/l7policies/{first}/rules"}
    below["events"] = f"/loadbalancers/{tree.loadbalancer}/events"
    return {name: below.get(name, f"/{name}") for name in KINDS}


def policy(ann: User, tree: Tree, number: int) -> str:
    values = {"listener_id": tree.listener, "action": "REJECT", "name": "a" if number % 2 else ""}
    return str(ann.ok("POST", "/l7policies", {"l7policy": values})["l7policy"]["id"])


def followed(user: User, path: str, query: str, rel: str) -> Iterator[list[Json]]:
    """Return the pages that links lead to, from the one that `query` asks for."""
    name = path.rpartition("/")[2]
    while True:
        answer = user.ok("GET", path, query_string=query)
        yield answer[name]
        href = {each["rel"]: each["href"] for each in answer[f"{name}_links"]}.get(rel)
        if href is None:
            return
        query = urlsplit(href).query


def whole(user: User, path: str, query: str = "") -> list[Json]:
    answer = user.ok("GET", path, query_string=query)
    found: list[Json] = answer[path.rpartition("/")[2]]
    return found


def placed(value: Any) -> tuple[bool, Any]:
    """Return what a value is compared by: null comes first, and databases have text as it is."""
    return value is not None, value if value is not None else 0


def test_everything_shown_is_sorted_by_both_ways_and_page_by_page(cloud: Cloud) -> None:
    for name, path in grown(cloud).items():
        cls, ann = KINDS[name], cloud.ann.octavia
        entries = whole(ann, path)
        moments = [(each["created_at"], each["id"]) for each in entries]
        assert len(entries) >= 4
        in_order = sorted((each[0] for each in moments), reverse=cls.NEWEST_FIRST)
        assert [each[0] for each in moments] == in_order
        given = [item for each in entries for item in each.items() if item[1] is not None]
        scalars = {key for key, value in given if not isinstance(value, list | dict)}
        called = on_wire(cls, FORM)
        keys = {called[key] for key in {*sortable(cls), *constants(cls)} if key in called}
        assert scalars - keys <= {"tenant_id"}, name
        for key in sorted(keys & scalars):
            for direction in ("asc", "desc"):
                query = f"sort={key}:{direction}"
                sorted_ids = [each["id"] for each in whole(ann, path, query)]
                values = [placed(each.get(key)) for each in whole(ann, path, query)]
                assert values == sorted(values, reverse=direction == "desc"), (name, query)
                pages = list(followed(ann, path, f"{query}&limit=2", "next"))
                assert [each["id"] for page in pages for each in page] == sorted_ids, (name, query)


def test_links_lead_back_too(cloud: Cloud) -> None:
    paths, ann = grown(cloud), cloud.ann.octavia
    for path in paths.values():
        ids = [each["id"] for each in whole(ann, path)]
        back = list(followed(ann, path, f"limit=2&marker={ids[-1]}&page_reverse=True", "previous"))
        assert [each["id"] for page in reversed(back) for each in page] == ids[:-1]


def test_pages_keep_their_filters(cloud: Cloud) -> None:
    grown(cloud)
    pages = list(followed(cloud.ann.octavia, "/loadbalancers", "limit=1&admin_state_up=false", "next"))
    assert [len(page) for page in pages] == [1, 1, 0]
    assert {each["admin_state_up"] for page in pages for each in page} == {False}


def test_everything_shown_is_filtered_by(cloud: Cloud) -> None:
    paths, ann = grown(cloud), cloud.ann.octavia
    for name, path in paths.items():
        entries = whole(ann, path)
        known = parameters(KINDS[name], FORM)
        for key in sorted({key for each in entries for key in each} & set(known)):
            for value in {
                each[key] for each in entries if isinstance(each.get(key), str | int) and key != "tags"
            }:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                found = ann.ok("GET", path, params={key: text})[name]
                expected = [each["id"] for each in entries if each.get(key) == value]
                assert [each["id"] for each in found] == expected, (name, key, value)
        for query in ("id=x", "created_at=yesterday", "created_at=0001-01-01T00:00:00", "name=nobody"):
            assert whole(ann, path, query) == []
        assert ann.send("GET", path, query_string="bogus=1").status_code == 400
        assert ann.send("GET", path, query_string="marker=bogus").status_code == 400


def test_filters_of_several_names_must_all_hold_and_any_value_of_each(cloud: Cloud) -> None:
    grown(cloud)
    found = whole(cloud.ann.octavia, "/pools", "name=a&name=b&protocol=HTTP&description=xx&description=x")
    assert [each["name"] for each in found] == ["a"]


def test_pools_are_found_by_their_load_balancer_and_their_listener(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.pool(cloud.balancer()["id"])
    for query in (
        f"loadbalancer_id={tree.loadbalancer}",
        f"load_balancer_id={tree.loadbalancer}",
        f"listener_id={tree.listener}",
    ):
        assert [each["id"] for each in whole(cloud.ann.octavia, "/pools", query)] == [tree.pool]


MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def test_moments_are_seconds_without_a_zone_and_never_null(cloud: Cloud) -> None:
    paths, ann = grown(cloud), cloud.ann.octavia
    for path in paths.values():
        for each in whole(ann, path):
            assert MOMENT.fullmatch(each["created_at"])
            if path != paths["events"]:  # which nobody changes
                assert MOMENT.fullmatch(each["updated_at"])
                assert each["updated_at"] >= each["created_at"]


def test_a_change_moves_updated_at_alone(cloud: Cloud, at: Callable[[datetime], None]) -> None:
    balancer = cloud.balancer()["id"]
    ann, path = cloud.ann.octavia, f"/loadbalancers/{balancer}"
    before = ann.ok("GET", path)["loadbalancer"]
    at(datetime.fromisoformat("2099-01-01T12:30:01.999999"))
    after = ann.ok("PUT", path, {"loadbalancer": {"name": "new"}})["loadbalancer"]
    assert (after["created_at"], after["updated_at"]) == (before["created_at"], "2099-01-01T12:30:01")
    assert whole(ann, "/loadbalancers", "updated_at=2099-01-01T12:30:01") == [after]
    assert whole(ann, "/loadbalancers", "updated_at=2099-01-01T12:30:02") == []
    assert not {"created_at", "updated_at"} & cloud.ann.show("loadbalancer", balancer).keys()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Return what sets the clock that moments are written down by."""

    def set_clock(moment: datetime) -> None:
        for module in ("evener.store.rows", "evener.control.change"):
            monkeypatch.setattr(f"{module}.now", lambda: moment)

    return set_clock


def test_lbaas_knows_no_attribute_of_later_apis_in_its_lists(cloud: Cloud) -> None:
    for query in ("created_at=x", "backup=true", "sort_key=backup", "sort_key=bogus"):
        path = f"/lbaas/pools/{cloud.tree().pool}/members"
        assert cloud.ann.send("GET", path, query_string=query).status_code == 400
