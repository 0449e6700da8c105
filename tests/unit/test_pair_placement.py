"""Which two agents serve a load balancer together, for any agents there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.control.errors import NoEligibleAgent
from evener.control.scheduling import Candidate, for_pair
from evener.resources.errors import Conflict
from evener.services.network import Footing


@st.composite
def candidates(draw):
    reach = st.none() | st.frozensets(st.sampled_from(("outside", "wire")))
    return [
        Candidate(
            id=str(n),
            working=draw(st.booleans()),
            balancers=draw(st.integers(0, 3)),
            reaches=draw(reach),
            host=f"host-{n}",
            domain=draw(st.sampled_from(("rack 1", "rack 2", "rack 3"))),
            pairs=draw(st.booleans()),
        )
        for n in range(draw(st.integers(0, 6)))
    ]


FOOTINGS = st.sampled_from((Footing(), Footing(physical={"network": "outside"})))


def can(agent: Candidate, footing: Footing) -> bool:
    reaches = agent.reaches is None or agent.reaches.issuperset(footing.physical.values())
    return agent.working and agent.pairs and reaches


@given(candidates(), FOOTINGS)
def test_two_that_can_and_fail_apart_are_chosen_where_there_are_two(agents, footing):
    able = [each for each in agents if can(each, footing)]
    if len({each.domain for each in able}) < 2:
        with pytest.raises(Conflict):
            for_pair(agents, footing)
        return
    by_id = {each.id: each for each in agents}
    first, second = (by_id[each] for each in for_pair(agents, footing))
    assert first in able
    assert second in able
    assert first.domain != second.domain
    # Nobody has fewer who could be the one or the other.
    assert first.balancers == min(each.balancers for each in able)
    assert second.balancers == min(each.balancers for each in able if each.domain != first.domain)


def test_why_there_are_no_two_is_told_without_naming_hosts():
    agents = [Candidate("1", True, 0, host="secret", domain="rack 1", pairs=True)]
    with pytest.raises(NoEligibleAgent, match="different failure domains") as refused:
        for_pair(agents, Footing())
    assert "secret" not in str(refused.value)
