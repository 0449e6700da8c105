"""Agents as Neutron's list of them has them: by its ids, where Evener's are others. What is the same is the host."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from neutron_lib import exceptions
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import directory

from neutron_lbaas.announced import AGENT_TYPE
from neutron_lbaas.evener_api import EvenerApi, NoAnswer, Unreachable
from neutron_lbaas.forwarding import PREFIX, Answer, Ask, Environment, as_it_came, path_of

HOSTING = re.compile(rf"{PREFIX}/lbaas/loadbalancers/[^/]+/loadbalancer-hosting-agent")
OF_HOST = PREFIX + "/agents?host={host}&fields=id"


def loadbalancers_of_agent(ask: Ask, environ: Environment) -> Answer:
    """Ask for the load balancers of the agent that Neutron's id stands for; of others Evener says what it will."""
    wanted = environ["wsgiorg.routing_args"][1]["agent_id"]
    try:
        agent = directory.get_plugin().get_agent(_context(environ), wanted)
    except exceptions.NotFound:
        return as_it_came(ask, environ)
    found = ask("GET", OF_HOST.format(host=quote(agent["host"], safe="")), None)
    if found.status != 200:
        return found
    agents = json.loads(found.data)["agents"]
    if agent["agent_type"] != AGENT_TYPE or not agents:
        return as_it_came(ask, environ)
    return ask(environ["REQUEST_METHOD"], path_of(environ).replace(wanted, agents[0]["id"], 1), None)


def by_neutron_s_ids(ask: Ask, environ: Environment) -> Answer:
    """Pass a request on as it came; where an agent comes back, give it Neutron's id."""
    answer = as_it_came(ask, environ)
    if answer.status != 200 or not answer.data or not HOSTING.fullmatch(path_of(environ).partition("?")[0]):
        return answer
    shown = json.loads(answer.data)
    host = shown.get("agent", {}).get("host")
    wanted = {"host": [host], "agent_type": [AGENT_TYPE]}
    known = directory.get_plugin().get_agents(_context(environ), filters=wanted) if host else []
    if not known or "id" not in shown["agent"]:
        return answer
    shown["agent"]["id"] = known[0]["id"]
    return replace(answer, data=json.dumps(shown).encode())


class NotForgotten(exceptions.Conflict):  # type: ignore[misc] # neutron-lib has no types
    """Evener does not let go of an agent; Neutron answers 409."""

    message = "%(reason)s"


class NotAnswered(exceptions.ServiceUnavailable):  # type: ignore[misc]
    """Evener says nothing of an agent; Neutron answers 503."""

    message = "The load balancing service does not answer; the agent was not deleted"


class Deleted:
    """Has Evener forget the agents of its own that are deleted in Neutron's list, or keeps them there, too."""

    def __init__(self, api: EvenerApi) -> None:
        self._api = api

    def subscribe(self) -> None:
        """Be called from now on."""
        registry.subscribe(self.before_delete, resources.AGENT, events.BEFORE_DELETE)

    def before_delete(self, _resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
        """Have Evener delete an agent in the caller's name, before Neutron does.

        Raises:
            NotForgotten: when it serves load balancers, or the caller may not delete it, in Evener's words.
            NotAnswered: when Evener does not answer.
        """
        agent = payload.states[0]
        if agent.agent_type != AGENT_TYPE:
            return
        headers = {"X-Auth-Token": payload.context.auth_token or ""}
        try:
            answer = self._api.send("GET", OF_HOST.format(host=quote(agent.host, safe="")), headers)
            known = json.loads(answer.data)["agents"] if answer.status == 200 else ()
            for each in known:
                answer = self._api.send("DELETE", f"{PREFIX}/agents/{each['id']}", headers)
        except (Unreachable, NoAnswer) as error:
            raise NotAnswered from error
        if answer.status >= 400 and answer.status != 404:
            raise NotForgotten(reason=_reason(answer))


def _reason(answer: Any) -> str:
    try:
        return str(json.loads(answer.data)["NeutronError"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"The load balancing service answers {answer.status}"


def _context(environ: Environment) -> Any:
    """Return the caller's context with the right to see agents; whether the caller may Evener decides."""
    return environ["neutron.context"].elevated()
