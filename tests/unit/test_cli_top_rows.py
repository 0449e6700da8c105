"""What the live view works out of two readings, and the tree of statuses, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.cli.status_tree import title, top_level
from evener.cli.top import View
from evener.cli.top_rows import (
    HEADINGS,
    SPARED,
    WORDS,
    Row,
    Sample,
    cells,
    counters_by_id,
    fitting,
    headings,
    number,
    ordered,
    rate,
    rows,
)

COUNTERS = st.dictionaries(st.sampled_from(["total_connections", "bytes_in"]), st.integers(0, 10**15))


@given(COUNTERS, COUNTERS, st.floats(0, 100))
def test_a_rate_is_never_negative_and_unknown_after_a_new_beginning(before, now, seconds):
    found = rate(before, now, "bytes_in", seconds)
    assert found is None or found >= 0
    if "bytes_in" in before and now.get("bytes_in", -1) < before["bytes_in"]:
        assert found is None


def test_rates_are_per_second():
    tree = {"id": "lb", "name": "LB", "operating_status": "ONLINE"}
    before = Sample(10.0, tree, {"lb": {"total_connections": 100, "bytes_in": 0}})
    now = Sample(12.0, tree, {"lb": {"total_connections": 110, "bytes_in": 3000}})
    (row,) = rows(before, now)
    assert (row.connections_per_s, row.bytes_in_per_s, row.bytes_out_per_s, row.total) == (
        5.0,
        1500.0,
        None,
        110,
    )
    (first,) = rows(None, now)
    assert first.connections_per_s is None


def test_requests_are_counted_where_the_server_counts_them():
    tree = {"id": "lb", "listeners": [{"id": "http", "name": "H"}, {"id": "tcp", "name": "T"}]}
    before = Sample(0.0, tree, {"lb": {"requests": 10}, "http": {"requests": 10}, "tcp": {"bytes_in": 0}})
    now = Sample(2.0, tree, {"lb": {"requests": 50}, "http": {"requests": 50}, "tcp": {"bytes_in": 9}})
    assert [row.requests_per_s for row in rows(before, now)] == [20.0, 20.0, None]
    place = HEADINGS.index("reqs/s")
    assert [cells(row)[place] for row in rows(before, now)] == ["20", "20", "-"]


def test_counters_come_by_object_where_the_server_has_them():
    stats = {"bytes_in": 1, "listeners": {"l": {"bytes_in": 2}}, "members": {"m": {"bytes_in": 3}}}
    assert counters_by_id("lb", stats) == {"lb": {"bytes_in": 1}, "l": {"bytes_in": 2}, "m": {"bytes_in": 3}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.5, "0.5"),
        (999, "999"),
        (1000, "1k"),
        (1500, "1.5k"),
        (2_000_000, "2M"),
        (10**15, "1000T"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_pool_of_a_listener_stands_below_it_only():
    used, spare = {"id": "p1"}, {"id": "p2"}
    tree = {"id": "lb", "listeners": [{"id": "l", "pools": [used]}], "pools": [used, spare]}
    assert [(kind, node["id"]) for kind, node in top_level(tree)] == [("listener", "l"), ("pool", "p2")]


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"id": "1", "name": "web1", "address": "10.0.0.1", "protocol_port": 80}, "web1 10.0.0.1:80"),
        ({"id": "1", "name": "", "address": "fd00::1", "protocol_port": 80}, "[fd00::1]:80"),
        ({"id": "1", "name": "A", "action": "REJECT"}, "A REJECT"),
        ({"id": "1", "name": ""}, "1"),
    ],
)
def test_objects_are_called_by_what_people_know_of_them(node, text):
    assert title(node) == text


@given(
    st.lists(st.tuples(*[st.text(max_size=30)] * 2, *[st.text("0123456789kM", max_size=5)] * 7)),
    st.integers(20, 200),
)
def test_columns_that_a_narrow_terminal_shows_are_whole(lines, width):
    shown = fitting(lines, width)
    assert shown[:3] == [0, 1, 2]  # what it is, how it fares, what it does
    assert shown == sorted(shown)
    needed = sum(max(len(line[place]) for line in [HEADINGS, *lines]) + 2 for place in shown)
    assert needed <= width or len(shown) == 3
    assert len(fitting(lines, width + 50)) >= len(shown)


def balancer(name, **values):
    """Return the rows of a load balancer with a listener below it."""
    return [Row(0, "load balancer", name, "ONLINE", **values), Row(1, "listener", f"l of {name}", "ONLINE")]


@pytest.mark.parametrize(
    ("word", "turned", "names"),
    [
        ("name", False, "abcd"),
        ("name", True, "dcba"),
        ("conns", False, "bcda"),  # the most first, those that are equal by name, the unknown last
        ("conns", True, "cdba"),
        ("in", False, "abcd"),  # nobody knows
    ],
)
def test_load_balancers_are_sorted_with_what_is_below_them(word, turned, names):
    found = [
        balancer("d", connections=1),
        balancer("B".lower(), connections=9),
        balancer("a"),
        balancer("c", connections=1),
    ]
    lines = ordered(found, word, turned=turned)
    assert "".join(row.title for row in lines if row.depth == 0) == names
    assert [row.title for row in lines if row.depth] == [f"l of {name}" for name in names]


@given(st.sampled_from(WORDS), st.booleans())
def test_the_column_that_is_sorted_by_bears_a_sign_and_goes_last(word, turned):
    titles = headings(word, turned=turned)
    (place,) = (at for at, title in enumerate(titles) if title not in HEADINGS)
    assert place == WORDS.index(word)
    narrow = fitting([["x" * 40] * len(HEADINGS)], 3 * 42 + 42, titles)
    assert HEADINGS[place] not in SPARED or place in narrow


@given(st.lists(st.sampled_from(["up", "down", "page up", "page down", "home", "end", "g", "G", "x"])))
def test_no_key_leads_past_the_first_or_last_row(keys):
    view = View("name")
    for key in keys:
        view = view.after(key, 25, 10)
        assert 0 <= view.top <= 15
    assert view.after("end", 25, 10).top == 15
    assert view.after("home", 25, 10).top == 0
    assert view.after("down", 5, 10).top == 0


def test_keys_sort_by_the_next_column_by_the_one_before_and_the_other_way_round():
    view = View("name", top=3)
    assert view.after("s", 9, 2) == View("status")
    assert view.after("S", 9, 2) == View("errors")
    assert view.after("right", 9, 2).after("left", 9, 2) == View("name")
    assert view.after("r", 9, 2) == View("name", turned=True)
