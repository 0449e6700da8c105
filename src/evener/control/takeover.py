"""Load balancers that another service has made, taken over with everything below them: their ids, VIP ports, addresses.

One transaction each, by the rules that make a load balancer here. What a rule refuses does not come, and nothing of its
load balancer does. Must not know where they come from.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import select

from evener.bus.base import Bus
from evener.control import certificates, departing, events, pairs, placing, scheduling, single_call
from evener.control.agent_notifier import look
from evener.control.certificates import Asked
from evener.control.change import Change
from evener.control.manner import Manner
from evener.control.reservations import Reservations
from evener.control.services import Services
from evener.resources.bounds import DEFAULTS, Bounds
from evener.resources.caller import ADMIN, Caller
from evener.resources.destinations import DEFAULT_RESERVED, Range, ranges
from evener.resources.errors import EvenerError
from evener.resources.event import EventType
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.provider import DEFAULT_PROVIDERS, Provider, with_aliases
from evener.services.network import Network, VipAllocation
from evener.services.secrets import Secrets
from evener.services.takeover import Handover
from evener.store import departures, rows
from evener.store.database import Database, Transaction, ask, retried
from evener.store.schema import loadbalancers

LOG = logging.getLogger(__name__)
WHO = "evener-db-manage"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A load balancer of another service: `values` as `LoadBalancing.create` takes them, and its project.

    `below` is what `single_call.flat` returns, with the ids that the objects have. `host` is the one that served it.
    """

    id: str
    project_id: str
    vip_port_id: str
    values: Mapping[str, Any]
    below: single_call.New
    host: str | None = None


class Outcome(StrEnum):
    """What became of a load balancer."""

    CAME = "came"
    IS_THERE = "is there"
    WAS_DELETED = "was deleted here"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a load balancer, which host is to serve it, and what is left to do, in words."""

    outcome: Outcome
    host: str | None = None
    unfinished: str | None = None


class _Rehearsed(Exception):
    """All would be well: the transaction is to be undone."""


class Takeover:
    """Takes load balancers over; with `rehearse` nothing is changed, here or in any service."""

    def __init__(
        self,
        database: Database,
        network: Network,
        ports: Handover,
        manner: Manner,
        secrets: Secrets | None = None,
        providers: Sequence[Provider] = DEFAULT_PROVIDERS,
        reserved: Sequence[Range] = ranges(DEFAULT_RESERVED),
        bounds: Bounds = DEFAULTS,
        bus: Bus | None = None,
        *,
        rehearse: bool = False,
    ) -> None:
        self._database, self._network, self._ports = database, network, ports
        self._providers, self._reserved, self._bounds = providers, reserved, bounds
        self._manner, self._bus, self._rehearse = manner, bus, rehearse
        self._reservations = Reservations(database, network, secrets)

    def take(self, foreign: Foreign) -> Taken:
        """Take one over. One that is there has its port taken over again, where that failed.

        Raises:
            EvenerError: when a rule forbids it or any object of it, or a service cannot say; then it has not come.
        """
        known = ask(self._database, partial(_known, foreign.id))
        if known is Outcome.WAS_DELETED:
            return Taken(known)
        if known is None:
            hosts = self._come(foreign)
        else:
            hosts = ask(self._database, lambda tx: scheduling.hosts_of(tx, foreign.id))
        host = next(iter(hosts), None)
        if self._rehearse:
            return Taken(known or Outcome.CAME, host)
        try:
            self._ports.take_over_vip_port(foreign.id, foreign.vip_port_id)
        except EvenerError as error:
            return Taken(known or Outcome.CAME, host, error.message)
        if known is None and self._bus is not None:
            look(self._bus, hosts, foreign.id)
        LOG.info("Load balancer %s: taken over", foreign.id)
        return Taken(known or Outcome.CAME, host)

    def _come(self, foreign: Foreign) -> list[str]:
        single_call.check(self._bounds, foreign.below)
        values = foreign.values
        vip = self._ports.foreign_vip_port(
            foreign.id, foreign.vip_port_id, values.get("vip_subnet_id"), values["vip_address"]
        )
        services = Services(Caller(WHO, foreign.project_id, frozenset({ADMIN})), self._network)
        services.know_subnets(foreign.below[Member])
        with self._certificates(foreign) as asked:
            return services.run(partial(self._insert, foreign, vip, services, asked))

    def _certificates(self, foreign: Foreign) -> AbstractContextManager[Asked]:
        """Have what serves already looked at by our own right, and held."""
        wanted = certificates.wanted_of(foreign.below)
        if self._rehearse:
            consumers = self._reservations.consumers
            return nullcontext(certificates.ask(consumers, None, foreign.project_id, wanted.values()))
        return self._reservations.certificates(None, foreign.project_id, wanted)

    def _insert(self, foreign: Foreign, vip: VipAllocation, services: Services, asked: Asked) -> list[str]:
        """Return the hosts that are to serve it."""
        hosts: list[str] = []
        with suppress(_Rehearsed):
            self._insert_all(foreign, vip, services, asked, hosts)
        return hosts

    @retried
    def _insert_all(
        self, foreign: Foreign, vip: VipAllocation, services: Services, asked: Asked, hosts: list[str]
    ) -> None:
        with self._database.write() as tx:
            named = {**foreign.values, "id": foreign.id, "project_id": foreign.project_id}
            named["provider"] = self._provider(foreign.values)
            balancer = placing.insert(tx, self._providers, named, self._manner, vip)
            self._place(tx, services, balancer, foreign.host, vip)
            row = rows.get_row(tx, LoadBalancer, foreign.id)
            caller = Caller(WHO, foreign.project_id, frozenset({ADMIN}))
            single_call.create_below(
                Change(
                    *(tx, caller, services, row, row.generation, asked),
                    *(self._reserved, self._bounds, self._manner),
                ),
                foreign.below,
            )
            more = {"generation": row.generation, "reason": "taken over"}
            events.note(tx, caller, row, EventType.CREATED, (LoadBalancer, row), **more)
            hosts[:] = scheduling.hosts_of(tx, foreign.id)
            if self._rehearse:
                raise _Rehearsed
            services.settle()

    def _provider(self, values: Mapping[str, Any]) -> str:
        """Return the provider's name, where there is one of that name here; else the default's."""
        free = self._manner.flavors_with_providers
        known = {each.name for each in (with_aliases(self._providers) if free else self._providers)}
        name = str(values.get("provider") or "").lower()
        return name if name in known and (free or not values["flavor_id"]) else ""

    def _place(
        self,
        tx: Transaction,
        services: Services,
        balancer: LoadBalancer,
        host: str | None,
        vip: VipAllocation,
    ) -> None:
        """Give it to our agent on the host that served it; else to the one that it is for."""
        agent = None if pairs.is_pair(balancer) else scheduling.agent_on(tx, host)
        if agent is None:
            departing.give(tx, services, balancer, vip.footing)
        else:
            scheduling.bind(tx, balancer.id, agent)


def _known(loadbalancer_id: str, tx: Transaction) -> Outcome | None:
    own = select(loadbalancers.c.deleted_generation).where(loadbalancers.c.id == loadbalancer_id)
    row = tx.execute(own).first()
    if row is not None:
        return Outcome.IS_THERE if row.deleted_generation is None else Outcome.WAS_DELETED
    return Outcome.WAS_DELETED if departures.among(tx, [loadbalancer_id]) else None
