"""How many connections listeners ask for, and how many there are files for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy import connection_limits
from evener.dataplane.haproxy.settings import Settings

SETTINGS = Settings(maxconn=8000, files=1_048_576)
ASKED = st.just(-1) | st.integers(1, 200_000) | st.just(g.BIG)


def listeners(*asked):
    return [g.listener(connection_limit=each) for each in asked]


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ((), 8000),
        ((-1,), 8000),
        ((5, -1), 8000),
        ((8000,), 8000),
        ((8001,), 16000),
        ((20_000, 5000, -1), 32000),
    ],
)
def test_a_process_takes_what_its_listeners_ask_for_together_in_steps(asked, most):
    found = listeners(*asked)
    assert connection_limits.of_process(g.graph(listeners=found), found, SETTINGS) == most


@given(st.lists(ASKED, min_size=1, max_size=5), st.integers(1000, 1_048_576), st.integers(0, 4000))
def test_a_process_never_wants_more_files_than_it_may_have_and_says_whose_limit_is_too_high(
    asked, files, members
):
    found = listeners(*asked)
    settings = Settings(maxconn=8000, files=files)
    node = (g.pool(), [g.member(id=g.nth(1))] * members, None)
    graph = g.graph(listeners=found, pools=[node])
    most = connection_limits.of_process(graph, found, settings)
    assert most == 1 or 2 * most + members < files
    each = [connection_limits.of_listener(one, settings, most) for one in found]
    assert all(1 <= number <= most for number in each)
    too_high = connection_limits.too_high(graph, found, settings)
    assert too_high.keys() == {one.id for one in found if one.connection_limit > most}
    assert all(str(most) in reason and "connection_limit" in reason for reason in too_high.values())


def test_a_member_more_changes_no_limit_of_a_process_that_has_few_files():
    (front,) = found = listeners(g.BIG)
    settings = Settings(files=20_000)
    few, more = (
        g.graph(listeners=found, pools=[(g.pool(id=g.nth(1)), [g.member(id=g.nth(2))] * number, None)])
        for number in (1, 999)
    )
    assert (
        connection_limits.of_process(few, [front], settings)
        == connection_limits.of_process(more, [front], settings)
        > 9000
    )
