"""Both sides of the bus as seen from another machine: what a call carries, and what answers it at the other end.

Documents are the JSON of their models. How a call travels is not known here.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from evener.bus.base import Agent, Controller
from evener.bus.outbox import Message
from evener.resources.errors import Unavailable
from evener.resources.facts import Observation, Report
from evener.resources.graph import Graph
from evener.resources.wiring import NetworkSpec, RouterSpec

T = TypeVar("T")
GRAPH: TypeAdapter[Graph | None] = TypeAdapter(Graph | None)
NETWORKS: TypeAdapter[tuple[NetworkSpec, ...] | None] = TypeAdapter(tuple[NetworkSpec, ...] | None)
ROUTERS: TypeAdapter[tuple[RouterSpec, ...] | None] = TypeAdapter(tuple[RouterSpec, ...] | None)
OBSERVATION: TypeAdapter[Observation | None] = TypeAdapter(Observation | None)
REPORT: TypeAdapter[Report] = TypeAdapter(Report)


class Caller(Protocol):
    """Carries calls; each may raise `Unavailable`."""

    def call_controller(self, method: str, **arguments: Any) -> Any:
        """Return what control answers."""

    def call_agent(self, host: str, method: str, **arguments: Any) -> Any:
        """Return what the agent on `host` answers."""

    def tell(self, message: Message) -> None:
        """Send a message, some time."""


class RemoteController:
    """Implements `evener.bus.base.Controller` by calls."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def heartbeat(self, host: str, configurations: Mapping[str, Any]) -> None:
        """Say that the agent on `host` is alive, and how it is configured."""
        self._caller.call_controller("heartbeat", host=host, configurations=dict(configurations))

    def assigned(self, host: str) -> Mapping[str, int]:
        """Return the ids of all load balancers `host` is to serve, with their generations."""
        found: Mapping[str, int] = self._caller.call_controller("assigned", host=host)
        return found

    def graph(self, loadbalancer_id: str) -> Graph | None:
        """Return the graph as it should be now."""
        return _read(GRAPH, self._caller.call_controller("graph", loadbalancer_id=loadbalancer_id))

    def networks(self, host: str) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that `host` realises itself."""
        return _read(NETWORKS, self._caller.call_controller("networks", host=host))

    def routers(self, host: str) -> tuple[RouterSpec, ...] | None:
        """Return the routers that `host` realises itself."""
        return _read(ROUTERS, self._caller.call_controller("routers", host=host))

    def report(self, host: str, report: Report) -> None:
        """Say what the agent on `host` found or did."""
        self._caller.call_controller("report", host=host, report=_written(REPORT, report))


class ControllerEndpoint:
    """Answers the calls of `RemoteController`; `context` is oslo.messaging's, and empty."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def heartbeat(self, context: Any, host: str, configurations: dict[str, Any]) -> None:  # noqa: ARG002
        """See `Controller.heartbeat`."""
        self._controller.heartbeat(host, configurations)

    def assigned(self, context: Any, host: str) -> dict[str, int]:  # noqa: ARG002
        """See `Controller.assigned`."""
        return dict(self._controller.assigned(host))

    def graph(self, context: Any, loadbalancer_id: str) -> str:  # noqa: ARG002
        """See `Controller.graph`."""
        return _written(GRAPH, self._controller.graph(loadbalancer_id))

    def networks(self, context: Any, host: str) -> str:  # noqa: ARG002
        """See `Controller.networks`."""
        return _written(NETWORKS, self._controller.networks(host))

    def routers(self, context: Any, host: str) -> str:  # noqa: ARG002
        """See `Controller.routers`."""
        return _written(ROUTERS, self._controller.routers(host))

    def report(self, context: Any, host: str, report: str) -> None:  # noqa: ARG002
        """See `Controller.report`."""
        self._controller.report(host, REPORT.validate_json(report))


class RemoteAgent:
    """Implements `evener.bus.base.Agent` by messages, and by a call for what traffic is now."""

    def __init__(self, caller: Caller, host: str) -> None:
        self._caller = caller
        self._host = host

    def look(self, loadbalancer_id: str | None = None) -> None:
        """Let the agent look again at one load balancer, or at all."""
        self._caller.tell(Message(self._host, "look", loadbalancer_id))

    def look_at_networks(self) -> None:
        """Let the agent look again at the networks and routers."""
        self._caller.tell(Message(self._host, "look_at_networks"))

    def observe(self, loadbalancer_id: str) -> Observation | None:
        """Return the state of traffic now."""
        return _read(
            OBSERVATION, self._caller.call_agent(self._host, "observe", loadbalancer_id=loadbalancer_id)
        )


class AgentEndpoint:
    """Answers what `RemoteAgent` sends; `context` is oslo.messaging's, and empty."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def look(self, context: Any, loadbalancer_id: str | None = None) -> None:  # noqa: ARG002
        """See `Agent.look`."""
        self._agent.look(loadbalancer_id)

    def look_at_networks(self, context: Any) -> None:  # noqa: ARG002
        """See `Agent.look_at_networks`."""
        self._agent.look_at_networks()

    def observe(self, context: Any, loadbalancer_id: str) -> str:  # noqa: ARG002
        """See `Agent.observe`."""
        return _written(OBSERVATION, self._agent.observe(loadbalancer_id))


def _written(adapter: TypeAdapter[T], document: T) -> str:
    return adapter.dump_json(document).decode()


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        what = error.errors(include_input=False, include_url=False)[0]  # there may be keys in the input
        raise Unavailable(
            "What came over the bus is not understood; let both ends be of one version:"
            f" {'.'.join(map(str, what['loc']))}: {what['msg']}"
        ) from None
