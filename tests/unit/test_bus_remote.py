"""What travels between machines arrives as it was, and only what has to travel does."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings

from evener.bus.combined import CombinedBus
from evener.bus.inprocess import InProcessBus
from evener.bus.outbox import Message, Outbox
from evener.bus.remote import AgentEndpoint, ControllerEndpoint, RemoteAgent, RemoteController
from evener.resources.errors import Unavailable
from evener.resources.facts import ANYONE, Asker, Failure, Heard, Observation, Report, Run
from evener.resources.graph import Graph
from evener.resources.wiring import NetworkSpec, RouterSpec
from haproxy_graphs import graphs, nth

NETWORKS = (NetworkSpec(id=nth(1)), NetworkSpec(id=nth(2), mtu=9000, physical_network="outside"))
ROUTERS = (RouterSpec(id=nth(3), snat=False),)
SEEN = Observation.model_validate(
    {
        "members": {"m": "OFFLINE"},
        "reasons": {"m": "PING: no answer"},
        "listeners": {"l": {"bytes_in": 2**40}},
    }
)
REPORT = Report(loadbalancer_id=nth(4), failure=Failure(generation=3, reason="é\n'\""), observation=SEEN)

LATE = REPORT.model_copy(update={"run": "r", "number": 2**40})
RUN, HEARD = Run(place="p", start=3, id="r"), Heard(database="d", refusal="é", assigned="f")
ASKER = Asker(run="r", database="d")


class Control:
    """Answers with what it was made with, and notes what it was told."""

    def __init__(self, graph: Graph | None = None) -> None:
        self._graph = graph
        self.told: list[Any] = []

    def heartbeat(self, host, configurations, run=None, database=None):
        self.told.append((host, configurations, run, database))
        return HEARD

    def assigned(self, host, asker=ANYONE):
        return {nth(1): 7} if host == "node-1" else {}

    settled = assigned

    def graph(self, host, loadbalancer_id, asker=ANYONE):
        return self._graph if host == "node-1" else None

    def networks(self, host, asker=ANYONE):
        return NETWORKS if host == "node-1" else None

    def routers(self, host, asker=ANYONE):
        return ROUTERS if host == "node-1" else None

    def departed(self, host, ids, asker=ANYONE):
        return frozenset(ids) - {nth(9)}

    def report(self, host, report, asker=ANYONE):
        self.told.append((host, report, asker))
        return report == REPORT

    def report_all(self, host, reports, asker=ANYONE):
        return [self.report(host, each, asker) for each in reports]


class Service:
    """An agent that notes what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def look(self, loadbalancer_id=None):
        self.told.append(("look", loadbalancer_id))

    def look_at_networks(self):
        self.told.append(("look_at_networks",))

    def observe(self, loadbalancer_id):
        return SEEN if loadbalancer_id == nth(4) else None

    def configured(self, loadbalancer_id):
        return {"HAProxy": "global\n"} if loadbalancer_id == nth(4) else None


class Wire:
    """Carries calls as the transport does: everything on it is JSON."""

    def __init__(self, control: Control | None = None, agents: dict[str, Service] | None = None) -> None:
        self._control = ControllerEndpoint(control or Control())
        self._agents = {host: AgentEndpoint(agent) for host, agent in (agents or {}).items()}

    def call_controller(self, method, **arguments):
        answer = getattr(self._control, method)({}, **json.loads(json.dumps(arguments)))
        return json.loads(json.dumps(answer))

    def call_agent(self, host, method, **arguments):
        return json.loads(json.dumps(getattr(self._agents[host], method)({}, **arguments)))

    def tell(self, message):
        about = {"loadbalancer_id": message.loadbalancer_id} if message.loadbalancer_id else {}
        getattr(self._agents[message.host], message.method)({}, **about)


@settings(max_examples=30)
@given(graphs())
def test_a_graph_arrives_as_it_was(graph: Graph) -> None:
    assert RemoteController(Wire(Control(graph))).graph("node-1", graph.id) == graph


def test_what_is_not_there_arrives_as_nothing() -> None:
    control = RemoteController(Wire())
    assert control.graph("elsewhere", nth(1)) is None
    assert control.networks("elsewhere") is None
    assert control.routers("elsewhere") is None
    assert RemoteAgent(Wire(agents={"a": Service()}), "a").observe(nth(1)) is None


def test_what_agents_ask_and_tell_arrives() -> None:
    control = Control()
    remote = RemoteController(Wire(control))
    assert remote.heartbeat("node-1", {"instances": 3}, RUN, "d") == HEARD
    assert remote.report("node-1", REPORT, ASKER) is True
    assert remote.report("node-1", LATE) is False
    assert remote.report_all("node-1", [LATE, REPORT], ASKER) == [False, True]
    assert control.told == [
        ("node-1", {"instances": 3}, RUN, "d"),
        ("node-1", REPORT, ASKER),
        ("node-1", LATE, ANYONE),
        ("node-1", LATE, ASKER),
        ("node-1", REPORT, ASKER),
    ]
    assert remote.departed("node-1", {nth(8), nth(9)}) == {nth(8)}
    assert remote.assigned("node-1") == remote.settled("node-1") == {nth(1): 7}
    assert remote.networks("node-1") == NETWORKS
    assert remote.routers("node-1") == ROUTERS


def test_what_control_asks_and_tells_reaches_the_agent_it_is_for() -> None:
    first, second = Service(), Service()
    remote = RemoteAgent(Wire(agents={"a": first, "b": second}), "a")
    remote.look(nth(1))
    remote.look()
    remote.look_at_networks()
    assert first.told == [("look", nth(1)), ("look", None), ("look_at_networks",)]
    assert second.told == []
    assert remote.observe(nth(4)) == SEEN
    assert remote.configured(nth(4)) == {"HAProxy": "global\n"}
    assert remote.configured(nth(1)) is None


@pytest.mark.parametrize("answer", ['{"generation": "SECRET"}', "SECRET", '{"SECRET'])
def test_an_answer_of_another_version_is_not_understood_and_not_quoted(answer: str) -> None:
    class Newer(Wire):
        def call_controller(self, method, **arguments):
            return answer

    with pytest.raises(Unavailable, match="let both ends be of one version") as caught:
        RemoteController(Newer()).graph("node-1", nth(1))
    assert "SECRET" not in str(caught.value)


MAPS = {
    "authorities",
    "certificates",
    "insert_headers",
    "revoked",
    "unreadable",
    "members",
    "reasons",
    "listeners",
    "servers",
}  # by id or header; their keys are no attributes


def with_more(document: Any, name: str = "") -> Any:
    """Return a document as the next version may write it: with something more in every object."""
    if isinstance(document, list):
        return [with_more(each) for each in document]
    if not isinstance(document, dict):
        return document
    same = {key: with_more(value, key) for key, value in document.items()}
    return same if name in MAPS else {**same, "later": {"x": [1]}}


class Newer(Wire):
    """Carries what the other end, one version ahead, says: all documents, calls and answers have more in them."""

    def call_controller(self, method, **arguments):
        said = {key: self._more(value) for key, value in arguments.items()}
        return self._more(super().call_controller(method, **said, later=1))

    @staticmethod
    def _more(value):
        if isinstance(value, str) and value.startswith(("{", "[")):
            return json.dumps(with_more(json.loads(value)))
        return value


@settings(max_examples=30)
@given(graphs())
def test_what_a_newer_version_says_besides_is_left_out(graph: Graph) -> None:
    control = Control(graph)
    remote = RemoteController(Newer(control))
    assert remote.graph("node-1", graph.id) == graph
    assert remote.networks("node-1") == NETWORKS
    assert remote.routers("node-1") == ROUTERS
    assert remote.heartbeat("node-1", {}, RUN, "d") == HEARD
    assert remote.report("node-1", REPORT, ASKER) is True
    assert control.told[-1] == ("node-1", REPORT, ASKER)


def test_one_bus_leads_to_the_agent_in_this_process_and_to_all_others() -> None:
    near, far, here, there = InProcessBus(), InProcessBus(), Service(), Service()
    bus, control = CombinedBus(near, far), Control()
    bus.serve_controller(control)
    bus.serve_agent("here", here)
    far.serve_agent("there", there)
    bus.agent("here").look()
    bus.agent("there").look_at_networks()
    assert (here.told, there.told) == ([("look", None)], [("look_at_networks",)])
    assert bus.controller() is near.controller() is far.controller() is control
    with pytest.raises(Unavailable, match="nowhere"):
        bus.agent("nowhere")
    bus.close()
    with pytest.raises(Unavailable):
        bus.agent("there")


def test_messages_that_wait_for_the_transport_merge_and_those_it_refuses_are_dropped() -> None:
    asked, going_on, sent = threading.Event(), threading.Event(), []

    def send(message: Message) -> None:
        sent.append(message)
        asked.set()
        assert going_on.wait(30)
        if len(sent) == 2:
            raise Unavailable("RabbitMQ is away")
        if message.method == "last":
            ended.set()

    ended = threading.Event()
    outbox = Outbox(send)
    outbox.put(Message("a", "look", "1"))
    assert asked.wait(30)  # and it is stuck now
    waiting = [Message("a", "look", "1"), Message("a", "look", "2"), Message("b", "last")]
    for message in waiting * 3:
        outbox.put(message)
    going_on.set()
    assert ended.wait(30)
    assert sent == [Message("a", "look", "1"), *waiting]
    outbox.close()
