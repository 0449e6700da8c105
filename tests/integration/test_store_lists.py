"""Paging, sorting and filtering on each kind of database: every row once, in one order, forwards and back."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from api_cloud import Cloud, User

from evener.resources.describe import columns
from evener.resources.listener import Listener
from evener.resources.pool import Pool
from evener.store import rows
from evener.store.schema import listeners

NAMES = ("", "a", "a", "A", "b", "é", "ß", "_", "%", "a ", "𝄞")


@pytest.fixture
def cloud(any_cloud: Cloud) -> Cloud:
    """Return a cloud with listeners, half of them with a default pool, of names that sort in many ways."""
    balancer = any_cloud.balancer()["id"]
    pools = [any_cloud.pool(balancer, name=name)["id"] for name in ("p", "q")]
    for number, name in enumerate(NAMES):
        any_cloud.ann.create(
            "listener",
            loadbalancer_id=balancer,
            protocol="HTTP",
            protocol_port=number + 1,
            name=name,
            admin_state_up=number % 3 == 0,
            default_pool_id=[None, *pools][number % 3],
        )
    return any_cloud


def follow(user: User, path: str, query: str, rel: str) -> tuple[list[list[str]], str]:
    """Follow the links `rel` from a page on; return the pages' ids, and the last page's query string."""
    pages: list[list[str]] = []
    while True:
        answer = user.ok("GET", path, query_string=query)
        pages.append([entry["id"] for entry in answer["listeners"]])
        link = [entry["href"] for entry in answer.get("listeners_links", []) if entry["rel"] == rel]
        if not link:
            return [page for page in pages if page], query
        query = urlsplit(link[0]).query
        assert len(pages) <= len(NAMES) + 1, "the links go round in circles"


KEYS = ["id", "name", "protocol_port", "admin_state_up", "default_pool_id", "created_at", "description"]
SORTS = [
    *(f"sort_key={key}&sort_dir={way}" for key in KEYS for way in ("asc", "desc")),
    "sort_key=admin_state_up&sort_key=default_pool_id&sort_key=name&sort_dir=desc&sort_dir=desc&sort_dir=asc",
    "sort_key=default_pool_id&sort_key=admin_state_up&sort_dir=asc&sort_dir=desc",
    "",
]


def test_links_lead_through_all_pages_and_back_whatever_the_order(cloud: Cloud) -> None:
    path = "/lbaas/listeners"
    for sort in SORTS:
        everything = cloud.ann.ids(path, sort)
        assert len(set(everything)) == len(NAMES)
        for limit in (1, 3, len(NAMES), 50):
            pages, _ = follow(cloud.ann, path, f"{sort}&limit={limit}&fields=id", "next")
            assert [one for page in pages for one in page] == everything, (sort, limit)
            last = f"{sort}&limit={limit}&page_reverse=true"
            back, _ = follow(cloud.ann, path, last, "previous")
            assert [one for page in reversed(back) for one in page] == everything, (sort, limit)


def test_descending_is_ascending_from_behind_in_what_is_alike_too(cloud: Cloud) -> None:
    for key in KEYS:
        ascending, descending = (
            cloud.ann.ids("/lbaas/listeners", f"sort_key={key}&sort_dir={way}") for way in ("asc", "desc")
        )
        assert descending == ascending[::-1], key
    oldest_first = cloud.ann.ids("/lbaas/listeners", "sort_key=created_at")
    assert cloud.ann.ids("/lbaas/listeners", "sort_key=description") == oldest_first


def test_a_page_s_link_back_leads_to_the_page_before(cloud: Cloud) -> None:
    path, query = "/lbaas/listeners", "sort_key=name&sort_dir=asc&limit=4"
    forwards, query_of_last = follow(cloud.ann, path, query, "next")
    backwards, _ = follow(cloud.ann, path, query_of_last, "previous")
    assert forwards[:-1] == [page for page in reversed(backwards) if page != forwards[-1]]


def test_every_attribute_with_a_column_is_filtered_and_sorted_by_or_refused(cloud: Cloud) -> None:
    for cls, path in ((Listener, "/lbaas/listeners"), (Pool, "/lbaas/pools")):
        for name in columns(cls):
            for value in ("x", "1", "true", "", "é", "9" * 30, "-1", "a" * 300):
                for query in (f"{name}={value}", f"sort_key={name}&limit=2&{name}={value}"):
                    assert cloud.ann.send("GET", path, query_string=query).status_code in (200, 400)


def test_names_are_compared_character_by_character(cloud: Cloud) -> None:
    for name in set(NAMES):
        wanted = {"name": [name]}
        with cloud.database.read() as tx:
            found = rows.listing(tx, Listener, rows.ListQuery(wanted))
        assert [listener.name for listener in found] == [name] * NAMES.count(name)


def test_a_filter_of_very_many_values_is_answered_or_refused_in_words(cloud: Cloud) -> None:
    ids = cloud.ann.ids("/lbaas/listeners")
    query = "&".join(f"id={value}" for value in [*map(str, range(1000)), *ids])
    assert set(cloud.ann.ids("/lbaas/listeners", query)) == set(ids)
    far_too_many = "&".join(["id=x"] * 70_000 + [f"id={number}" for number in range(30_000)])
    answer: Any = cloud.ann.send("GET", "/lbaas/listeners", query_string=far_too_many)
    assert answer.status_code in (200, 400, 414), answer.text


def test_the_column_of_a_filter_is_no_part_of_the_statement(cloud: Cloud) -> None:
    for hostile in ("id;drop table listeners", "id' or '1'='1", "__table__", "c", "id--"):
        for query in (f"{hostile}=x", f"sort_key={hostile}"):
            assert cloud.ann.send("GET", "/lbaas/listeners", query_string=query).status_code == 400
    with cloud.database.read() as tx:
        assert len(tx.scalar_ids(listeners.select())) == len(NAMES)
