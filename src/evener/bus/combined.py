"""Two buses as one: agents in this process, and agents on other machines. Both have the same control."""

from evener.bus.base import Agent, Bus, Controller
from evener.resources.errors import Unavailable


class CombinedBus:
    """Implements `evener.bus.base.Bus`; what serves here is `near`, and all else is looked for on `far`."""

    def __init__(self, near: Bus, far: Bus) -> None:
        self._near, self._far = near, far

    def join(self) -> None:
        """Be on both."""
        self._near.join()
        self._far.join()

    def serve_controller(self, controller: Controller) -> None:
        """Answer the calls of all agents with `controller` from now on."""
        self._near.serve_controller(controller)
        self._far.serve_controller(controller)

    def serve_agent(self, host: str, agent: Agent) -> None:
        """Answer control's calls for `host` with `agent` from now on."""
        self._near.serve_agent(host, agent)

    def controller(self) -> Controller:
        """Return control, for an agent in this process."""
        return self._near.controller()

    def agent(self, host: str) -> Agent:
        """Return the agent on `host`, for control."""
        try:
            return self._near.agent(host)
        except Unavailable:
            return self._far.agent(host)

    def close(self) -> None:
        """Stop answering."""
        self._near.close()
        self._far.close()
