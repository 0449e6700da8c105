"""What an administrator sets of agents in Neutron's list of them, where that is the one there is: it holds here too.

Neutron tells nobody. Who has asked it (`GET /v2.0/agents`, as an administrator) hands the rows over; this asks nobody.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from evener.resources.agent import AGENT_TYPE
from evener.store.database import Transaction
from evener.store.schema import agents

AgentRows = Iterable[Mapping[str, Any]]


def differing(rows: AgentRows, known: Mapping[str, bool]) -> dict[str, bool]:
    """Return, by host, the `admin_state_up` that Neutron's `rows` have of our agents, where it is not as `known`.

    Agents of other types, and those that only one of both knows, stay as they are.
    """
    said = {str(row["host"]): bool(row["admin_state_up"]) for row in rows if row["agent_type"] == AGENT_TYPE}
    return {host: up for host, up in said.items() if known.get(host, up) != up}


def heed(tx: Transaction, rows: AgentRows) -> dict[str, bool]:
    """Set `admin_state_up` of our agents as Neutron's `rows` have it; return what that changed, by host.

    One whose `admin_state_up` is false gets no new load balancers. One statement where nothing differs.
    """
    known = {
        row.host: row.admin_state_up for row in tx.execute(select(agents.c.host, agents.c.admin_state_up))
    }
    changed = differing(rows, known)
    for up in set(changed.values()):
        hosts = [host for host, value in changed.items() if value is up]
        tx.execute(agents.update().where(agents.c.host.in_(hosts)).values(admin_state_up=up))
    return changed
