"""What is done with a router besides the collection's operations: interfaces and extra routes, in Neutron's form."""

from collections.abc import Callable
from typing import Any, Protocol

import falcon

from evener.api.collections import BulkOperations, read_json
from evener.api.documented import UUID, Documented, Schema, documented, exactly, many, reference
from evener.api.policy import Policy
from evener.resources.caller import Caller
from evener.resources.errors import InvalidInput
from evener.resources.types import validate_uuid
from evener.resources.wire import parse_update, to_wire
from evener_cloud.network.errors import bad_request
from evener_cloud.network.http.tags import TagOperations
from evener_cloud.network.interfaces import Interface
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import HostRoute


class RouterOperations(TagOperations, BulkOperations, Protocol):
    """What a network service with routers and tags does for the Networking API."""

    def add_interface(
        self, caller: Caller, router_id: str, subnet_id: str | None, port_id: str | None
    ) -> Interface:
        """Put a router on a subnet, or make a port its interface."""

    def remove_interface(
        self, caller: Caller, router_id: str, subnet_id: str | None, port_id: str | None
    ) -> Interface:
        """Take a router off a subnet, or off all subnets of an interface."""

    def add_routes(self, caller: Caller, router_id: str, routes: tuple[HostRoute, ...]) -> Router:
        """Give a router more routes."""

    def remove_routes(self, caller: Caller, router_id: str, routes: tuple[HostRoute, ...]) -> Router:
        """Take routes from a router."""


def _either(*names: str) -> Schema:
    return {
        "type": "object",
        "properties": dict.fromkeys(names, UUID),
        "minProperties": 1,
        "additionalProperties": False,
    }


WHICH = _either("subnet_id", "port_id")
INTERFACE = exactly(
    id=UUID,
    tenant_id={"type": "string"},
    project_id={"type": "string"},
    port_id=UUID,
    network_id=UUID,
    subnet_id=UUID,
    subnet_ids=many(UUID),
)
ROUTES = exactly(router=exactly(routes=many(reference("HostRoute"))))
ROUTER = exactly(router=reference("Router"))
Act = Callable[[Caller, str, str | None, str | None], Interface]
Change = Callable[[Caller, str, tuple[HostRoute, ...]], Router]


class RouterViews:
    """`/routers/ID/add_router_interface` and its like."""

    def __init__(self, operations: RouterOperations, policy: Policy, largest_body: int) -> None:
        self._operations = operations
        self._policy = policy
        self._largest = largest_body

    @documented(Documented(INTERFACE, body=WHICH))
    def on_put_add_interface(
        self, request: falcon.Request, response: falcon.Response, object_id: str
    ) -> None:
        """Put a router on a subnet, as its gateway, or make a port its interface."""
        act = self._operations.add_interface
        self._interface(request, response, "add_router_interface", act, object_id)

    @documented(Documented(INTERFACE, body=WHICH))
    def on_put_remove_interface(
        self, request: falcon.Request, response: falcon.Response, object_id: str
    ) -> None:
        """Take a router off a subnet, or remove one of its interfaces."""
        act = self._operations.remove_interface
        self._interface(request, response, "remove_router_interface", act, object_id)

    @documented(Documented(ROUTER, body=ROUTES))
    def on_put_add_routes(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Give a router more routes; those that it has stay."""
        self._routes(request, response, "add_extraroutes", self._operations.add_routes, object_id)

    @documented(Documented(ROUTER, body=ROUTES))
    def on_put_remove_routes(
        self, request: falcon.Request, response: falcon.Response, object_id: str
    ) -> None:
        """Take routes from a router; those that it has not are no error."""
        self._routes(request, response, "remove_extraroutes", self._operations.remove_routes, object_id)

    def _interface(
        self, request: falcon.Request, response: falcon.Response, rule: str, act: Act, router_id: str
    ) -> None:
        caller = request.context.caller
        self._policy.enforce(caller, rule)
        subnet_id, port_id = which(read_json(request, self._largest))
        if rule == "add_router_interface" and subnet_id is not None and port_id is not None:
            raise bad_request("router", "Cannot specify both subnet-id and port-id")
        interface = act(caller, router_id, subnet_id, port_id)
        response.media = {
            "id": interface.router_id,
            "tenant_id": interface.project_id,
            "project_id": interface.project_id,
            "port_id": interface.port_id,
            "network_id": interface.network_id,
            "subnet_id": interface.subnet_ids[-1],
            "subnet_ids": list(interface.subnet_ids),
        }

    def _routes(
        self, request: falcon.Request, response: falcon.Response, rule: str, change: Change, router_id: str
    ) -> None:
        caller = request.context.caller
        self._policy.enforce(caller, rule)
        values = parse_update(Router, read_json(request, self._largest))
        if values.keys() != {"routes"}:
            raise InvalidInput(
                "Resource body required: an object named 'router' with 'routes' and nothing else"
            )
        response.media = {"router": to_wire(change(caller, router_id, values["routes"]))}


def which(body: Any) -> tuple[str | None, str | None]:
    """Return the subnet and the port that a body names, either of which may be None.

    Raises:
        InvalidInput: when it names none, or something else.
    """
    if not isinstance(body, dict):
        raise bad_request("router", "Either subnet_id or port_id must be specified")
    unknown = sorted(repr(str(name)[:80]) for name in body if name not in ("subnet_id", "port_id"))
    if unknown:
        raise InvalidInput(f"Unrecognized attribute(s) {', '.join(unknown)}")
    if not body:
        raise bad_request("router", "Either subnet_id or port_id must be specified")
    return _uuid(body, "subnet_id"), _uuid(body, "port_id")


def _uuid(body: dict[str, Any], name: str) -> str | None:
    if name not in body:
        return None
    try:
        return validate_uuid(body[name])
    except (ValueError, AttributeError, TypeError):
        shown = str(body[name])[:80].encode("utf-8", "backslashreplace").decode()
        raise bad_request("router", f"{name}: '{shown}' is not a valid UUID") from None
