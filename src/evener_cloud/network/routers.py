"""Routers: made, changed and deleted inside a transaction. Whether the caller may is decided before."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import attachments, errors, gateways
from evener_cloud.network.resources.router import MAX_ROUTES, Router
from evener_cloud.network.resources.subnet import HostRoute
from evener_cloud.network.visibility import lock

_ELSEWHERE = ("external_gateway_info", "distributed", "ha")  # what has no column


def create(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a router, with its gateway if one is wanted, and return its id.

    Raises:
        NotFound, InvalidInput, Conflict: from `gateways.change`.
    """
    own = {name: value for name, value in values.items() if name not in _ELSEWHERE}
    router = Router.model_validate({**own, "id": str(uuid.uuid4())})
    rows.insert(tx, router)
    if values.get("external_gateway_info") is not None:
        gateways.change(tx, scope, router.id, values["external_gateway_info"])
    return router.id


def update(tx: Transaction, scope: str | None, router_id: str, values: Mapping[str, Any]) -> None:
    """Change a router.

    Raises:
        InvalidInput: for routes that lead over nothing that the router is attached to.
        NotFound, InvalidInput, Conflict: from `gateways.change`.
    """
    router = lock(tx, Router, router_id)
    if "external_gateway_info" in values:
        gateways.change(tx, scope, router_id, values["external_gateway_info"])
    routes = values.get("routes", router.routes)
    if routes and values.keys() & {"external_gateway_info", "routes"}:
        attachments.check_routes(attachments.of_router(tx, router_id), routes)
    own = {name: value for name, value in values.items() if name not in _ELSEWHERE}
    rows.update(tx, Router, router_id, **own)


def add_routes(tx: Transaction, router_id: str, routes: Sequence[HostRoute]) -> None:
    """Give a router more routes; those that it has stay.

    Raises:
        InvalidInput: for too many, or for one that leads over nothing that the router is attached to.
    """
    router = lock(tx, Router, router_id)
    both = tuple(dict.fromkeys((*router.routes, *routes)))
    if len(both) > MAX_ROUTES:
        raise errors.routes_exhausted(router_id, MAX_ROUTES)
    attachments.check_routes(attachments.of_router(tx, router_id), both)
    rows.update(tx, Router, router_id, routes=both)


def remove_routes(tx: Transaction, router_id: str, routes: Sequence[HostRoute]) -> None:
    """Take routes from a router; those that it has not are no error."""
    router = lock(tx, Router, router_id)
    rows.update(tx, Router, router_id, routes=tuple(each for each in router.routes if each not in routes))


def delete(tx: Transaction, _scope: str | None, router_id: str) -> None:
    """Delete a router with its gateway.

    Raises:
        InUse: when it is on subnets.
    """
    lock(tx, Router, router_id)
    inside = attachments.interfaces(attachments.of_router(tx, router_id))
    if inside:
        raise errors.router_in_use(router_id, dict.fromkeys(each.port_id for each in inside))
    gateways.clear(tx, router_id)
    rows.delete(tx, Router, [router_id])
