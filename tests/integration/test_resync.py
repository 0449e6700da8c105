"""An agent compares what it serves with what control says, and the list of that goes over only where it is another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, Cloud
from sqlalchemy import event

from evener.agent.control import Control
from evener.agent.journal import Journal
from evener.agent.memory import Memory
from evener.agent.metrics import AgentMetrics
from evener.resources.errors import Unavailable
from evener.resources.facts import Heard


class Wire:
    """Control as an agent reaches it; counts how often the list goes over."""

    def __init__(self, cloud: Cloud) -> None:
        self._controller = cloud.controller
        self.lists = 0
        self.is_away = self.tells_none = False

    def heartbeat(self, *said: Any) -> Heard:
        if self.is_away:
            raise Unavailable("Control does not answer")
        heard = self._controller.heartbeat(*said)
        return heard.model_copy(update={"assigned": None}) if self.tells_none else heard

    def assigned(self, *said: Any) -> Mapping[str, int]:
        self.lists += 1
        if self.is_away:
            raise Unavailable("Control does not answer")
        return self._controller.assigned(*said)


class Agent:
    """The part of an agent that speaks to control."""

    def __init__(self, cloud: Cloud, home: Path) -> None:
        self.wire = Wire(cloud)
        wire: Any = self.wire
        self._control = Control(wire, HOST, Journal(home / "v2"), Memory(home), AgentMetrics())

    def rounds(self, number: int) -> Mapping[str, int]:
        """Return what it knows after so many rounds, each a heartbeat and a comparison."""
        for _ in range(number):
            self._control.heartbeat({})
            found = self._control.assigned_when_heard()
        return found

    def compares(self) -> Mapping[str, int]:
        return self._control.assigned_when_heard()

    def is_heard(self) -> None:
        self._control.heartbeat({})


@pytest.fixture
def agent(any_cloud: Cloud, tmp_path: Path) -> Agent:
    return Agent(any_cloud, tmp_path / "lbaas")


def test_the_list_goes_over_only_where_it_is_another_one(any_cloud: Cloud, agent: Agent) -> None:
    subnet = any_cloud.subnet()
    first, second = (any_cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"]) for _ in range(2))
    assert agent.rounds(2) == {first["id"]: 1, second["id"]: 1}
    assert agent.wire.lists == 1
    any_cloud.ann.update("loadbalancer", second["id"], name="another")
    assert agent.rounds(3) == {first["id"]: 1, second["id"]: 2}
    assert agent.wire.lists == 2
    third = any_cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"])
    assert agent.rounds(3) == {first["id"]: 1, second["id"]: 2, third["id"]: 1}
    assert agent.wire.lists == 3


def test_it_is_asked_for_while_heartbeats_are_not_heard(any_cloud: Cloud, agent: Agent) -> None:
    any_cloud.ann.create("loadbalancer", vip_subnet_id=any_cloud.subnet()["id"])
    known = agent.rounds(2)
    agent.wire.is_away = True
    with pytest.raises(Unavailable):
        agent.is_heard()
    with pytest.raises(Unavailable):
        agent.compares()
    agent.wire.is_away = False
    assert agent.compares() == known


def test_control_of_a_version_before_is_asked_for_it_each_time(any_cloud: Cloud, agent: Agent) -> None:
    balancer = any_cloud.ann.create("loadbalancer", vip_subnet_id=any_cloud.subnet()["id"])
    agent.wire.tells_none = True
    assert agent.rounds(3) == {balancer["id"]: 1}
    assert agent.wire.lists == 3


def test_a_heartbeat_sends_as_many_statements_for_many_load_balancers(any_cloud: Cloud, agent: Agent) -> None:
    any_cloud.unlimited("ann")
    subnet, sent = any_cloud.subnet(), list[str]()

    def statements() -> int:
        agent.rounds(2)
        sent.clear()
        agent.rounds(1)
        return len(sent)

    engine = any_cloud.database.engine
    event.listen(engine, "before_cursor_execute", lambda *said: sent.append(said[2]))
    before = statements()
    for _ in range(5):
        any_cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"])
    assert statements() == before
