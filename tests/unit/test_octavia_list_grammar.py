"""What a query string asks of a list of Octavia's API, and the links of a page: without a server or a database."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from evener.api.dialects.octavia import FORM
from evener.api.dialects.octavia_lists import pages, read, read_one
from evener.api.query import MAX_PAGE, MOST_SORT_KEYS, Listing
from evener.resources.errors import InvalidInput
from evener.resources.flavor_profile import FlavorProfile
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.store.rows import ListQuery

URL = "http://x/load-balancer/v2.0/lbaas/pools"
OLDEST = ("created_at", True)


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("name=a&name=b&protocol=HTTP", {"name": ["a", "b"], "protocol": ["HTTP"]}),
        ("tenant_id=p&project_id=q", {"project_id": ["p", "q"]}),
        ("loadbalancer_id=a&load_balancer_id=b", {"loadbalancer_id": ["a", "b"]}),
        ("listener_id=a", {"listener_id": ["a"]}),
        ("name=", {"name": [""]}),
        ("admin_state_up=perhaps&admin_state_up=true", {"admin_state_up": ["true"]}),
    ],
)
def test_filters_are_all_attributes_with_any_of_their_values(text: str, filters: dict[str, Any]) -> None:
    assert read(Pool, text, FORM).query.filters == filters


def test_what_fits_no_number_is_the_number_of_nothing() -> None:
    assert read(Member, "weight=heavy", FORM).query.filters == {"weight": []}


@pytest.mark.parametrize("name", ["bogus", "l7_policies", "verbose", "load_balancers", "Name", ""])
def test_what_is_no_filter_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="One or more arguments are either duplicate or invalid"):
        read(Pool, f"{name}=x", FORM)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("", [OLDEST]),
        ("sort=name:desc,id", [("name", False), ("id", True)]),
        ("sort=name&sort=created_at:desc", [("name", True), ("created_at", False)]),
        ("sort_key=name,protocol&sort_dir=desc", [("name", False), ("protocol", True)]),
        ("sort_key=name&sort_key=id&sort_dir=asc&sort_dir=desc", [("name", True), ("id", False)]),
        ("sort=name:desc,name:asc", [("name", False)]),
        ("sort=tenant_id", [("project_id", True)]),
        ("sort=operating_status:desc", [("operating_status", False)]),
        ("sort=healthmonitor_id", [("healthmonitor_id", True)]),
    ],
)
def test_lists_are_sorted_by_names_that_commas_part_and_the_oldest_first(
    text: str, sort: list[tuple[str, bool]]
) -> None:
    assert read(Pool, text, FORM).query.sort == sort


def test_what_is_the_same_for_all_is_no_order() -> None:
    assert read(Member, "sort=vnic_type:desc,weight", FORM).query.sort == [("weight", True)]


@pytest.mark.parametrize(
    "text",
    [
        "sort=bogus",
        "sort=name:up",
        "sort_key=members",
        "sort_key=session_persistence",
        "sort_key=name&sort_dir=ASC",
        "sort=" + ",".join(["name"] * (MOST_SORT_KEYS + 1)),
        "limit=many",
        "limit=1.5",
        "page_reverse=backwards",
    ],
)
def test_what_is_no_order_and_no_page_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read(Pool, text, FORM)


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        ("", MAX_PAGE),
        ("limit=5", 5),
        ("limit=1000000", MAX_PAGE),
        ("limit=0", None),
        ("limit=-7", None),
        ("limit=infinite", None),
    ],
)
def test_a_page_has_a_thousand_objects_unless_told_otherwise(limit: str, size: int | None) -> None:
    assert read(Pool, limit, FORM).query.limit == size


def test_fields_are_repeated_and_unknown_ones_show_nothing() -> None:
    assert read(Pool, "fields=id&fields=tenant_id", FORM).fields == {"id", "tenant_id"}
    assert read(Pool, "fields=id,name", FORM).fields == set()


def test_of_one_object_only_fields_mean_anything() -> None:
    found = read_one(Pool, "fields=id&bogus=1&limit=x&sort=what", FORM)
    assert found == Listing(ListQuery(), frozenset({"id"}))


def links(text: str, ids: list[str]) -> dict[str, dict[str, str]]:
    found = pages(Pool, URL, text, read(Pool, text, FORM), [{"id": each} for each in ids])
    return {each["rel"]: dict(parse_qsl(urlsplit(each["href"]).query)) for each in found["pools_links"]}


def test_links_keep_all_that_was_asked_for_besides_the_page() -> None:
    asked = {"limit": "2", "name": "a", "sort": "name:desc", "fields": "id"}
    text = "limit=2&name=a&sort=name:desc&fields=id"
    ahead = {"next": {**asked, "marker": "c"}}
    back = {"previous": {**asked, "marker": "b", "page_reverse": "True"}}
    assert links(text, ["b", "c"]) == ahead
    assert links(f"{text}&marker=a", ["b", "c"]) == {**back, **ahead}
    assert links(f"{text}&marker=a", ["b"]) == back
    assert links(f"{text}&marker=d&page_reverse=True", ["b", "c"]) == {**back, **ahead}
    assert links(f"{text}&marker=a", []) == {}
    assert links(text, ["b"]) == {}
    assert links("limit=0", ["b"]) == {}


def test_links_stand_where_clients_look_for_them() -> None:
    for cls, name in ((Listener, "listeners_links"), (FlavorProfile, "flavorprofile_links")):
        assert pages(cls, URL, "", read(cls, "", FORM), []) == {name: []}
