"""The commands that have load balancers served by other agents: to empty a host, and to even out several.

One load balancer after the other, by Octavia's `failover`; what is left to do is read from where they are, so a command
that was interrupted is given again.
"""

import argparse
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count

from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client, Object
from evener.cli.command import Command, client_of, say
from evener.cli.errors import CliError, Refused, Unreachable
from evener.cli.escaping import visible
from evener.cli.places import Place, domains_of, evening, full, loads, places_of, words

INTERVAL_S = 0.2
PATIENCE_S = 120.0  # for one load balancer
ADMIN_ONLY = "Agents are shown to administrators only."


def _agents(client: Client) -> list[Object]:
    return client.list_all(BY_KIND["agent"])


def _places(client: Client, **which: str) -> list[Place]:
    found = client.load_balancing("GET", "octavia/amphorae", query=which)
    return places_of(found["amphorae"])


def served(client: Client, loadbalancer_id: str | None = None) -> dict[str, str]:
    """Return in words who serves a load balancer, or each, by their ids: of those that two agents do.

    Nothing, where the caller may not see that, or nobody tells.
    """
    with suppress(Refused, Unreachable):
        if client.is_admin():
            places = _places(
                client, **({} if loadbalancer_id is None else {"loadbalancer_id": loadbalancer_id})
            )
            paired = [each for each in places if each.role != "STANDALONE"]
            missing = (
                {str(each["host"]) for each in _agents(client) if not each["alive"]} if paired else set()
            )
            return {
                balancer: words((each for each in paired if each.loadbalancer == balancer), missing)
                for balancer in dict.fromkeys(each.loadbalancer for each in paired)
            }
    return {}


def _name(client: Client, loadbalancer_id: str) -> str:
    found = client.load_balancing("GET", f"lbaas/loadbalancers/{loadbalancer_id}")["loadbalancer"]
    return visible(str(found["name"] or loadbalancer_id))


def move(client: Client, place: Place, patience_s: float = PATIENCE_S) -> tuple[str | None, str]:
    """Have another agent do what is done in a place, and wait for it; return its host, or None, and words for it."""
    others = {each.id for each in _places(client, loadbalancer_id=place.loadbalancer)} - {place.id}
    began = time.monotonic()
    client.load_balancing("PUT", f"octavia/amphorae/{place.id}/failover")
    while time.monotonic() - began < patience_s:
        found = client.load_balancing("GET", f"lbaas/loadbalancers/{place.loadbalancer}")["loadbalancer"]
        now = [each for each in _places(client, loadbalancer_id=place.loadbalancer) if each.id not in others]
        status = found["provisioning_status"]
        if status == "ACTIVE" and now and now[0].host == place.host:
            return None, "stays: no other agent can take it"
        if status == "ACTIVE" and now:
            return now[0].host, f"went to {now[0].host} in {time.monotonic() - began:.1f} s"
        if status == "ERROR":
            return None, f"is in ERROR: {_reason(client, place.loadbalancer)}"
        time.sleep(INTERVAL_S)
    return None, f"is not served elsewhere after {patience_s:.0f} s"


def _reason(client: Client, loadbalancer_id: str) -> str:
    found = client.show(BY_KIND["loadbalancer"], loadbalancer_id)
    return str(found.get("provisioning_error") or "no reason is known")


class Evacuate(Command):
    """Have other agents serve what an agent does, one load balancer after the other, and give it no new ones.

    To be given again after an interruption, and for what another agent has come for meanwhile. The agent gets new load
    balancers again by: evener agent-update --admin-state-up True AGENT. Routers stay.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("host", metavar="HOST", help="Host or id of the agent.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        agents = [each for each in _agents(client) if parsed_args.host in (each["host"], each["id"])]
        if not agents:
            raise CliError(f"There is no agent on host {parsed_args.host}. {ADMIN_ONLY}")
        agent_id, host = agents[0]["id"], str(agents[0]["host"])
        client.update(BY_KIND["agent"], agent_id, {"admin_state_up": False})
        places = _places(client, lb_network_ip=host)
        stay = 0
        for number, place in enumerate(places, 1):
            try:
                taken, said = move(client, place)
            except Refused as refused:
                taken, said = None, f"stays: {refused}"
            stay += taken is None
            say(self.app, f"{number}/{len(places)} {_name(client, place.loadbalancer)} {said}")
        say(self.app, f"Host {host} gets no new load balancers; {len(places) - stay} went, {stay} stay")
        if stay:
            raise CliError(f"{stay} load balancers are still on host {host}")


class Balance(Command):
    """Show what would even out the load of the agents; with --yes, do it.

    A load balancer counts as one, one that two agents serve at each of them; 20 members, or 200 connections that are
    open, count as one more. An agent that is not alive, or gets no new ones, is left alone, and one whose host has less
    than a tenth of its memory left gets none. Where the networks of one, or its availability zone, leave no choice, it
    stays.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Do it, one load balancer after the other.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        agents = _agents(client)
        domains, no_more = domains_of(agents), full(agents)
        if not domains:
            raise CliError(f"No agent is alive and gets load balancers. {ADMIN_ONLY}")
        if parsed_args.yes:
            self._even_out(client, domains, no_more)
            return
        places = _places(client)
        moves = list(evening(places, domains, full=no_more))
        for each in moves:
            name = _name(client, each.place.loadbalancer)
            say(self.app, f"{name} ({each.place.role}): from {each.place.host} to {each.to}")
        self._summarize(places, domains, f"{len(moves)} to move; --yes does it" if moves else "even")

    def _even_out(self, client: Client, domains: dict[str, str], no_more: Collection[str]) -> None:
        # Control chooses where each goes, and connections come and go meanwhile: none is moved again and again.
        done, moved = set[str](), 0
        for number in count(1):
            places = _places(client)
            found = next(evening(places, domains, done, no_more), None)
            if found is None:
                self._summarize(places, domains, f"{moved} moved")
                return
            taken, said = move(client, found.place)
            moved += taken is not None
            done.add(found.place.loadbalancer)
            say(self.app, f"{number} {_name(client, found.place.loadbalancer)} {said}")

    def _summarize(self, places: Sequence[Place], domains: dict[str, str], said: str) -> None:
        load = loads(places, domains)
        served = {host: sum(each.host == host for each in places) for host in sorted(domains)}
        counts = ", ".join(f"{host} {number} (load {load[host]:.1f})" for host, number in served.items())
        say(self.app, f"{counts}: {said}")
