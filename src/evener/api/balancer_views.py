"""What is shown of a load balancer besides itself: the tree of statuses, and the counters."""

from typing import Any

import falcon

from evener.api.documented import STRING, Documented, Schema, documented, exactly, many
from evener.api.policy import Policy
from evener.control.operations import LoadBalancing
from evener.control.status_views import Statuses
from evener.resources.describe import Resource
from evener.resources.facts import Counters, Traffic
from evener.resources.graph import PolicyNode, PoolNode
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.types import OperatingStatus, ProvisioningStatus

Json = dict[str, Any]
PROVISIONING: Schema = {"type": "string", "enum": [status.value for status in ProvisioningStatus]}
OPERATING: Schema = {"type": "string", "enum": [status.value for status in OperatingStatus]}


def _entry(*optional: str, **more: Schema) -> Schema:
    """Return the schema of one object in the tree, with `more` than the id and the statuses."""
    found = {"id": STRING, "provisioning_status": PROVISIONING, "operating_status": OPERATING, **more}
    required = sorted(found.keys() - {"operating_status", *optional})
    return {"type": "object", "properties": found, "required": required, "additionalProperties": False}


_MEMBER = _entry(
    "operating_reason",
    name=STRING,
    address=STRING,
    protocol_port={"type": "integer"},
    operating_reason=STRING,
)
_MONITOR: Schema = {
    "anyOf": [_entry(name=STRING, type=STRING), {"type": "object", "additionalProperties": False}]
}
_POOL = _entry(name=STRING, members=many(_MEMBER), healthmonitor=_MONITOR)
_POLICY = _entry(name=STRING, action=STRING, rules=many(_entry(type=STRING)))
_LISTENER = _entry(name=STRING, pools=many(_POOL), l7policies=many(_POLICY))
STATUS_TREE = exactly(
    statuses=exactly(
        loadbalancer=_entry(
            "provisioning_error",
            "listeners",
            "pools",
            name=STRING,
            provisioning_error=STRING,
            listeners=many(_LISTENER),
            pools=many(_POOL),
        )
    )
)
# What both dialects know; requests are shown where they are counted, and only by what is Evener's own.
OWN = frozenset({"requests"})
COUNTERS: Schema = {
    name: {"type": "integer", "minimum": 0} for name in Counters.model_fields if name not in OWN
}


def _counters(**more: Schema) -> Schema:
    """Return the schema of counters, with what is Evener's own of them, and `more`."""
    known = {**COUNTERS, **{name: {"type": "integer", "minimum": 0} for name in OWN}, **more}
    return {
        "type": "object",
        "properties": known,
        "required": sorted(COUNTERS),
        "additionalProperties": False,
    }


_BY_ID: Schema = {"type": "object", "additionalProperties": _counters()}
STATS_OF_ALL = _counters()
STATS = _counters(listeners=_BY_ID, members=_BY_ID)


def shown(counted: Counters) -> Json:
    """Return counters as both dialects have them."""
    return counted.model_dump(exclude=set(OWN))


def shown_whole(counted: Counters | Traffic) -> Json:
    """Return all that was counted; what was not is left out."""
    return counted.model_dump(exclude_none=True)


def draw(found: Statuses) -> Json:
    """Return the tree as LBaaS v2 shows it: pools below the listeners that have them by default, and all of them."""
    balancer = found.tree.loadbalancer
    entry: Json = {
        "id": balancer.id,
        "provisioning_status": found.provisioning[balancer.id],
        "name": balancer.name,
        "operating_status": found.operating[balancer.id],
        "listeners": [_listener(found, listener) for listener in found.tree.listeners],
        "pools": [_pool(found, node) for node in found.tree.pools],
    }
    return entry if found.error is None else {**entry, "provisioning_error": found.error}


def _own(found: Statuses, resource: Resource, *names: str, **more: Any) -> Json:
    """Return the entry of one object: its id and statuses, those of its attributes, and what is below it."""
    entry: Json = {"id": resource.id, "provisioning_status": found.provisioning[resource.id]}
    if resource.id in found.operating:
        entry["operating_status"] = found.operating[resource.id]
    return {**entry, **{name: getattr(resource, name) for name in names}, **more}


def _listener(found: Statuses, listener: Listener) -> Json:
    node = found.tree.pools_by_id.get(listener.default_pool_id or "")
    policies = [_policy(found, node) for node in found.tree.policies_of(listener.id)]
    below = {"pools": [_pool(found, node)] if node else [], "l7policies": policies}
    return _own(found, listener, "name", **below)


def _policy(found: Statuses, node: PolicyNode) -> Json:
    rules = [_own(found, rule, "type") for rule in node.rules]
    return _own(found, node.policy, "name", "action", rules=rules)


def _pool(found: Statuses, node: PoolNode) -> Json:
    monitor = node.healthmonitor
    return _own(
        found,
        node.pool,
        "name",
        members=[_member(found, member) for member in node.members],
        healthmonitor=_own(found, monitor, "name", "type") if monitor else {},
    )


def _member(found: Statuses, member: Member) -> Json:
    entry = _own(found, member, "name", "address", "protocol_port")
    reason = found.reasons.get(member.id)
    return entry if reason is None else {**entry, "operating_reason": reason}


class LoadBalancerViews:
    """`/statuses` and `/stats` of a load balancer."""

    def __init__(self, balancing: LoadBalancing, policy: Policy) -> None:
        self._balancing = balancing
        self._policy = policy

    @documented(Documented(STATUS_TREE))
    def on_get_statuses(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the tree of statuses."""
        self._policy.check(request.context.caller, "get", LoadBalancer)
        found = self._balancing.statuses(request.context.caller, object_id)
        response.media = {"statuses": {"loadbalancer": draw(found)}}

    @documented(Documented(exactly(stats=STATS), query={"detail": {"type": "boolean"}}))
    def on_get_stats(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the counters; with `detail` also requests, and those of each listener and member."""
        self._policy.check(request.context.caller, "get", LoadBalancer)
        traffic = self._balancing.stats(request.context.caller, object_id)
        if request.get_param_as_bool("detail"):
            found = shown_whole(traffic)
            response.media = {"stats": found.pop("total") | found}
        else:
            response.media = {"stats": shown(traffic.total)}
