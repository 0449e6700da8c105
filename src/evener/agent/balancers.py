"""The load balancers that this agent works with, by id. Knows nothing of what is done with them."""

import threading

from evener.agent.balancer import Balancer, Tools
from evener.resources.types import validate_uuid


class Balancers:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._balancers: dict[str, Balancer] = {}
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._balancers)

    def all(self) -> tuple[Balancer, ...]:
        """Return those there are now."""
        with self._guard:
            return tuple(self._balancers.values())

    def get(self, loadbalancer_id: str) -> Balancer | None:
        """Return the one with that id, if it is known."""
        return self._balancers.get(loadbalancer_id)

    def ensure(self, loadbalancer_id: str, tools: Tools) -> Balancer:
        """Return the one with that id, made where it is not known.

        Raises:
            ValueError: when that is no UUID.
        """
        with self._guard:
            if loadbalancer_id not in self._balancers:
                self._balancers[loadbalancer_id] = Balancer(validate_uuid(loadbalancer_id), tools)
            return self._balancers[loadbalancer_id]

    def drop(self, loadbalancer_id: str) -> None:
        """Know it no longer."""
        with self._guard:
            self._balancers.pop(loadbalancer_id, None)
