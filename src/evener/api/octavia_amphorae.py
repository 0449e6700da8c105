"""What is done with amphorae and load balancers, and is no operation on a collection: counters, failover."""

from typing import Any

import falcon

from evener.api.balancer_views import COUNTERS, shown
from evener.api.documented import STRING, Documented, documented, exactly, many
from evener.api.policy import Policy
from evener.control.amphorae import Amphorae
from evener.control.failover import Failover
from evener.resources.amphora import Amphora
from evener.resources.loadbalancer import LoadBalancer

COUNTED = exactly(
    id=STRING,
    loadbalancer_id=STRING,
    listener_id=STRING,
    **COUNTERS,
)


class AmphoraViews:
    """`/v2/octavia/amphorae/ID/stats`, `…/config` and `…/failover`."""

    def __init__(self, amphorae: Amphorae, policy: Policy) -> None:
        self._amphorae, self._policy = amphorae, policy

    @documented(Documented(exactly(amphora_stats=many(COUNTED))))
    def on_get_stats(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show what each listener has counted there."""
        self._policy.check(request.context.caller, "stats", Amphora)
        balancer, found = self._amphorae.stats(object_id)
        about: dict[str, Any] = {"id": object_id, "loadbalancer_id": balancer}
        response.media = {
            "amphora_stats": [
                {**about, "listener_id": listener, **shown(counted)} for listener, counted in found.items()
            ]
        }

    @documented(Documented({}, status=202))
    def on_put_config(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Have its agent look again at what it is to serve there."""
        self._policy.check(request.context.caller, "config", Amphora)
        self._amphorae.configure(object_id)
        response.status = falcon.HTTP_202

    @documented(Documented({}, status=202))
    def on_put_failover(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Have what is served there served anew, elsewhere if that can be."""
        caller = self._policy.check(request.context.caller, "failover", Amphora)
        self._amphorae.fail_over(caller, object_id)
        response.status = falcon.HTTP_202


class FailoverViews:
    """`/loadbalancers/ID/failover`."""

    def __init__(self, failover: Failover, policy: Policy) -> None:
        self._failover, self._policy = failover, policy

    @documented(Documented({}, status=202))
    def on_put(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Have a load balancer served anew, elsewhere if that can be."""
        caller = self._policy.check(request.context.caller, "failover", LoadBalancer)
        self._failover.of(caller, object_id)
        response.status = falcon.HTTP_202
