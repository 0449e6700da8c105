"""Which agent serves which load balancer, and who is alive."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from evener.control import load as loads
from evener.control import reached, reports
from evener.control.errors import NoActiveAgent, NoAgentHeard, NoEligibleAgent
from evener.control.load import Load
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.types import Role
from evener.services.network import ANYWHERE, Footing
from evener.store import rows
from evener.store.database import Transaction, now
from evener.store.schema import agents, bindings, loadbalancers

HEARD_WITHIN = timedelta(seconds=30)  # who is well: agents are heard each 25 seconds at least


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent: whether it is heard of and gets new work, what it has, which physical networks it reaches, where it is.

    An agent that does not say what it reaches (None) reaches everything. What fails at once with others of its `domain`
    serves no load balancer together with them; `pairs` says whether it can serve one with another agent at all. One
    that is `missed` would work if it were heard of. Of its `load`, None is an agent that says nothing of that.
    """

    id: str
    working: bool
    balancers: int
    reaches: frozenset[str] | None = None
    zone: str | None = None
    host: str = ""
    domain: str = ""
    pairs: bool = False
    missed: bool = False
    load: Load | None = None


def _reaches(agent: Candidate, name: str) -> bool:
    return agent.reaches is None or name in agent.reaches


def fits(agent: Candidate, footing: Footing) -> bool:
    """Return whether an agent has under it what is needed."""
    here = footing.hosts is None or agent.host in footing.hosts
    here = here and all(agent.id in there for there in footing.homes.values())
    return here and all(_reaches(agent, name) for name in footing.physical.values())


def for_balancer(candidates: Iterable[Candidate], footing: Footing) -> str:
    """Return the id of the working agent with the least load that fits.

    Where one of those that fit says nothing of its load, all of them are compared by their load balancers alone.

    Raises:
        Conflict: when none works, or none of these fits.
        Unavailable: when none is heard of.
    """
    candidates = list(candidates)
    working = [each for each in candidates if each.working]
    if not working:
        refusal = NoAgentHeard if any(each.missed for each in candidates) else NoActiveAgent
        raise refusal("No active agent found to serve the load balancer: start an agent, or see its log")
    fitting = [each for each in working if fits(each, footing)]
    if not fitting:
        raise NoEligibleAgent(f"No eligible agent found for the load balancer: {obstacles(working, footing)}")
    told = all(each.load is not None for each in fitting)

    def burden(agent: Candidate) -> tuple[tuple[bool, int], int, str]:
        return loads.burden(agent.balancers, agent.load if told else None), agent.balancers, agent.id

    return min(fitting, key=burden).id


def for_pair(candidates: Iterable[Candidate], footing: Footing) -> tuple[str, str]:
    """Return the ids of two working agents that fit, in different failure domains, with the least load.

    Raises:
        Conflict: when there are no two of these.
    """
    able = apart_from(list(candidates), ())
    first = for_balancer(able, footing)
    return first, for_balancer(apart_from(able, {first}), footing)


def apart_from(candidates: Sequence[Candidate], partners: Collection[str]) -> list[Candidate]:
    """Return those that can serve a load balancer together with the agents `partners`.

    Raises:
        NoEligibleAgent: when none works that can, or one of these cannot.
    """
    with_whom = [each for each in candidates if each.id in partners]
    domains = {each.domain for each in with_whom}
    found = [each for each in candidates if each.pairs and each.working and each.domain not in domains]
    if not found or not all(each.pairs for each in with_whom):
        raise NoEligibleAgent(
            "No eligible agent found for the load balancer: no two that are alive, have keepalived and are in different"
            " failure domains"
        )
    return found


def refuse_one_host(footing: Footing) -> None:
    """See that two hosts can be on the networks that a load balancer needs.

    Raises:
        NoEligibleAgent: when one of these is of one host alone.
    """
    local = sorted({*footing.homes, *footing.alone})
    if local:
        raise NoEligibleAgent(
            f"No eligible agents found for the load balancer: network {local[0]} is of one host alone"
        )


def obstacles(candidates: Sequence[Candidate], footing: Footing) -> str:
    """Return in words why none of `candidates` fits. Names no host and no physical network: users see neither."""
    found = [
        f"network {network_id} is on a physical network that none reaches"
        for network_id, name in sorted(footing.physical.items())
        if not any(_reaches(each, name) for each in candidates)
    ]
    if not found and footing.homes:
        names = ", ".join(sorted(footing.homes))
        found = [f"no agent that can take it is on the one host of each of these networks: {names}"]
    if not found and footing.hosts is not None and not any(each.host in footing.hosts for each in candidates):
        found = ["none is on a host where the network service can connect its port"]
    return "; ".join(found) or _apart(footing)


def _apart(footing: Footing) -> str:
    """Return in words what no agent does all of, though each part of it is done by one."""
    needs = [f"reaches the physical network of network {each}" for each in sorted(footing.physical)]
    if footing.hosts is not None:
        needs.append("is on a host where the network service can connect its port")
    return f"no single one {' and '.join(needs)}"


def candidates(tx: Transaction, moment: datetime, quiet: timedelta = AGENT_DOWN_AFTER) -> list[Candidate]:
    """Return all agents, of which those work that have been heard of within the time `quiet`."""
    heard_after = moment - quiet
    return [
        Candidate(
            row.id,
            row.heartbeat_at > heard_after and row.admin_state_up,
            row.balancers,
            reach_of(row.configurations),
            row.availability_zone,
            row.host,
            str(row.configurations.get("failure_domain") or row.host),
            bool(row.configurations.get("keepalived")),
            row.heartbeat_at <= heard_after and row.admin_state_up,
            loads.load_of(row.configurations),
        )
        for row in tx.execute(_CANDIDATES)
    ]


def reach_of(configurations: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the physical networks that an agent says it reaches; None where it says nothing of that."""
    said = configurations.get("physical_networks")
    return frozenset(map(str, said)) if isinstance(said, list) else None


def choose_agent(
    tx: Transaction,
    moment: datetime,
    footing: Footing = ANYWHERE,
    zone: str | None = None,
    besides: Collection[str] = (),
    partners: Collection[str] = (),
    quiet: timedelta = AGENT_DOWN_AFTER,
) -> str:
    """Return the id of the agent for a load balancer, of that zone and none of `besides`; see `for_balancer`.

    With `partners`, it serves it together with these. It has been heard of within the time `quiet`.
    """
    if partners:
        refuse_one_host(footing)
    if footing.alone:  # whoever places another one there meanwhile comes before, and is seen, or after
        tx.execute(select(agents.c.id).order_by(agents.c.id).with_for_update())
        homes = {each: frozenset(tx.scalar_ids(_balancing(each))) for each in footing.alone}
        footing = replace(footing, homes={**footing.homes, **{each: at for each, at in homes.items() if at}})
    known = candidates(tx, moment, quiet)
    able = apart_from(known, partners) if partners else known
    others = [each for each in able if each.id not in besides]
    return for_balancer([each for each in others if zone in (None, each.zone)], footing)


def choose_pair(tx: Transaction, moment: datetime, footing: Footing, zone: str | None) -> tuple[str, str]:
    """Return the ids of the two agents for a load balancer, of that zone; see `for_pair`."""
    refuse_one_host(footing)
    return for_pair([each for each in candidates(tx, moment) if zone in (None, each.zone)], footing)


def _balancing(network_id: str) -> Select[tuple[str]]:
    """Return the statement for an agent with a load balancer on a network."""
    there = select(bindings.c.agent_id).join(loadbalancers, loadbalancers.c.id == bindings.c.loadbalancer_id)
    return there.where(loadbalancers.c.vip_network_id == network_id).limit(1)


def bind(
    tx: Transaction,
    loadbalancer_id: str,
    agent_id: str,
    role: Role = Role.STANDALONE,
    applied: int = 0,
    number: int = 1,
) -> None:
    """Give a load balancer to an agent; generations up to `applied` are on their way to nobody any more.

    It is the `number`-th that has it in that role.
    """
    moment = now()
    tx.execute(
        bindings.insert(),
        {
            "id": str(uuid.uuid4()),
            "loadbalancer_id": loadbalancer_id,
            "role": role.value,
            "created_at": moment,
            "updated_at": moment,
            "agent_id": agent_id,
            "applied_generation": applied,
            "number": number,
        },
    )
    if applied or number > 1:  # of a new one nothing is applied, and its row says so
        reached.keep(tx, loadbalancer_id)


def move(tx: Transaction, loadbalancer_id: str, agent_id: str, other: str, applied: int) -> None:
    """Give what one agent does of a load balancer to another one."""
    before = part_of_agent(tx, loadbalancer_id, agent_id)
    unbind(tx, loadbalancer_id, agent_id)
    bind(tx, loadbalancer_id, other, before.role, applied, before.number + 1)


def unbind(tx: Transaction, loadbalancer_id: str, agent_id: str) -> None:
    """Take a load balancer from an agent; what the agent counted stays."""
    reports.retire_agent(tx, loadbalancer_id, agent_id)
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
    tx.execute(bindings.delete().where(*mine))
    reached.keep(tx, loadbalancer_id)


def set_role(tx: Transaction, loadbalancer_id: str, agent_id: str, role: Role) -> None:
    """Note what an agent is from now on among those that serve a load balancer."""
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
    tx.execute(bindings.update().where(*mine).values(role=role.value, has_vip=None, updated_at=now()))


def renew(tx: Transaction, loadbalancer_id: str, agent_ids: Iterable[str]) -> None:
    """Note that agents serve a load balancer anew: what they do of it has another id from now on."""
    moment = now()
    for agent_id in agent_ids:
        mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
        fresh = {"id": str(uuid.uuid4()), "created_at": moment, "updated_at": moment}
        tx.execute(bindings.update().where(*mine).values(fresh))


def roles_of(tx: Transaction, loadbalancer_id: str) -> dict[str, Role]:
    """Return what each agent is among those that serve a load balancer, by their hosts."""
    return {row.host: Role(row.role) for row in tx.execute(_HOSTS, {"served": loadbalancer_id})}


@dataclass(frozen=True, slots=True)
class Part:
    """What an agent does of a load balancer: in which role, and which generation of it was applied, there or before.

    `number` says how many agents have had that role, it included; `partner_applied`, which generation the other one of
    two has applied, where that is heard of.
    """

    role: Role
    applied: int
    number: int = 1
    partner_applied: int | None = None


def part_of(tx: Transaction, loadbalancer_id: str, host: str) -> Part | None:
    """Return the part of the agent on `host`; None where it has none."""
    found = {row.host: row for row in tx.execute(_HOSTS, {"served": loadbalancer_id})}
    mine = found.pop(host, None)
    if mine is None:
        return None
    heard = [row.applied_generation for row in found.values() if row.heartbeat_at > now() - HEARD_WITHIN]
    return Part(Role(mine.role), mine.applied_generation, mine.number, min(heard, default=None))


def part_of_agent(tx: Transaction, loadbalancer_id: str, agent_id: str) -> Part:
    """Return the part of an agent that has one."""
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
    row = tx.execute(select(bindings).where(*mine)).one()
    return Part(Role(row.role), row.applied_generation, row.number)


def agent_on(tx: Transaction, host: str | None) -> str | None:
    """Return the id of the agent on a host, alive or not; None where there was never one."""
    return tx.scalar(select(agents.c.id).where(agents.c.host == host))


def living_hosts(tx: Transaction, moment: datetime) -> list[str]:
    """Return the hosts of all agents that are alive, those that get no new load balancers included."""
    living = select(agents.c.host).where(agents.c.heartbeat_at > moment - AGENT_DOWN_AFTER)
    return [row.host for row in tx.execute(living)]


def host_of(tx: Transaction, agent_id: str) -> str:
    """Return the host of an agent."""
    return str(tx.scalar(select(agents.c.host).where(agents.c.id == agent_id)))


def hosts_of(tx: Transaction, loadbalancer_id: str) -> list[str]:
    """Return the hosts whose agents serve a load balancer."""
    return list(agents_of(tx, loadbalancer_id))


def agents_of(tx: Transaction, loadbalancer_id: str) -> dict[str, str]:
    """Return the ids of the agents that serve a load balancer, by their hosts."""
    return {row.host: row.id for row in tx.execute(_HOSTS, {"served": loadbalancer_id})}


def hosts_of_all(tx: Transaction, loadbalancer_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return each of the load balancers with each host whose agent serves it, in one statement (of 500 at a time)."""
    return [(row.loadbalancer_id, row.host) for row in rows.of_all(tx, _hosts_of_all, loadbalancer_ids)]


@cache
def _hosts_of_all(*, one: bool) -> Select[Any]:
    statement = select(bindings.c.loadbalancer_id, agents.c.host)
    statement = statement.join(agents, bindings.c.agent_id == agents.c.id)
    return statement.where(rows.wanted(bindings.c.loadbalancer_id, one=one)).order_by(
        bindings.c.loadbalancer_id
    )


# Built once: every change asks, and to build it takes longer than to run it.
_balancers = (  # of an index alone; a join reads every binding
    select(func.count()).where(bindings.c.agent_id == agents.c.id).correlate(agents).scalar_subquery()
)
_CANDIDATES = select(
    agents.c.id,
    agents.c.host,
    agents.c.heartbeat_at,
    agents.c.admin_state_up,
    agents.c.configurations,
    agents.c.availability_zone,
    _balancers.label("balancers"),
)
_HOSTS = (
    select(
        agents.c.host,
        agents.c.id,
        agents.c.heartbeat_at,
        bindings.c.role,
        bindings.c.applied_generation,
        bindings.c.number,
    )
    .join(bindings, bindings.c.agent_id == agents.c.id)
    .where(bindings.c.loadbalancer_id == bindparam("served"))
)
