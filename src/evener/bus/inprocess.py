"""The bus of standalone: control and one agent in the same process, calling each other."""

from oslo_config import cfg

from evener.bus.base import Agent, Controller
from evener.resources.errors import Unavailable


class InProcessBus:
    """Implements `evener.bus.base.Bus` with plain calls."""

    def __init__(self, conf: cfg.ConfigOpts | None = None) -> None:  # noqa: ARG002 - every bus is given them
        self._controller: Controller | None = None
        self._agents: dict[str, Agent] = {}

    def join(self) -> None:
        """Do nothing: there is nobody to be connected with."""

    def serve_controller(self, controller: Controller) -> None:
        """Answer agents' calls with `controller` from now on."""
        self._controller = controller

    def serve_agent(self, host: str, agent: Agent) -> None:
        """Answer control's calls for `host` with `agent` from now on."""
        self._agents[host] = agent

    def controller(self) -> Controller:
        """Return control, for an agent.

        Raises:
            Unavailable: when control does not serve yet, or no longer.
        """
        if self._controller is None:
            raise Unavailable("The controller does not answer")
        return self._controller

    def agent(self, host: str) -> Agent:
        """Return the agent on `host`, for control.

        Raises:
            Unavailable: when no agent serves `host`.
        """
        try:
            return self._agents[host]
        except KeyError:
            raise Unavailable(f"The agent on {host} does not answer") from None

    def close(self) -> None:
        """Stop answering."""
        self._controller = None
        self._agents.clear()
