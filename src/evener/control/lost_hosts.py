"""Gives what a host serves to others once it has been away for a time: decided by one controller, in a pure function.

That a host is not heard does not say that it serves no more: who gets a load balancer asks the network before it takes
an address (design/lost-hosts.md).
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from sqlalchemy import select

from evener.bus.base import Bus
from evener.control import departing, failover
from evener.control.agent_notifier import look
from evener.control.leader import ALONE, Leader, only
from evener.control.scheduling import HEARD_WITHIN
from evener.control.services import Services
from evener.resources.caller import ADMIN, Caller
from evener.resources.errors import Conflict, Unavailable
from evener.resources.loadbalancer import LoadBalancer
from evener.services.network import Network
from evener.store.database import Database, Transaction, ask, now, retried
from evener.store.failures import patient
from evener.store.rows import table
from evener.store.schema import agents, bindings
from evener.threads import Thread, repeated

LOG = logging.getLogger(__name__)
WHO = Caller("evener", "", frozenset({ADMIN}))
EVERY_S = 0.5
LOOKS_S = 2.0  # between two looks, where no agent can be lost any sooner
AT_ONCE = 25  # load balancers that go to others in one transaction
AGAIN_S = 15.0  # until another try with what no agent could take


@dataclass(frozen=True, slots=True)
class Heard:
    """An agent, when it was heard last, and whether it has any load balancers."""

    id: str
    host: str
    at: datetime
    serves: bool


def lost(heard: Iterable[Heard], moment: datetime, after: timedelta, listening: timedelta) -> list[Heard]:
    """Return the agents that have load balancers and have been silent for longer than `after`.

    `listening` says for how long some agent has been heard all the time. While that is short, control or the bus was
    away, and agents may have been well and not heard: then none is lost.
    """
    if listening < min(after, HEARD_WITHIN):
        return []
    return [each for each in heard if each.serves and moment - each.at > after]


def due_s(heard: Iterable[Heard], moment: datetime, after: timedelta) -> float:
    """Return the seconds in which to look again: an agent is lost at the earliest when it is silent from now on."""
    due = [(each.at + after - moment).total_seconds() for each in heard if each.serves]
    return max(0.0, min(due, default=LOOKS_S))


class LostHosts:
    """Looks for such hosts. One thread at a time calls."""

    def __init__(
        self, database: Database, network: Network, bus: Bus, after_s: int, leader: Leader = ALONE
    ) -> None:
        self._database, self._network, self._bus, self._leader = database, network, bus, leader
        self._after = timedelta(seconds=after_s)
        self._listening_since: float | None = None  # on the monotonic clock
        self._looked_at = self._due_at = 0.0
        self._tried: dict[str, float] = {}  # load balancers that no agent could take, and when that was tried

    def look(self) -> None:
        """Look once, and give what lost hosts serve to others."""
        heard = ask(self._database, _heard)
        moment = time.monotonic()
        self._tried = {each: at for each, at in self._tried.items() if moment - at <= AGAIN_S}
        self._due_at = moment + min(LOOKS_S, due_s(heard, now(), self._after))
        for agent in lost(heard, now(), self._after, self._listening(heard, moment)):
            self._take_from(agent)

    def _look_when_due(self) -> None:
        if time.monotonic() >= self._due_at:
            self.look()

    def _listening(self, heard: Sequence[Heard], moment: float) -> timedelta:
        paused = (
            moment - self._looked_at > HEARD_WITHIN.total_seconds()
        )  # another process led meanwhile, or none
        self._looked_at = moment
        if paused or all(now() - each.at > HEARD_WITHIN for each in heard):
            self._listening_since = None
            return timedelta(0)
        self._listening_since = self._listening_since or moment
        return timedelta(seconds=moment - self._listening_since)

    def _take_from(self, agent: Heard) -> None:
        due = [each for each in ask(self._database, partial(_of, agent.id)) if self._is_due(each[0])]
        if not due:
            return
        services = Services(WHO, self._network)
        try:
            services.know_footings([port_id for _, port_id in due])
        except Unavailable as error:
            LOG.warning(
                "The agent on %s is lost; its load balancers go to others later: %s", agent.host, error
            )
            return
        moved, obstacles = 0, dict[str, str]()
        for start in range(0, len(due), AT_ONCE):
            some = [each for each, _ in due[start : start + AT_ONCE]]
            more, staying = services.run(partial(self._move_some, services, some, agent))
            moved, obstacles = moved + more, obstacles | staying
        self._tried |= dict.fromkeys(obstacles, time.monotonic())
        if moved or obstacles:
            LOG.warning(
                "The agent on %s has not been heard of since %sZ: %d of its load balancers go to others, %d stay%s",
                *(agent.host, agent.at.isoformat(timespec="seconds"), moved, len(obstacles)),
                "".join(f"; {each}" for each in list(obstacles.values())[:1]),
            )

    def _is_due(self, loadbalancer_id: str) -> bool:
        return loadbalancer_id not in self._tried

    @retried
    def _move_some(
        self, services: Services, loadbalancer_ids: Sequence[str], agent: Heard
    ) -> tuple[int, dict[str, str]]:
        """Give those to others that are still this agent's; return how many went, and why which of them stay.

        Raises:
            NotLeading: when another controller decides by now.
        """
        moved, staying = 0, dict[str, str]()
        with self._database.write() as tx:
            self._leader.fence(tx)
            for each in loadbalancer_ids:
                try:
                    moved += self._move(tx, services, each, agent)
                except Conflict as error:  # before anything was written of it
                    staying[each] = error.message
        return moved, staying

    def _move(self, tx: Transaction, services: Services, loadbalancer_id: str, agent: Heard) -> bool:
        """Give it to another; return whether it was still this agent's.

        Raises:
            Conflict: when no agent can take it.
        """
        own = table(LoadBalancer)
        row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).first()
        mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent.id)
        heard_at = tx.scalar(
            select(agents.c.heartbeat_at).join(bindings, bindings.c.agent_id == agents.c.id).where(*mine)
        )
        if row is None or row.deleted_generation is not None or heard_at != agent.at:
            return False  # it went, somebody else gave it to another one, or its agent is back
        host = failover.give_to_another(tx, services, row, agent.id, min(self._after, HEARD_WITHIN))
        tx.after_commit(partial(look, self._bus, [host], loadbalancer_id))
        return True

    def keep_looking(self, ended: Event) -> Thread:
        """Return a thread, not yet started, that looks until `ended`, as long as this process leads."""
        looks = patient("lost-hosts", only(self._leader, self._look_when_due))
        return repeated("lost-hosts", looks, EVERY_S, ended)


# Built once: it is asked for ever.
_HEARD = select(
    agents.c.id,
    agents.c.host,
    agents.c.heartbeat_at,
    select(bindings.c.id).where(bindings.c.agent_id == agents.c.id).exists().label("serves"),
)


def _heard(tx: Transaction) -> list[Heard]:
    return [Heard(row.id, row.host, row.heartbeat_at, bool(row.serves)) for row in tx.execute(_HEARD)]


def _of(agent_id: str, tx: Transaction) -> list[tuple[str, str]]:
    """Return the load balancers that an agent serves and that stay, with their ports."""
    own = table(LoadBalancer)
    staying = select(own.c.id, own.c.vip_port_id).where(own.c.deleted_generation.is_(None))
    served = staying.where(own.c.id.in_(departing.served_by(agent_id)))
    return [(row.id, row.vip_port_id) for row in tx.execute(served.order_by(own.c.created_at, own.c.id))]
