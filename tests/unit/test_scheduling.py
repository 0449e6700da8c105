"""Which agent serves what, decided from what agents say of themselves and what networks need."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evener.control.scheduling import Candidate, fits, for_balancer, reach_of
from evener.resources.errors import Conflict
from evener.services.network import ANYWHERE, Footing
from evener_cloud.network.placement import for_router, for_waiting_router
from lbaas_names import type_name

IDS = ("a", "b", "c", "d")
names = st.sampled_from(("outside", "wire", "virt"))
networks = st.sampled_from(("n1", "n2", "n3"))
counts = st.integers(0, 3)
hosts = st.sampled_from(("host-1", "host-2"))
agents = st.lists(
    st.builds(
        Candidate,
        id=st.sampled_from(IDS),
        working=st.booleans(),
        balancers=counts,
        reaches=st.none() | st.frozensets(names),
        host=hosts,
    ),
    unique_by=lambda each: each.id,
    max_size=4,
)
router_counts = st.dictionaries(st.sampled_from(IDS), counts)
footings = st.builds(
    Footing,
    physical=st.dictionaries(networks, names, max_size=2),
    homes=st.dictionaries(networks, st.frozensets(st.sampled_from(IDS), min_size=1), max_size=2),
    hosts=st.none() | st.frozensets(hosts),
)


def suits(agent: Candidate, footing: Footing) -> bool:
    """Say again, one by one, what an agent needs."""
    for name in footing.physical.values():
        if agent.reaches is not None and name not in agent.reaches:
            return False
    if footing.hosts is not None and agent.host not in footing.hosts:
        return False
    return all(agent.id in home for home in footing.homes.values())


# Each of two has a part of what is needed.
APART = [Candidate("b", True, 0, None, host="host-2"), Candidate("c", True, 0, frozenset(), host="host-1")]
ON_HOST_1 = Footing({"n1": "outside"}, hosts=frozenset({"host-1"}))
ON_TWO_NETWORKS = Footing({"n1": "outside", "n2": "wire"})
OF_ONE_EACH = [
    replace(APART[0], reaches=frozenset({"outside"})),
    replace(APART[1], reaches=frozenset({"wire"})),
]


@given(agents, footings)
@example(APART, ON_HOST_1)
@example(OF_ONE_EACH, ON_TWO_NETWORKS)
def test_a_load_balancer_goes_to_the_working_agent_that_fits_with_the_fewest(
    candidates: list[Candidate], footing: Footing
) -> None:
    fitting = [each for each in candidates if each.working and suits(each, footing)]
    if not fitting:
        with pytest.raises(Conflict) as caught:
            for_balancer(candidates, footing)
        works = any(each.working for each in candidates)
        assert type_name(caught.value) == ("NoEligibleLbaasAgent" if works else "NoActiveLbaasAgent")
        if works:
            needing = {*footing.physical, *footing.homes}
            assert any(
                reason in caught.value.message for reason in (*needing, "where the network service can")
            ), "the reason"
        assert not any(name in caught.value.message for name in ("outside", "wire", "virt", "host-")), (
            "no user sees it"
        )
        return
    chosen = for_balancer(candidates, footing)
    (agent,) = [each for each in fitting if each.id == chosen]
    assert agent.balancers == min(each.balancers for each in fitting)


@given(agents, router_counts, footings, st.none() | st.sampled_from(IDS))
def test_a_router_stays_where_it_fits_goes_where_it_does_or_waits_and_is_refused_where_it_never_can(
    candidates: list[Candidate], routers: dict[str, int], footing: Footing, current: str | None
) -> None:
    fitting = {each.id: each for each in candidates if suits(each, footing)}
    if candidates and not fitting:
        with pytest.raises(Conflict) as caught:
            for_router(candidates, routers, footing, current)
        assert type_name(caught.value) == "NoEligibleL3Agent"
        return
    chosen = for_router(candidates, routers, footing, current)
    working = {key: each for key, each in fitting.items() if each.working}
    if current in fitting:
        assert chosen == current
    elif working:
        assert routers.get(str(chosen), 0) == min(routers.get(key, 0) for key in working)
    else:
        assert chosen is None


@given(agents, router_counts, footings)
def test_a_router_without_an_agent_gets_one_that_fits_and_waits_for_it_rather_than_go_where_it_does_not(
    candidates: list[Candidate], routers: dict[str, int], footing: Footing
) -> None:
    chosen = for_waiting_router(candidates, routers, footing)
    fitting = {each.id for each in candidates if suits(each, footing)}
    working = {each.id for each in candidates if each.working}
    if fitting:
        assert chosen in (fitting & working or {None})
    else:
        assert chosen in working | {None}
        assert chosen is not None or not candidates or working != {each.id for each in candidates}


@given(agents)
def test_what_needs_nothing_fits_everywhere(candidates: list[Candidate]) -> None:
    assert all(fits(each, ANYWHERE) for each in candidates)


def test_an_agent_that_does_not_say_what_it_reaches_is_taken_to_reach_everything() -> None:
    assert reach_of({}) is None
    assert reach_of({"physical_networks": []}) == frozenset()
    assert reach_of({"physical_networks": ["wire"]}) == {"wire"}
