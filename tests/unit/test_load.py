"""Who gets what is new, by what agents say of their load; and what they say, whatever it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.control.load import CONNECTIONS, MEMBERS, SCARCE, Load, load_of, weight
from evener.control.scheduling import Candidate, for_balancer, for_pair
from evener.host import memory
from evener.services.network import ANYWHERE

loads = st.builds(
    Load,
    members=st.integers(0, 5 * MEMBERS),
    connections=st.integers(0, 5 * CONNECTIONS),
    memory_left=st.none() | st.floats(0, 1),
)


def agents(load: st.SearchStrategy[Load | None]) -> st.SearchStrategy[list[Candidate]]:
    made = st.builds(
        Candidate,
        id=st.sampled_from("abcdef"),
        working=st.just(value=True),
        balancers=st.integers(0, 8),
        domain=st.sampled_from(("rack 1", "rack 2")),
        pairs=st.just(value=True),
        load=load,
    )
    return st.lists(made, unique_by=lambda each: each.id, min_size=1, max_size=6)


def is_full(agent: Candidate) -> bool:
    assert agent.load is not None
    return agent.load.memory_left is not None and agent.load.memory_left < SCARCE


def weighs(agent: Candidate) -> float:
    assert agent.load is not None
    return weight(agent.balancers, agent.load.members, agent.load.connections)


def chosen(candidates: list[Candidate]) -> Candidate:
    (found,) = (each for each in candidates if each.id == for_balancer(candidates, ANYWHERE))
    return found


@given(agents(loads))
def test_the_one_with_the_least_load_gets_it_and_one_without_memory_last(candidates: list[Candidate]) -> None:
    found = chosen(candidates)
    roomy = [each for each in candidates if not is_full(each)]
    assert not is_full(found) or not roomy
    assert all(weighs(found) < weighs(each) + 1 for each in roomy or candidates)


@given(agents(st.none() | loads))
def test_where_one_says_nothing_all_are_compared_by_load_balancers_alone(candidates: list[Candidate]) -> None:
    found = chosen(candidates)
    if any(each.load is None for each in candidates):
        assert found.balancers == min(each.balancers for each in candidates)


@given(agents(loads))
def test_two_of_a_pair_are_apart_and_each_has_the_least_load_of_its_domain(
    candidates: list[Candidate],
) -> None:
    if len({each.domain for each in candidates}) < 2:
        return
    by_id = {each.id: each for each in candidates}
    two = [by_id[each] for each in for_pair(candidates, ANYWHERE)]
    assert {each.domain for each in two} == {"rack 1", "rack 2"}
    for each in two:
        assert each == chosen([other for other in candidates if other.domain == each.domain])


@given(st.lists(st.integers(0, 2 * MEMBERS), min_size=1, max_size=30), st.integers(1, 5))
def test_what_comes_one_after_the_other_is_evened_out(sizes: list[int], number: int) -> None:
    has = {str(each): Candidate(str(each), True, 0, load=Load(0, 0)) for each in range(number)}
    for members in sizes:
        one = chosen(list(has.values()))
        assert one.load is not None
        load = Load(one.load.members + members, 0)
        has[one.id] = Candidate(one.id, True, one.balancers + 1, load=load)
    weights = [weighs(each) for each in has.values()]
    assert max(weights) - min(weights) <= 2 + weight(1, max(sizes), 0)


@pytest.mark.parametrize(
    ("said", "load"),
    [
        ({}, None),
        ({"load": {"members": 3, "connections": 4}}, Load(3, 4)),
        ({"load": {"members": 3, "connections": 4, "memory_left": 0.5, "more": 1}}, Load(3, 4, 0.5)),
        ({"load": {"members": 3, "connections": 4, "memory_left": None}}, Load(3, 4)),
        ({"load": {"members": -3, "connections": 4}}, None),
        ({"load": {"members": 3}}, None),
        ({"load": "much"}, None),
        ({"load": [3, 4]}, None),
        ({"load": {"members": 10**400, "connections": 4}}, None),
        ({"load": {"members": 3, "connections": float("inf")}}, None),
        *(
            ({"load": {"members": 3, "connections": 4, "memory_left": left}}, None)
            for left in (float("nan"), float("inf"), 10**400, -0.1, 1.1, "much", {})
        ),
    ],
)
def test_what_an_agent_says_is_taken_where_it_is_understood(
    said: dict[str, object], load: Load | None
) -> None:
    assert load_of(said) == load


def test_the_memory_that_is_left_is_a_part_of_the_hosts(tmp_path: Path) -> None:
    found = memory.left()
    assert found is not None
    assert 0 < found <= 1
    assert memory.left(tmp_path / "nothing") is None
    (tmp_path / "odd").write_text("MemTotal: 0 kB\nMemAvailable: 0 kB\n")
    assert memory.left(tmp_path / "odd") is None
