"""POST of Octavia's objects with others inside: a whole load balancer, or a part of one with all below it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, cast

import falcon

from evener.api.collections import Collection, read_json
from evener.api.dialects.octavia import FORM
from evener.api.documented import (
    STRING,
    WITH_ID,
    Nested,
    ResourceSchemas,
    Schema,
    exactly,
    many,
    or_null,
)
from evener.api.nesting import LINKED, NESTED, Reader, objects
from evener.control.graphs import arranged
from evener.control.single_call import BalancerPlan, Made, PartPlan
from evener.resources.caller import Caller
from evener.resources.describe import Child, Children, Parent, Resource, descriptors
from evener.resources.graph import PolicyNode
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wire import to_wire

Json = dict[str, Any]


class NestedOperations(Protocol):
    """What it needs of the room behind it."""

    def create_whole(self, caller: Caller, plan: BalancerPlan) -> tuple[LoadBalancer, Made]:
        """Create a load balancer with everything below it."""

    def create_part(self, caller: Caller, plan: PartPlan) -> Resource:
        """Create a part of one with everything below it."""


class Nesting(Collection):
    """A collection whose objects may be given with those below them."""

    def on_post(
        self, request: falcon.Request, response: falcon.Response, parent_id: str | None = None
    ) -> None:
        """Create one, with what stands inside."""
        caller = self._policy.check(request.context.caller, "create", self._cls)
        body, kind = read_json(request, self._largest), self._cls.KIND
        given = body.get(kind) if isinstance(body, dict) and len(body) == 1 else None
        response.status = falcon.HTTP_201
        if not isinstance(given, dict) or NESTED[self._cls].keys().isdisjoint(given):
            created = self._operations.create(caller, self._cls, self._parse(caller, body), parent_id)
            response.media = {kind: self._shown(caller, created)}
            return
        self._bounds.check("objects_per_request", objects(given))
        reader = Reader(caller, self._policy, self._form, by_name=True)
        operations = cast("NestedOperations", self._operations)
        if self._cls is LoadBalancer:
            balancer, made = operations.create_whole(caller, reader.balancer(given))
            response.media = {kind: whole(balancer, made)}
        else:
            part = operations.create_part(caller, reader.part(self._cls, given))
            response.media = {kind: self._shown(caller, part)}


KINDS: Mapping[type[Resource], type[Collection]] = dict.fromkeys(NESTED, Nesting)


def whole(balancer: LoadBalancer, made: Made) -> Json:
    """Return a load balancer as it is shown, with everything that was made below it in place of ids."""
    nodes = arranged(made)
    policies: dict[str, list[Json]] = {listener.id: [] for listener in nodes.listeners}
    for node in nodes.l7policies:
        policies[node.policy.listener_id].append(_policy(node))
    users: dict[str | None, list[Json]] = {}
    for listener in nodes.listeners:
        users.setdefault(listener.default_pool_id, []).append({"id": listener.id})
    pools = [
        {
            **_own(node.pool),
            "members": [_own(member) for member in node.members],
            "healthmonitor": None if node.healthmonitor is None else _own(node.healthmonitor),
            "listeners": users.get(node.pool.id, []),
        }
        for node in nodes.pools
    ]
    listeners = [{**_own(each), "l7policies": policies[each.id]} for each in nodes.listeners]
    return {**to_wire(balancer, FORM), "listeners": listeners, "pools": pools}


def _policy(node: PolicyNode) -> Json:
    return {**_own(node.policy), "rules": [_own(rule) for rule in node.rules]}


def _own(resource: Resource) -> Json:
    """Return what is shown of one object without the ids of those above and below it."""
    marks = descriptors(type(resource))
    return {
        name: value
        for name, value in to_wire(resource, FORM).items()
        if name not in marks or not isinstance(marks[name][1], Children | Child | Parent)
    }


def _sent(
    cls: type[Resource], schemas: ResourceSchemas, *, alone: bool = True, whole: bool = False
) -> Schema:
    """Return the schema of what is sent for a `cls` with those below it inside.

    One that is not `alone` stands inside another; in a `whole` load balancer pools have names, and stand for them.
    """
    whole = whole or cls is LoadBalancer

    def inside(name: str, below: type[Resource]) -> Schema:
        one = _sent(below, schemas, alone=False, whole=whole)
        if name == below.PLURAL:
            return many(one)
        return {"anyOf": [one, exactly(name=STRING)]} if whole and below is Pool else one

    below = {name: or_null(inside(name, kind)) for name, kind in NESTED.get(cls, {}).items()}
    sent = schemas.nested_create(cls, () if alone else LINKED[cls], **below)
    return {**sent, "required": [*sent["required"], "name"]} if whole and cls is Pool else sent


def _made(schemas: ResourceSchemas) -> Schema:
    """Return the schema of a load balancer with everything that was made below it."""

    def inside(cls: type[Resource], **below: Schema) -> Schema:
        return schemas.nested_shown(cls, parents=False, **below)

    monitor = or_null(inside(HealthMonitor))
    pool = inside(Pool, members=many(inside(Member)), healthmonitor=monitor, listeners=many(WITH_ID))
    listener = inside(Listener, l7policies=many(inside(L7Policy, rules=many(inside(L7Rule)))))
    return inside(LoadBalancer, listeners=many(listener), pools=many(pool))


SCHEMAS: Mapping[type[Resource], Nested] = {
    cls: Nested(partial(_sent, cls), _made if cls is LoadBalancer else None) for cls in NESTED
}
