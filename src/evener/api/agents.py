"""Which load balancers an agent serves, and which agent serves a load balancer."""

from typing import cast

import falcon

from evener.api.collections import Collection, only
from evener.api.dialects.lbaas import LBAAS
from evener.api.dialects.lbaas_lists import parse
from evener.api.documented import Documented, documented, exactly, many, reference
from evener.api.policy import Policy
from evener.control.agents import Agents
from evener.resources.agent import Agent
from evener.resources.errors import InvalidInput
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wire import to_wire
from evener.store.filters import boolean


class AgentCollection(Collection):
    """`/agents`: one whose node is lost goes by `?force=true`, and with `&leave=true` what it has goes to nobody."""

    def on_delete_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete one."""
        flags = {name: boolean(name, request.get_param(name) or "false") for name in ("force", "leave")}
        if flags["leave"] and not flags["force"]:
            raise InvalidInput("Invalid input for leave. Reason: it goes with force=true only.")
        if not flags["force"]:
            super().on_delete_one(request, response, object_id, parent_id)
            return
        caller = request.context.caller
        self._policy.check(caller, "delete", Agent)
        cast("Agents", self._operations).remove(caller, object_id, leave=flags["leave"])
        response.status = falcon.HTTP_204


class SchedulerViews:
    """Neutron-LBaaS's extension `lbaas_agent_schedulerv2`."""

    def __init__(self, agents: Agents, policy: Policy) -> None:
        self._agents = agents
        self._policy = policy

    @documented(Documented(exactly(loadbalancers=many(reference("LoadBalancer"))), lists=LoadBalancer))
    def on_get_loadbalancers(
        self, request: falcon.Request, response: falcon.Response, object_id: str
    ) -> None:
        """List the load balancers that an agent serves."""
        caller = request.context.caller
        self._policy.enforce(caller, "get_agent-loadbalancers")
        wanted = parse(LoadBalancer, request.query_string)
        found = self._agents.loadbalancers(caller, object_id, wanted.query)
        response.media = {"loadbalancers": [only(to_wire(one, LBAAS.form), wanted.fields) for one in found]}

    @documented(Documented(exactly(agent=reference("Agent"))))
    def on_get_agent(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Show the agent that serves a load balancer."""
        caller = request.context.caller
        self._policy.enforce(caller, "get_loadbalancer-hosting-agent")
        wanted = parse(Agent, request.query_string)
        response.media = {"agent": only(to_wire(self._agents.hosting(caller, object_id)), wanted.fields)}
