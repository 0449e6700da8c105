"""`/neutron`: what Evener's plugin in Neutron's server tells. It is of no dialect, and for services alone."""

from collections.abc import Callable, Collection
from typing import Any

import falcon

from evener.api.collections import read_json
from evener.resources.caller import ADMIN
from evener.resources.errors import Forbidden, InvalidInput
from evener.resources.types import validate_uuid

PREFIX = "/neutron"
SERVICES = frozenset({"service", ADMIN})  # of whose roles the plugin's user has one


class Ports:
    """`/neutron/ports`: ports that somebody has changed or deleted."""

    def __init__(self, changed: Callable[[Collection[str]], None], largest_body: int) -> None:
        self._changed = changed
        self._largest = largest_body

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Have those looked at that load balancers have; it is fine to name others."""
        if not request.context.caller.roles & SERVICES:
            raise Forbidden("Only services tell of changes")
        self._changed(_ports(read_json(request, self._largest)))
        response.status = falcon.HTTP_204


def _ports(body: Any) -> list[str]:
    """Return the ids of ports that `{"ports": [...]}` names.

    Raises:
        InvalidInput: when it is something else.
    """
    ports = body.get("ports") if isinstance(body, dict) else None
    try:
        if isinstance(ports, list):
            return [validate_uuid(each) for each in ports]
    except ValueError:
        pass
    raise InvalidInput("Resource body required: an object with 'ports', a list of ids")


def add_routes(
    app: falcon.App[Any, Any], changed: Callable[[Collection[str]], None], largest_body: int
) -> None:
    """Add `/neutron`; `changed` is told the ids of ports that have changed, and `largest_body` is in bytes."""
    app.add_route(f"{PREFIX}/ports", Ports(changed, largest_body))
