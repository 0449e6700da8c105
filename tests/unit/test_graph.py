"""The graph as a document: what an agent reads is what control wrote, and it never changes."""

import pytest
from hypothesis import given
from pydantic import ValidationError

from evener.resources.facts import Failure, Observation, Report
from evener.resources.graph import Graph
from haproxy_graphs import graphs


@given(graphs())
def test_a_graph_that_is_written_and_read_is_the_same(graph: Graph) -> None:
    again = Graph.model_validate_json(graph.model_dump_json())
    assert again == graph
    assert again.model_dump_json() == graph.model_dump_json()
    assert set(again.pools_by_id) == {node.pool.id for node in graph.pools}


@given(graphs())
def test_a_graph_cannot_be_changed(graph: Graph) -> None:
    with pytest.raises(ValidationError):
        graph.generation = 2
    with pytest.raises(ValidationError):
        graph.loadbalancer.name = "x"


def test_a_report_that_is_written_and_read_is_the_same() -> None:
    seen = Observation.model_validate({"members": {"m": "ONLINE"}, "listeners": {"l": {"bytes_in": 2**40}}})
    failure = Failure(generation=3, reason="é\n'\"")
    report = Report(loadbalancer_id="x", applied_generation=2, failure=failure, observation=seen, gone=True)
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_report_with_a_part_that_nobody_knows_is_understood_without_it() -> None:
    known = Report.model_validate({"loadbalancer_id": "x"})
    assert Report.model_validate({"loadbalancer_id": "x", "nonsense": 1}) == known
