"""By what a load balancer is configured on its hosts, for administrators: an address of Evener's own in either API."""

from dataclasses import asdict

import falcon

from evener.api.documented import STRING, Documented, documented, exactly, many
from evener.api.policy import Policy
from evener.control.configurations import Configurations

CONFIGURATION = exactly(host=STRING, data_plane=STRING, text=STRING, error=STRING)


class ConfigurationViews:
    """`/loadbalancers/ID/configuration`."""

    def __init__(self, configurations: Configurations, policy: Policy, rule: str) -> None:
        self._configurations, self._policy, self._rule = configurations, policy, rule

    @documented(Documented(exactly(configurations=many(CONFIGURATION))))
    def on_get(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the configuration of each data plane on each host, without secrets; where there is none, why."""
        caller = self._policy.enforce(request.context.caller, self._rule)
        found = self._configurations.of(caller, object_id)
        response.media = {"configurations": [asdict(each) for each in found]}
