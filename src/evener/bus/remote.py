"""Both sides of the bus as seen from another machine: what a call carries, and what answers it at the other end.

Documents are the JSON of their models. How a call travels is not known here.
"""
# ruff: noqa: ARG002 - oslo.messaging gives each call a context

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from evener.bus.base import Agent, Controller
from evener.bus.outbox import Message
from evener.resources.errors import Unavailable
from evener.resources.facts import ANYONE, Asker, Heard, Observation, Report, Run
from evener.resources.graph import Graph
from evener.resources.wiring import NetworkSpec, RouterSpec

T = TypeVar("T")
GRAPH: TypeAdapter[Graph | None] = TypeAdapter(Graph | None)
NETWORKS: TypeAdapter[tuple[NetworkSpec, ...] | None] = TypeAdapter(tuple[NetworkSpec, ...] | None)
ROUTERS: TypeAdapter[tuple[RouterSpec, ...] | None] = TypeAdapter(tuple[RouterSpec, ...] | None)
OBSERVATION: TypeAdapter[Observation | None] = TypeAdapter(Observation | None)
REPORT: TypeAdapter[Report] = TypeAdapter(Report)
RUN: TypeAdapter[Run | None] = TypeAdapter(Run | None)
ASKER: TypeAdapter[Asker] = TypeAdapter(Asker)
HEARD: TypeAdapter[Heard] = TypeAdapter(Heard)


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

    def heartbeat(
        self,
        host: str,
        configurations: Mapping[str, Any],
        run: Run | None = None,
        database: str | None = None,
    ) -> Heard:
        """See `Controller.heartbeat`."""
        said = {"configurations": dict(configurations), "run": _written(RUN, run)}
        return _read(HEARD, self._caller.call_controller("heartbeat", host=host, database=database, **said))

    def assigned(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """See `Controller.assigned`."""
        found: Mapping[str, int] = self._call("assigned", host, asker)
        return found

    def settled(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """See `Controller.settled`."""
        found: Mapping[str, int] = self._call("settled", host, asker)
        return found

    def graph(self, host: str, loadbalancer_id: str, asker: Asker = ANYONE) -> Graph | None:
        """See `Controller.graph`."""
        return _read(GRAPH, self._call("graph", host, asker, loadbalancer_id=loadbalancer_id))

    def networks(self, host: str, asker: Asker = ANYONE) -> tuple[NetworkSpec, ...] | None:
        """See `Controller.networks`."""
        return _read(NETWORKS, self._call("networks", host, asker))

    def routers(self, host: str, asker: Asker = ANYONE) -> tuple[RouterSpec, ...] | None:
        """See `Controller.routers`."""
        return _read(ROUTERS, self._call("routers", host, asker))

    def departed(self, host: str, ids: Collection[str], asker: Asker = ANYONE) -> frozenset[str]:
        """See `Controller.departed`."""
        return frozenset(self._call("departed", host, asker, ids=sorted(ids)))

    def report(self, host: str, report: Report, asker: Asker = ANYONE) -> bool:
        """See `Controller.report`."""
        return bool(self._call("report", host, asker, report=_written(REPORT, report)))

    def report_all(self, host: str, reports: Sequence[Report], asker: Asker = ANYONE) -> Sequence[bool]:
        """See `Controller.report_all`."""
        found = self._call("report_all", host, asker, reports=[_written(REPORT, each) for each in reports])
        return [bool(each) for each in found]

    def _call(self, method: str, host: str, asker: Asker, **arguments: Any) -> Any:
        return self._caller.call_controller(method, host=host, asker=_written(ASKER, asker), **arguments)


class ControllerEndpoint:
    """Answers the calls of `RemoteController`; `context` is oslo.messaging's, and empty.

    What another version says besides is left out.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def heartbeat(
        self,
        context: Any,
        host: str,
        configurations: dict[str, Any],
        run: str = "null",
        database: str | None = None,
        **_: Any,
    ) -> str:
        """See `Controller.heartbeat`."""
        life = _read(RUN, run)
        return _written(HEARD, self._controller.heartbeat(host, configurations, life, database))

    def assigned(self, context: Any, host: str, asker: str = "{}", **_: Any) -> dict[str, int]:
        """See `Controller.assigned`."""
        return dict(self._controller.assigned(host, _read(ASKER, asker)))

    def settled(self, context: Any, host: str, asker: str = "{}", **_: Any) -> dict[str, int]:
        """See `Controller.settled`."""
        return dict(self._controller.settled(host, _read(ASKER, asker)))

    def graph(self, context: Any, host: str, loadbalancer_id: str, asker: str = "{}", **_: Any) -> str:
        """See `Controller.graph`."""
        return _written(GRAPH, self._controller.graph(host, loadbalancer_id, _read(ASKER, asker)))

    def networks(self, context: Any, host: str, asker: str = "{}", **_: Any) -> str:
        """See `Controller.networks`."""
        return _written(NETWORKS, self._controller.networks(host, _read(ASKER, asker)))

    def routers(self, context: Any, host: str, asker: str = "{}", **_: Any) -> str:
        """See `Controller.routers`."""
        return _written(ROUTERS, self._controller.routers(host, _read(ASKER, asker)))

    def departed(self, context: Any, host: str, ids: list[str], asker: str = "{}", **_: Any) -> list[str]:
        """See `Controller.departed`."""
        return sorted(self._controller.departed(host, ids, _read(ASKER, asker)))

    def report(self, context: Any, host: str, report: str, asker: str = "{}", **_: Any) -> bool:
        """See `Controller.report`."""
        return self._controller.report(host, _read(REPORT, report), _read(ASKER, asker))

    def report_all(
        self, context: Any, host: str, reports: list[str], asker: str = "{}", **_: Any
    ) -> list[bool]:
        """See `Controller.report_all`."""
        said = [_read(REPORT, each) for each in reports]
        return list(self._controller.report_all(host, said, _read(ASKER, asker)))


class RemoteAgent:
    """Implements `evener.bus.base.Agent` by messages, and by calls for what traffic and configurations are now."""

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

    def configured(self, loadbalancer_id: str) -> Mapping[str, str] | None:
        """Return by what data planes are configured."""
        found: Mapping[str, str] | None = self._caller.call_agent(
            self._host, "configured", loadbalancer_id=loadbalancer_id
        )
        return found


class AgentEndpoint:
    """Answers what `RemoteAgent` sends; `context` is oslo.messaging's, and empty."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def look(self, context: Any, loadbalancer_id: str | None = None, **_: Any) -> None:
        """See `Agent.look`."""
        self._agent.look(loadbalancer_id)

    def look_at_networks(self, context: Any, **_: Any) -> None:
        """See `Agent.look_at_networks`."""
        self._agent.look_at_networks()

    def observe(self, context: Any, loadbalancer_id: str, **_: Any) -> str:
        """See `Agent.observe`."""
        return _written(OBSERVATION, self._agent.observe(loadbalancer_id))

    def configured(self, context: Any, loadbalancer_id: str, **_: Any) -> dict[str, str] | None:
        """See `Agent.configured`."""
        found = self._agent.configured(loadbalancer_id)
        return None if found is None else dict(found)


def _written(adapter: TypeAdapter[T], document: T) -> str:
    return adapter.dump_json(document).decode()


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text, extra="ignore")  # of a newer version
    except ValidationError as error:
        what = error.errors(include_input=False, include_url=False)[0]  # there may be keys in the input
        raise Unavailable(
            "What came over the bus is not understood; let both ends be of one version:"
            f" {'.'.join(map(str, what['loc']))}: {what['msg']}"
        ) from None
