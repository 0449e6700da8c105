"""`/lbaas/graphs`: a load balancer with everything below it in one request (Neutron-LBaaS's `lb-graph`)."""

from collections.abc import Mapping
from typing import Any

import falcon

from evener.api.collections import read_json
from evener.api.dialects.lbaas import LBAAS
from evener.api.documented import STRING, Documented, ResourceSchemas, Schema, documented, exactly, many
from evener.api.nesting import LINKED, Reader, objects
from evener.api.policy import Policy
from evener.control.graphs import arranged
from evener.control.operations import LoadBalancing
from evener.control.single_call import Made
from evener.resources.describe import Child, Children, Resource, descriptors
from evener.resources.errors import InvalidInput
from evener.resources.graph import PolicyNode, PoolNode
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wire import to_wire
from evener.resources.wire_form import listed

Json = dict[str, Any]


def _body(schemas: ResourceSchemas) -> Schema:
    """Return the schema of what is sent: each object with those below it inside."""

    def nested(cls: type[Resource], **below: Schema) -> Schema:
        return schemas.nested_create(cls, LINKED[cls], **below)

    pool = nested(Pool, members=many(nested(Member)), healthmonitor=nested(HealthMonitor))
    policy = nested(L7Policy, rules=many(nested(L7Rule)), redirect_pool=pool)
    listener = nested(Listener, default_pool=pool, l7policies=many(policy))
    graph = exactly(loadbalancer=nested(LoadBalancer, listeners=many(listener)))
    names = {"tenant_id": STRING, "project_id": STRING}
    return exactly(graph={**graph, "properties": {**graph["properties"], **names}})


def _answer(schemas: ResourceSchemas) -> Schema:
    """Return the schema of what is shown, which is made alike."""
    nested = schemas.nested_shown
    pool = nested(Pool, members=many(nested(Member)), healthmonitor=nested(HealthMonitor))
    policy = nested(L7Policy, rules=many(nested(L7Rule)), redirect_pool=pool)
    listener = nested(Listener, default_pool=pool, l7policies=many(policy))
    return exactly(graph=exactly(loadbalancer=nested(LoadBalancer, listeners=many(listener))))


class Graphs:
    """Creates whole load balancers."""

    def __init__(self, balancing: LoadBalancing, policy: Policy, largest_body: int) -> None:
        self._balancing = balancing
        self._policy = policy
        self._largest = largest_body

    @documented(Documented(_answer, body=_body, status=201))
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create one."""
        caller = request.context.caller
        body = read_json(request, self._largest)
        given = body.get("graph") if isinstance(body, dict) else None
        if not isinstance(given, dict) or not isinstance(given.get("loadbalancer"), dict):
            raise InvalidInput("Resource body required: an object 'graph' with an object 'loadbalancer'")
        unknown = sorted(
            str(name) for name in given if name not in ("loadbalancer", "tenant_id", "project_id")
        )
        if unknown:
            raise InvalidInput(f"Unrecognized attribute(s) {listed(unknown)}")
        self._balancing.bounds.check("objects_per_request", objects(given["loadbalancer"]))
        plan = Reader(caller, self._policy, LBAAS.form).balancer(given["loadbalancer"])
        response.status = falcon.HTTP_201
        response.media = {"graph": {"loadbalancer": shown(*self._balancing.create_whole(caller, plan))}}


def shown(balancer: LoadBalancer, made: Made) -> Json:
    """Return a load balancer as it is shown, with everything that was made below it in place of ids."""
    nodes = arranged(made)
    pools = {node.pool.id: node for node in nodes.pools}
    policies: dict[str, list[Json]] = {listener.id: [] for listener in nodes.listeners}
    for node in nodes.l7policies:
        policies[node.policy.listener_id].append(_policy(pools, node))
    listeners = []
    for listener in nodes.listeners:
        entry = _own(listener)
        if listener.default_pool_id is not None:
            entry["default_pool"] = _pool(pools[listener.default_pool_id])
        listeners.append({**entry, "l7policies": policies[listener.id]})
    without_pools = {name: value for name, value in to_wire(balancer, LBAAS.form).items() if name != "pools"}
    return {**without_pools, "listeners": listeners}


def _policy(pools: Mapping[str, PoolNode], node: PolicyNode) -> Json:
    entry = {**_own(node.policy), "rules": [_own(rule) for rule in node.rules]}
    if node.policy.redirect_pool_id is not None:
        entry["redirect_pool"] = _pool(pools[node.policy.redirect_pool_id])
    return entry


def _pool(node: PoolNode) -> Json:
    entry = {**_own(node.pool), "members": [_own(member) for member in node.members]}
    if node.healthmonitor is not None:
        entry["healthmonitor"] = _own(node.healthmonitor)
    return entry


def _own(resource: Resource) -> Json:
    """Return what is shown of one object without the ids of those below it, which stand there whole."""
    marks = descriptors(type(resource))
    return {
        name: value
        for name, value in to_wire(resource, LBAAS.form).items()
        if name not in marks or not isinstance(marks[name][1], Children | Child)
    }
