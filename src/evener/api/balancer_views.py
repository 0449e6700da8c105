"""What is shown of a load balancer besides itself: the tree of statuses, and the counters."""

import falcon

from evener.api.documented import STRING, Documented, Schema, documented, exactly, many
from evener.api.policy import Policy
from evener.control.operations import LoadBalancing
from evener.resources.facts import Counters
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import OperatingStatus, ProvisioningStatus

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
COUNTERS: Schema = {name: {"type": "integer", "minimum": 0} for name in Counters.model_fields}

BY_ID: Schema = {"type": "object", "additionalProperties": exactly(**COUNTERS)}
STATS: Schema = {
    "type": "object",
    "properties": {**COUNTERS, "listeners": BY_ID, "members": BY_ID},
    "required": sorted(COUNTERS),
    "additionalProperties": False,
}


class LoadBalancerViews:
    """`/statuses` and `/stats` of a load balancer."""

    def __init__(self, balancing: LoadBalancing, policy: Policy) -> None:
        self._balancing = balancing
        self._policy = policy

    @documented(Documented(STATUS_TREE))
    def on_get_statuses(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the tree of statuses."""
        self._policy.check(request.context.caller, "get", LoadBalancer)
        tree = self._balancing.statuses(request.context.caller, object_id)
        response.media = {"statuses": {"loadbalancer": tree}}

    @documented(Documented(exactly(stats=STATS), query={"detail": {"type": "boolean"}}))
    def on_get_stats(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the counters; with `detail`, those of each listener and member too."""
        self._policy.check(request.context.caller, "get", LoadBalancer)
        traffic = self._balancing.stats(request.context.caller, object_id)
        shown = traffic.total.model_dump()
        if request.get_param_as_bool("detail"):
            shown |= traffic.model_dump(include={"listeners", "members"})
        response.media = {"stats": shown}
