"""Which agent's host a router is on: decided from what agents say of themselves and what the router needs."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func, select

from evener.control.scheduling import Candidate, candidates, fits, obstacles
from evener.services.network import ANYWHERE, Footing
from evener.store.database import Transaction, now
from evener_cloud.network import errors, hosting
from evener_cloud.network.tables import router_bindings


def place(tx: Transaction, router_id: str) -> None:
    """See that a router is on an agent that all its networks are under, if it is on any.

    Raises:
        Conflict: when no agent ever can have it.
    """
    current = hosting.agent_of(tx, router_id)
    footing = hosting.footing_of_router(tx, router_id)
    hosting.bind(tx, router_id, for_router(candidates(tx, now()), _routers(tx), footing, current))


def place_waiting(tx: Transaction) -> None:
    """Give the routers that are on no agent to one: their agent is gone, or none lived when they were made."""
    for router_id in hosting.waiting(tx):
        footing = hosting.footing_of_router(tx, router_id)  # once those before are placed
        hosting.bind(tx, router_id, for_waiting_router(candidates(tx, now()), _routers(tx), footing))


def _routers(tx: Transaction) -> dict[str, int]:
    """Return how many routers the agents have that have any."""
    agent_id = router_bindings.c.agent_id
    return {row[0]: row[1] for row in tx.execute(select(agent_id, func.count()).group_by(agent_id))}


def for_router(
    agents: Sequence[Candidate], routers: Mapping[str, int], footing: Footing, current: str | None = None
) -> str | None:
    """Return the id of the agent that a router is to be on: the `current` one as long as it fits.

    Else the one of those that work and fit with the fewest of the `routers`; None where it has to wait for one.

    Raises:
        Conflict: when none fits, whether it works or not.
    """
    fitting = [each for each in agents if fits(each, footing)]
    if agents and not fitting:
        raise errors.NoEligibleL3Agent(
            f"No eligible agent found for the router: {obstacles(agents, footing)}"
        )
    if any(each.id == current for each in fitting):
        return current
    return _least_routers(fitting, routers)


def for_waiting_router(
    agents: Sequence[Candidate], routers: Mapping[str, int], footing: Footing
) -> str | None:
    """Return the id of the agent for a router that is on none: one that fits, or else one that does in part.

    There was nobody to refuse it: its agent was deleted, or it is older than the rule. None where it has to wait.
    """
    within_reach = Footing(footing.physical)
    for need in (footing, within_reach, ANYWHERE):
        fitting = [each for each in agents if fits(each, need)]
        if fitting:
            return _least_routers(fitting, routers)
    return None


def _least_routers(agents: Iterable[Candidate], routers: Mapping[str, int]) -> str | None:
    working = [each for each in agents if each.working]
    least = min(working, key=lambda each: (routers.get(each.id, 0), each.balancers, each.id), default=None)
    return None if least is None else least.id
