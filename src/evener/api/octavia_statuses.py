"""What Octavia shows of load balancers and listeners besides themselves: the tree of statuses, and the counters."""

from collections.abc import Mapping
from typing import Any

import falcon

from evener.api.balancer_views import COUNTERS, OPERATING, PROVISIONING, STATS_OF_ALL, shown, shown_whole
from evener.api.dialects.octavia_paths import LBAAS
from evener.api.documented import STRING, Documented, Schema, View, documented, exactly, many
from evener.api.policy import Policy
from evener.control.operations import LoadBalancing
from evener.control.status_views import Statuses
from evener.resources.describe import Resource
from evener.resources.facts import Counters
from evener.resources.graph import PoolNode
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer

Json = dict[str, Any]
_STATUSES: Mapping[str, Schema] = {"provisioning_status": PROVISIONING, "operating_status": OPERATING}


def _entry(**more: Schema) -> Schema:
    """Return the schema of one object in the tree, with `more` than its id, name and statuses."""
    return exactly(id=STRING, name=STRING, **_STATUSES, **more)


_POOL = _entry(members=many(_entry(address=STRING, protocol_port={"type": "integer"})))
POOL: Schema = {**_POOL, "properties": {**_POOL["properties"], "health_monitor": _entry(type=STRING)}}
TREE = exactly(statuses=exactly(loadbalancer=_entry(listeners=many(_entry(pools=many(POOL))))))
STATS = exactly(stats=exactly(**COUNTERS))


def draw(found: Statuses) -> Json:
    """Return the tree: pools stand below the listeners that use them, by default or by a policy, and nowhere else."""
    return _own(
        found, found.tree.loadbalancer, listeners=[_listener(found, each) for each in found.tree.listeners]
    )


def _own(found: Statuses, resource: Resource, *names: str, **below: Any) -> Json:
    """Return the entry of one object: its id, name and statuses, those of its attributes, and what is below it."""
    statuses = {
        "provisioning_status": found.provisioning[resource.id],
        "operating_status": found.operating[resource.id],
    }
    return {**{name: getattr(resource, name) for name in ("id", "name", *names)}, **statuses, **below}


def _listener(found: Statuses, listener: Listener) -> Json:
    policies = found.tree.policies_of(listener.id)
    used = dict.fromkeys([listener.default_pool_id, *(each.policy.redirect_pool_id for each in policies)])
    nodes = [found.tree.pools_by_id[each] for each in used if each in found.tree.pools_by_id]
    return _own(found, listener, pools=[_pool(found, node) for node in nodes])


def _pool(found: Statuses, node: PoolNode) -> Json:
    members = [_own(found, member, "address", "protocol_port") for member in node.members]
    monitor = node.healthmonitor
    watched = {} if monitor is None else {"health_monitor": _own(found, monitor, "type")}
    return _own(found, node.pool, members=members, **watched)


class StatusViews:
    """`/status` of a load balancer, `/statuses` that is the same, and `/stats` of load balancers and listeners."""

    def __init__(self, balancing: LoadBalancing, policy: Policy) -> None:
        self._balancing, self._policy = balancing, policy

    @documented(Documented(TREE))
    def on_get_status(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the tree of statuses."""
        caller = self._policy.check(request.context.caller, "status", LoadBalancer)
        found = self._balancing.statuses(caller, object_id)
        response.media = {"statuses": {"loadbalancer": draw(found)}}

    @documented(Documented(STATS))
    def on_get_stats(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the counters of a load balancer: of all its listeners, those that are gone as well."""
        caller = self._policy.check(request.context.caller, "stats", LoadBalancer)
        traffic = self._balancing.stats(caller, object_id)
        response.media = {"stats": shown(traffic.total)}

    @documented(Documented(exactly(stats=STATS_OF_ALL)))
    def on_get_all_stats(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the counters of all load balancers that one would be listed, added up, as last reported."""
        caller = self._policy.check(request.context.caller, "list", LoadBalancer)
        response.media = {"stats": shown_whole(self._balancing.stats_of_all(caller))}

    @documented(Documented(STATS))
    def on_get_listener_stats(
        self, request: falcon.Request, response: falcon.Response, object_id: str
    ) -> None:
        """Show the counters of a listener."""
        caller = self._policy.check(request.context.caller, "stats", Listener)
        traffic = self._balancing.listener_stats(caller, object_id)
        response.media = {"stats": shown(traffic.listeners.get(object_id, Counters()))}


_BALANCER = f"{LBAAS}/loadbalancers/{{object_id}}"
VIEWS = (
    View(f"{_BALANCER}/status", StatusViews, "status"),
    View(f"{_BALANCER}/statuses", StatusViews, "status"),
    View(f"{_BALANCER}/stats", StatusViews, "stats"),
    View(f"{LBAAS}/stats", StatusViews, "all_stats"),
    View(f"{LBAAS}/listeners/{{object_id}}/stats", StatusViews, "listener_stats"),
)
