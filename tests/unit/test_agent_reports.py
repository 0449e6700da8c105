"""Reports of several load balancers at once, to control of this version and of the one before."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evener.agent.control import Control
from evener.agent.journal import Journal
from evener.agent.memory import Memory
from evener.agent.metrics import AgentMetrics
from evener.resources.errors import CallUnknown
from evener.resources.facts import Report

REPORTS = [Report(loadbalancer_id=str(uuid.uuid4()), applied_generation=number) for number in range(3)]


class Today:
    """Control that takes the first and the last."""

    def __init__(self) -> None:
        self.said: list[Report] = []

    def report(self, _host: str, report: Report, _asker: Any) -> bool:
        self.said.append(report)
        return report.applied_generation != 1

    def report_all(self, host: str, reports: Sequence[Report], asker: Any) -> list[bool]:
        return [self.report(host, each, asker) for each in reports]


class Before(Today):
    """Control that takes one at a time."""

    tried = 0

    def report_all(self, *_: Any) -> list[bool]:
        self.tried += 1
        raise CallUnknown("the controller cannot answer: NoSuchMethod")


@pytest.mark.parametrize("version", [Today, Before])
def test_each_is_numbered_and_answered(version: type[Today], tmp_path: Path) -> None:
    controller: Any = version()
    journal = Journal(tmp_path / "lbaas" / "v2")
    control = Control(controller, "host", journal, Memory(tmp_path), AgentMetrics())
    assert control.report_all(REPORTS) == [True, False, True]
    assert [each.number for each in controller.said] == [1, 2, 3]
    assert [each.loadbalancer_id for each in controller.said] == [each.loadbalancer_id for each in REPORTS]


def test_control_of_the_version_before_is_not_asked_each_time_for_what_it_does_not_know(
    tmp_path: Path,
) -> None:
    controller: Any = Before()
    control = Control(
        controller, "host", Journal(tmp_path / "lbaas" / "v2"), Memory(tmp_path), AgentMetrics()
    )
    for _ in range(3):
        assert control.report_all(REPORTS) == [True, False, True]
    assert controller.tried == 1
    assert [each.number for each in controller.said] == list(range(1, 10))
