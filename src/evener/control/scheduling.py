"""Which agent serves which load balancer, and who is alive."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.agent import Agent
from evener.resources.errors import Conflict
from evener.store import rows
from evener.store.database import Transaction, now
from evener.store.schema import agents, bindings


def record_heartbeat(tx: Transaction, host: str, configurations: Mapping[str, Any]) -> None:
    """Note that the agent on `host` is alive; an agent never seen before is registered.

    `started_at` among the configurations is when the agent started, in ISO 8601, UTC.
    """
    moment = now()
    shown = dict(configurations)
    started = shown.pop("started_at", None)
    values: dict[str, Any] = {"heartbeat_at": moment, "configurations": shown}
    if started is not None:
        values["started_at"] = datetime.fromisoformat(started)
    known = tx.execute(agents.update().where(agents.c.host == host).values(**values))
    if known.rowcount == 0:
        values = {"host": host, "created_at": moment, "started_at": moment, **values}
        rows.insert(tx, Agent.model_validate({"id": str(uuid.uuid4()), **values}))


def choose_agent(tx: Transaction, moment: datetime) -> str:
    """Return the id of the living agent with the fewest load balancers; one that is disabled gets none.

    Raises:
        Conflict: when no agent is alive and enabled.
    """
    row = tx.execute(_LEAST_LOADED, {"heard_after": moment - AGENT_DOWN_AFTER}).first()
    if row is None:
        raise Conflict(
            "No active agent found to serve the load balancer: start an agent, or see its log",
            "NoActiveLbaasAgent",
        )
    return str(row.id)


def bind(tx: Transaction, loadbalancer_id: str, agent_id: str) -> None:
    """Give a load balancer to an agent."""
    tx.execute(
        bindings.insert().values(loadbalancer_id=loadbalancer_id, agent_id=agent_id, applied_generation=0)
    )


def living_hosts(tx: Transaction, moment: datetime) -> list[str]:
    """Return the hosts of all agents that are alive, those that get no new load balancers included."""
    living = select(agents.c.host).where(agents.c.heartbeat_at > moment - AGENT_DOWN_AFTER)
    return [row.host for row in tx.execute(living)]


def hosts_of(tx: Transaction, loadbalancer_id: str) -> list[str]:
    """Return the hosts whose agents serve a load balancer."""
    return [row.host for row in tx.execute(_HOSTS, {"served": loadbalancer_id})]


# Built once: every change asks, and to build it takes longer than to run it.
_load = (
    select(func.count()).where(bindings.c.agent_id == agents.c.id).correlate(agents).scalar_subquery()
)  # of an index alone; a join reads every binding
_LEAST_LOADED = (
    select(agents.c.id)
    .where(agents.c.heartbeat_at > bindparam("heard_after"), agents.c.admin_state_up.is_(True))
    .order_by(_load, agents.c.id)
)
_HOSTS = (
    select(agents.c.host)
    .join(bindings, bindings.c.agent_id == agents.c.id)
    .where(bindings.c.loadbalancer_id == bindparam("served"))
)
