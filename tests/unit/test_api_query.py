"""What a query string asks for, the links of a page, and who may do what: without a server or a database."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener import config
from evener.api.dialects.lbaas import rule_name
from evener.api.dialects.lbaas_lists import links, parse
from evener.api.policy import Policy, defaults
from evener.api.query import LONGEST, MAX_PAGE, MOST_PARAMETERS, MOST_SORT_KEYS, Listing
from evener.resources.caller import Caller
from evener.resources.errors import Forbidden, InvalidInput
from evener.resources.pool import Pool
from evener.store.rows import ListQuery
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.network.resources.network import Network
from lbaas_names import type_name

URL = "http://x/networking/v2.0/lbaas/pools"


@pytest.mark.parametrize(
    ("text", "query", "fields"),
    [
        ("", ListQuery(), None),
        ("name=a&name=b", ListQuery({"name": ["a", "b"]}), None),
        ("name=", ListQuery({"name": [""]}), None),
        ("tenant_id=p&project_id=q", ListQuery({"project_id": ["p", "q"]}), None),
        ("limit=5&marker=m", ListQuery(limit=5, marker="m"), None),
        ("limit=0", ListQuery(), None),
        ("limit=infinite", ListQuery(), None),
        ("limit=999999999", ListQuery(limit=MAX_PAGE), None),
        ("page_reverse=True", ListQuery(reverse=True), None),
        ("page_reverse=0", ListQuery(), None),
        ("sort_key=name", ListQuery(sort=[("name", True)]), None),
        ("sort_key=name&sort_dir=desc", ListQuery(sort=[("name", False)]), None),
        ("sort_key=tenant_id&sort_key=id", ListQuery(sort=[("project_id", True), ("id", True)]), None),
        ("fields=id&fields=tenant_id&fields=x&verbose=True", ListQuery(), {"id", "tenant_id"}),
        ("fields=x&fields=", ListQuery(), set()),
        ("fields=", ListQuery(), None),
        ("marker=&limit=", ListQuery(), None),
        ("sort_key=id&sort_key=name&sort_key=id", ListQuery(sort=[("id", True), ("name", True)]), None),
        ("name=%C3%A9+%26", ListQuery({"name": ["é &"]}), None),
    ],
)
def test_a_query_string_is_read(text: str, query: ListQuery, fields: set[str] | None) -> None:
    wanted = None if fields is None else frozenset(fields)
    assert parse(Pool, text) == Listing(replace(query, sort=list(query.sort)), wanted)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("name=" + "x" * LONGEST, str(LONGEST)),
        ("&".join(["name=a"] * (MOST_PARAMETERS + 1)), str(MOST_PARAMETERS)),
        ("&".join(f"sort_key={number}" for number in range(MOST_SORT_KEYS + 1)), str(MOST_SORT_KEYS)),
    ],
)
def test_a_question_that_is_too_long_is_refused_with_the_bound(query: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse(Pool, query)


@given(st.text(alphabet=st.characters(categories=["Nd"]), min_size=1, max_size=5) | st.just("1_0"))
def test_a_limit_is_written_in_ascii_digits(text: str) -> None:
    query = urlencode([("limit", text)])
    if text.isascii() and text.isdecimal():
        parse(Pool, query)
    else:
        with pytest.raises(InvalidInput, match="limit"):
            parse(Pool, query)


def test_an_attribute_is_asked_for_by_its_name_on_the_wire() -> None:
    found = parse(Network, "router%3Aexternal=True&sort_key=router%3Aexternal")
    assert found.query.filters == {"router_external": ["True"]}
    assert found.query.sort == [("router_external", True)]


@given(
    st.lists(st.tuples(st.sampled_from(["limit", "page_reverse", "sort_key", "sort_dir", "x"]), st.text()))
)
def test_any_query_string_is_read_or_refused_in_words(pairs: list[tuple[str, str]]) -> None:
    said = ""
    try:
        parse(Pool, urlencode(pairs, errors="surrogatepass"))
    except InvalidInput as error:
        said = error.message
    assert len(said.encode()) < 1000


def page(text: str, *ids: str) -> dict[str, dict[str, list[str]]]:
    """Return the queries of the links of a page of these objects."""
    found = links(URL, text, parse(Pool, text), [{"id": each} for each in ids])
    assert all(link["href"].startswith(f"{URL}?") for link in found)
    return {link["rel"]: parse_qs(urlsplit(link["href"]).query) for link in found}


def test_a_list_without_a_limit_or_rows_has_no_links() -> None:
    assert page("name=a", "1", "2") == {}
    assert page("limit=2") == {}


def test_the_first_page_leads_on_and_the_last_one_back() -> None:
    first = page("limit=2&name=a&name=b&sort_key=name&fields=name", "1", "2")
    rest = {"limit": ["2"], "name": ["a", "b"], "sort_key": ["name"], "fields": ["name"]}
    assert first == {"next": {**rest, "marker": ["2"]}}
    assert page("limit=2&marker=2", "3") == {
        "previous": {"limit": ["2"], "marker": ["3"], "page_reverse": ["True"]}
    }


def test_a_page_in_the_middle_leads_both_ways() -> None:
    for text in ("limit=2&marker=x", "limit=2&marker=x&page_reverse=True", "limit=2&page_reverse=True"):
        assert page(text, "3", "4") == {
            "next": {"limit": ["2"], "marker": ["4"]},
            "previous": {"limit": ["2"], "marker": ["3"], "page_reverse": ["True"]},
        }


def test_a_page_that_came_back_to_the_start_leads_on_only() -> None:
    assert page("limit=2&marker=x&page_reverse=True", "1").keys() == {"next"}


def caller(*roles: str) -> Caller:
    return Caller("u", "p", frozenset(roles))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(config.load([], "evener-test"), NETWORKING.kinds, NETWORKING.rules)


VERBS = ("get", "create", "update", "delete")


@pytest.mark.parametrize(
    "cls", [cls for cls in NETWORKING.kinds if not cls.FOR_ADMINISTRATORS], ids=lambda cls: cls.KIND
)
@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ((), set()),
        (("swimmer",), set()),
        (("reader",), {"get"}),
        (("member",), set(VERBS)),
        (("admin",), set(VERBS)),
        (("reader", "swimmer"), {"get"}),
        (("reader", "member"), set(VERBS)),
    ],
)
def test_roles_allow_what_the_table_says(
    policy: Policy, cls: Any, roles: tuple[str, ...], allowed: set[str]
) -> None:
    for verb in VERBS:
        if verb in allowed:
            policy.check(caller(*roles), verb, cls)
        else:
            with pytest.raises(Forbidden) as caught:
                policy.check(caller(*roles), verb, cls)
            assert caught.value.message == f"rule:{rule_name(verb, cls)} is disallowed by policy"
            assert type_name(caught.value) == "PolicyNotAuthorized"


@pytest.mark.parametrize(
    "cls", [cls for cls in NETWORKING.kinds if cls.FOR_ADMINISTRATORS], ids=lambda cls: cls.KIND
)
def test_what_is_for_administrators_others_read_only(policy: Policy, cls: Any) -> None:
    policy.check(caller("member"), "get", cls)
    for verb in ("create", "update", "delete"):
        policy.check(caller("admin"), verb, cls)
        with pytest.raises(Forbidden):
            policy.check(caller("member"), verb, cls)


def test_every_kind_has_a_rule_for_every_verb() -> None:
    assert {rule.name for rule in defaults(NETWORKING.kinds, NETWORKING.rules)} >= {
        rule_name(verb, cls) for cls in NETWORKING.kinds for verb in VERBS
    }


@pytest.mark.parametrize("name", ["shared", "router_external"])
def test_an_attribute_of_administrators_is_theirs_unless_it_is_the_default(policy: Policy, name: str) -> None:
    for roles in (("member",), ("reader",), ()):
        policy.check_attributes(caller(*roles), "create", Network, {name: False, "name": "x"})
        with pytest.raises(Forbidden, match=name.replace("_", ".")):
            policy.check_attributes(caller(*roles), "create", Network, {name: True})
    policy.check_attributes(caller("admin"), "create", Network, {name: True})
