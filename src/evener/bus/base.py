"""The two sides of the bus, and the bus itself. Every implementation carries exactly these calls.

A message from control only says "look again" (the graph is fetched, not sent), so a lost, late or doubled one
costs time and nothing else. All calls may raise `Unavailable` when the other side does not answer.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast

from oslo_config import cfg
from stevedore.driver import DriverManager

from evener.resources.facts import ANYONE, Asker, Heard, Observation, Report, Run
from evener.resources.graph import Graph
from evener.resources.wiring import NetworkSpec, RouterSpec


class Controller(Protocol):
    """What an agent may ask of control, and tell it.

    Who asks names the host, and tells by `asker` that it is the agent on it, and whose word it takes. Control that
    hears another run of that host's agent, or has another database, raises `Unavailable`; it takes no such report.
    """

    def heartbeat(
        self,
        host: str,
        configurations: Mapping[str, Any],
        run: Run | None = None,
        database: str | None = None,
    ) -> Heard:
        """Say that the agent on `host` is alive, and how it is configured.

        It does not count where control refuses it, or has another database: the answer says so. Where it counts, it
        says by a digest what `assigned` would.
        """

    def assigned(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """Return the ids of all load balancers `host` is to serve, with their generations."""

    def settled(self, host: str, asker: Asker = ANYONE) -> Mapping[str, int]:
        """Return those of `assigned` of which `host` has reported that all is applied, and nothing failed."""

    def graph(self, host: str, loadbalancer_id: str, asker: Asker = ANYONE) -> Graph | None:
        """Return the graph as it should be now, or None when `host` is not to serve the load balancer."""

    def networks(self, host: str, asker: Asker = ANYONE) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that `host` realises itself; None when networks are another service's work."""

    def routers(self, host: str, asker: Asker = ANYONE) -> tuple[RouterSpec, ...] | None:
        """Return the routers that `host` realises itself; None when routers are another service's work."""

    def departed(self, host: str, ids: Collection[str], asker: Asker = ANYONE) -> frozenset[str]:
        """Return those load balancers, networks and routers that are not to be on `host`: deleted, or elsewhere.

        What is not among them, and not to be there either, was never known to control's database.
        """

    def report(self, host: str, report: Report, asker: Asker = ANYONE) -> bool:
        """Take what the agent on `host` found or did; False when it is late, or of what the host is not to serve."""

    def report_all(self, host: str, reports: Sequence[Report], asker: Asker = ANYONE) -> Sequence[bool]:
        """Take several reports at the cost of little more than one, each of another load balancer; see `report`.

        Raises:
            CallUnknown: when control is of a version that takes one at a time.
        """


class Agent(Protocol):
    """What control may tell an agent, and ask it."""

    def look(self, loadbalancer_id: str | None = None) -> None:
        """Look again at one load balancer, or, without an id, at the list of them and at the networks.

        Returns at once; the agent works on its own time.
        """

    def look_at_networks(self) -> None:
        """Look again at the networks and routers. Returns at once."""

    def observe(self, loadbalancer_id: str) -> Observation | None:
        """Return the state of traffic now, or None when this agent does not serve the load balancer."""

    def configured(self, loadbalancer_id: str) -> Mapping[str, str] | None:
        """Return by what each data plane of a load balancer is configured, by the data plane's title.

        Without secrets; None when this agent does not serve the load balancer.
        """


class Bus(Protocol):
    """Connects both sides. Who serves one is on it, and so is who joins."""

    def join(self) -> None:
        """Be on the bus, soon, to tell and ask others without answering anybody."""

    def serve_controller(self, controller: Controller) -> None:
        """Answer agents' calls with `controller` from now on."""

    def serve_agent(self, host: str, agent: Agent) -> None:
        """Answer control's calls for `host` with `agent` from now on."""

    def controller(self) -> Controller:
        """Return control, for an agent."""

    def agent(self, host: str) -> Agent:
        """Return the agent on `host`, for control; calls to it raise `Unavailable` when nobody serves it."""

    def close(self) -> None:
        """Stop answering; calls raise `Unavailable` from now on."""


def load(name: str, conf: cfg.ConfigOpts) -> Bus:
    """Return the bus `name`.

    Raises:
        stevedore.exception.NoMatches: when nothing of that name is installed.
        Unavailable: when the settings do not suffice for it.
    """
    found: Any = DriverManager("evener.bus", name, invoke_on_load=True, invoke_args=(conf,))
    return cast("Bus", found.driver)
