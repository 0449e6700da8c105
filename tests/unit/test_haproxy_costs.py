"""design/changes.md tells the truth about what `plan` returns for a change."""

from pathlib import Path

import pytest

from evener.dataplane.haproxy.plan import Reload, Start, Stop, plan
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph
from haproxy_changes import base, changeable, changed, costs, more_or_less


def step_between(one: Graph, other: Graph) -> str:
    running, wanted = (render(graph, Path("/lb"), Settings()) for graph in (one, other))
    steps = plan(running if running.frontends else None, wanted)
    if steps in ((Start(),), (Stop(),)):
        return "start or stop"
    return "reload" if steps == (Reload(),) else "runtime command" if steps else "nothing"


def test_every_attribute_that_can_be_changed_has_a_row_and_only_those():
    assert {name for name in costs() if "." in name} == changeable()


@pytest.mark.parametrize("name", sorted(changeable()))
def test_a_change_of_an_attribute_costs_what_the_document_says(name):
    one = base()
    assert step_between(one, changed(one, *name.split("."))) == costs()[name]
    assert step_between(changed(one, *name.split(".")), one) == costs()[name]


def test_an_object_more_or_less_costs_what_the_document_says():
    one = base()
    less = more_or_less(one)
    assert {name for name in costs() if "." not in name} == {"attribute", "---", *less}
    for name, others in less.items():
        for other in others:
            assert step_between(one, other) == step_between(other, one) == costs()[name]
