"""A digest tells two lists of load balancers apart, and nothing but these."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from evener.resources.facts import digest

IDS = [str(uuid.UUID(int=number)) for number in (1, 2, 3, 2**127)]
LISTS = st.dictionaries(st.sampled_from(IDS), st.integers(1, 12))


@given(LISTS, LISTS)
def test_it_is_the_same_for_equal_lists_alone(one: dict[str, int], other: dict[str, int]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(LISTS, st.randoms(use_true_random=False))
def test_no_order_makes_it_another(assigned: dict[str, int], random) -> None:
    said = list(assigned.items())
    random.shuffle(said)
    assert digest(dict(said)) == digest(assigned)
