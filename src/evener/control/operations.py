"""The operations of load balancing, one transaction each: what the API calls, in resources' words.

Every change is accepted while the load balancer is not on its way out; it raises the generation, and once it is
committed the agents are told to look again.
"""

import copy
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Row

from evener.bus.base import Bus
from evener.control import (
    batches,
    certificates,
    departing,
    events,
    named_addresses,
    pairs,
    placing,
    scheduling,
    single_call,
)
from evener.control.agent_notifier import look
from evener.control.bounds import check_listener
from evener.control.by_kind import CREATES, DELETES, OWNERS, UPDATES, owner_of_new, refuse_if_same
from evener.control.certificates import Asked
from evener.control.change import Change, NothingChanged, begin, owner_project, refuse_if_going
from evener.control.errors import FlavorNotFound
from evener.control.holding import Holding
from evener.control.manner import STRICT, Manner
from evener.control.reservations import Reservation, Reservations
from evener.control.services import Services
from evener.control.status_filters import split
from evener.control.status_views import Statuses, statuses_below, with_statuses
from evener.control.traffic import TrafficNow
from evener.resources.bounds import DEFAULTS, Bounds
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.destinations import DEFAULT_RESERVED, Range, ranges
from evener.resources.errors import ObjectNotFound
from evener.resources.event import EventType
from evener.resources.facts import Counters, Traffic
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.provider import DEFAULT_PROVIDERS, Provider
from evener.resources.types import Topology
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.store import quota_counts, rows
from evener.store.database import Database, Transaction, ask, retried
from evener.store.rows import ListQuery

LOG = logging.getLogger(__name__)
R = TypeVar("R", bound=Resource)
FLAVOR_ELSEWHERE = (
    " Flavors of Neutron's core, of which it is one, are not those of load balancing:"
    " an administrator makes these with `openstack loadbalancer flavor create`."
)


class LoadBalancing:
    """Implements the API's operations on the five resources."""

    def __init__(
        self,
        database: Database,
        network: Network,
        bus: Bus,
        providers: Sequence[Provider] = DEFAULT_PROVIDERS,
        secrets: Secrets | None = None,
        reserved: Sequence[Range] = ranges(DEFAULT_RESERVED),
        bounds: Bounds = DEFAULTS,
        topology: Topology = Topology.SINGLE,
    ) -> None:
        self.bounds, self._topology = bounds, topology
        self._database, self._network, self._bus = database, network, bus
        self._traffic = TrafficNow(database, bus)
        self._providers = providers
        self._reservations = Reservations(database, network, secrets)
        self._holding = Holding(database, self._reservations)
        self._reserved_ips = reserved
        self._manner = STRICT

    def in_manner(self, manner: Manner) -> "LoadBalancing":
        """Return the same operations in another manner."""
        other = copy.copy(self)
        other._manner = manner  # noqa: SLF001
        return other

    def list(
        self, caller: Caller, cls: type[R], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[R]:
        """Return the objects of one kind that the caller sees; of one parent only, where it is given."""
        with self._database.read() as tx:
            if parent_id is not None and cls.PARENT is not None:
                rows.get_row(tx, dict(OWNERS)[cls.PARENT], parent_id, caller.scope)
                query = query.below(cls.PARENT, parent_id)
            asked = split(tx, cls, query, self._manner.words)
            found = rows.listing(tx, cls, asked.query, caller.scope, derived=asked.condition, keys=asked.keys)
            return self._finished(tx, cls, found)

    def show(self, caller: Caller, cls: type[R], object_id: str, parent_id: str | None = None) -> R:
        """Return one object.

        Raises:
            NotFound: when the caller can see none with that id, or it has another parent.
        """
        with self._database.read() as tx:
            return self._shown(tx, caller, cls, object_id, parent_id)

    def statuses(self, caller: Caller, loadbalancer_id: str) -> Statuses:
        """Return the statuses of a load balancer and of everything below it."""
        with self._database.read() as tx:
            row = rows.get_row(tx, LoadBalancer, loadbalancer_id, caller.scope)
            return statuses_below(tx, row, self._manner.words)

    def stats(self, caller: Caller, loadbalancer_id: str) -> Traffic:
        """Return a load balancer's counters as of now, or of the last report where no agent answers at once."""
        return self._traffic.seen_by(caller, LoadBalancer, loadbalancer_id)

    def stats_of_all(self, caller: Caller) -> Counters:
        """Return the counters of all load balancers that the caller sees, added up, as last reported."""
        return self._traffic.of_all(caller)

    def listener_stats(self, caller: Caller, listener_id: str) -> Traffic:
        """Return the counters of a listener's load balancer, that listener's among them once it has any."""
        return self._traffic.seen_by(caller, Listener, listener_id)

    def _shown(
        self, tx: Transaction, caller: Caller, cls: type[R], object_id: str, parent_id: str | None = None
    ) -> R:
        found = rows.get(tx, cls, object_id, caller.scope)
        _check_parent(cls, found, parent_id)
        return self._finished(tx, cls, [found])[0]

    def _finished(self, tx: Transaction, cls: type[R], found: Sequence[R]) -> Sequence[R]:
        return with_statuses(tx, cls, found, self._manner.words)

    def create(
        self, caller: Caller, cls: type[R], values: Mapping[str, Any], parent_id: str | None = None
    ) -> R:
        """Create an object and return it as it is shown.

        Raises:
            EvenerError: when a rule forbids it; then nothing has changed.
        """
        check_listener(self.bounds, values)
        services = Services(caller, self._network)
        if cls is LoadBalancer:
            self._manner.check(cls, values)
            with self._reserved(caller, values) as reservation:
                create = partial(self._create_loadbalancer, caller, services, values, reservation)
                return cast("R", services.run(create))
        if cls is Member:
            services.know_subnets([values])
        named = {**values, cls.PARENT: parent_id} if cls.PARENT is not None else values
        with self._holding.of_new(caller, cls, named) as (full, asked):
            return services.run(partial(self._create_child, caller, services, cls, full, asked))

    @retried
    def _create_loadbalancer(
        self, caller: Caller, services: Services, values: Mapping[str, Any], reservation: Reservation
    ) -> LoadBalancer:
        with self._database.write() as tx:
            row = self._insert_loadbalancer(tx, caller, services, values, reservation)
            # Before the commit: nothing can fail afterwards, and it is one transaction less.
            created = self._shown(tx, caller, LoadBalancer, row.id)
            events.note(tx, caller, row, EventType.CREATED, (LoadBalancer, row), generation=row.generation)
            self._tell_agents(tx, services, row.id)
            reservation.check()
        LOG.info("Load balancer %s: created", row.id)
        return created

    @retried
    def _create_child(
        self, caller: Caller, services: Services, cls: type[R], values: Mapping[str, Any], asked: Asked
    ) -> R:
        """Create anything below a load balancer, with nothing below itself."""
        with self._database.write() as tx:
            change = self._change(tx, caller, services, asked, owner_of_new(cls, values))
            owner, created = change.loadbalancer.id, cast("R", CREATES[cls](change, values))
            services.settle()
            _note(change, EventType.CREATED, cls, created)
            self._tell_agents(tx, services, owner)
            (created,) = self._finished(tx, cls, [created])
        LOG.info("Load balancer %s: created %s %s", owner, cls.KIND, created.id)
        return created

    def create_whole(
        self, caller: Caller, plan: single_call.BalancerPlan
    ) -> tuple[LoadBalancer, single_call.Made]:
        """Create a load balancer with everything below it, and return it and what was made below it.

        Raises:
            EvenerError: when a rule forbids any part of it; then nothing has changed.
        """
        self._manner.check(LoadBalancer, plan.values)
        found = single_call.flat(plan)
        single_call.check(self.bounds, found)
        project_id = owner_project(caller, plan.values.get("project_id"))
        wanted = certificates.wanted_of(found)
        services = Services(caller, self._network)
        with (
            self._reservations.certificates(caller, project_id, wanted) as asked,
            self._reserved(caller, plan.values) as reservation,
        ):
            services.know_subnets(found[Member])
            create = partial(self._create_all, caller, services, plan.values, reservation, found, asked)
            return services.run(create)

    @retried
    def _create_all(
        self,
        caller: Caller,
        services: Services,
        values: Mapping[str, Any],
        reservation: Reservation,
        found: single_call.New,
        asked: Asked,
    ) -> tuple[LoadBalancer, single_call.Made]:
        with self._database.write() as tx:
            row = self._insert_loadbalancer(tx, caller, services, values, reservation)
            change = Change(
                *(tx, caller, services, row, row.generation, asked),
                *(self._reserved_ips, self.bounds, self._manner),
            )
            made = single_call.create_below(change, found)
            services.settle()
            _note(change, EventType.CREATED, LoadBalancer, row, reason=single_call.summary(found))
            self._tell_agents(tx, services, row.id)
            balancer = self._shown(tx, caller, LoadBalancer, row.id)
            made = {cls: self._finished(tx, cls, each) for cls, each in made.items()}
            reservation.check()
        LOG.info("Load balancer %s: created with all below it", row.id)
        return balancer, made

    def create_part(self, caller: Caller, plan: single_call.PartPlan) -> Resource:
        """Create an object below a load balancer with all that is below itself, and return it as it is shown.

        Raises:
            EvenerError: when a rule forbids any part of it; then nothing has changed.
        """
        cls = single_call.KINDS[type(plan)]
        owner = owner_of_new(cls, plan.values)
        found = single_call.flat(plan)
        single_call.check(self.bounds, found)
        services = Services(caller, self._network)
        row = ask(self._database, lambda tx: rows.get_row(tx, *owner, caller.scope))
        with self._reservations.certificates(caller, row.project_id, certificates.wanted_of(found)) as asked:
            services.know_subnets(found[Member])
            return services.run(partial(self._create_part, caller, services, cls, owner, found, asked))

    @retried
    def _create_part(
        self,
        caller: Caller,
        services: Services,
        cls: type[Resource],
        owner: tuple[type[Resource], str],
        found: single_call.New,
        asked: Asked,
    ) -> Resource:
        with self._database.write() as tx:
            change = self._change(tx, caller, services, asked, owner)
            single_call.create_part(change, found)
            services.settle()
            self._tell_agents(tx, services, change.loadbalancer.id)
            created = self._shown(tx, caller, cls, found[cls][0]["id"])
            _note(change, EventType.CREATED, cls, created, reason=single_call.summary(found))
        LOG.info(
            "Load balancer %s: created %s %s and all below it", change.loadbalancer.id, cls.KIND, created.id
        )
        return created

    def update(
        self,
        caller: Caller,
        cls: type[R],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> R:
        """Change an object and return it as it is shown. What it is already raises no generation, and no agent looks.

        Raises:
            EvenerError: when a rule forbids it; then nothing has changed.
        """
        check_listener(self.bounds, values)
        services = Services(caller, self._network)
        with self._holding.of_changed(caller, cls, object_id, values) as asked:
            update = partial(self._update, caller, services, cls, object_id, values, parent_id, asked)
            try:
                return services.run(update)
            except NothingChanged:
                return self.show(caller, cls, object_id, parent_id)

    @retried
    def _update(
        self,
        caller: Caller,
        services: Services,
        cls: type[R],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None,
        asked: Asked,
    ) -> R:
        with self._database.write() as tx:
            row, change = self._begin(tx, caller, services, cls, object_id, parent_id, asked)
            brought = refuse_if_same(change, cls, row, values)
            before = scheduling.hosts_of(tx, change.loadbalancer.id) if "topology" in values else ()
            if cls is LoadBalancer:
                named_addresses.refuse_both(tx, object_id, values)
                change.update(LoadBalancer, row, values)
                if "topology" in values:
                    pairs.change_topology(change, values["topology"])
            else:
                UPDATES[cls](change, row, values)
            _note(change, EventType.UPDATED, cls, row, brought)
            self._tell_agents(tx, services, change.loadbalancer.id, before)
            shown = self._shown(tx, caller, cls, object_id)
        LOG.info("Load balancer %s: updated %s %s", change.loadbalancer.id, cls.KIND, object_id)
        return shown

    def set_members(
        self, caller: Caller, pool_id: str, wanted: Sequence[batches.Given], *, additive: bool = False
    ) -> None:
        """Let a pool have these members, and no others where it is not `additive`.

        Raises:
            EvenerError: when a rule forbids one of them; then nothing has changed.
        """
        services = Services(caller, self._network)
        services.know_subnets(each.values for each in wanted)
        with suppress(NothingChanged):
            services.run(partial(self._set_members, caller, services, pool_id, wanted, additive=additive))

    @retried
    def _set_members(
        self,
        caller: Caller,
        services: Services,
        pool_id: str,
        wanted: Sequence[batches.Given],
        *,
        additive: bool,
    ) -> None:
        with self._database.write() as tx:
            pool, change = self._begin(
                tx, caller, services, Pool, pool_id, None, Asked(self._reservations.consumers)
            )
            done = batches.set_members(change, pool_id, wanted, additive=additive)
            services.settle()
            _note(change, EventType.UPDATED, Pool, pool, ["members"], reason=done)
            self._tell_agents(tx, services, change.loadbalancer.id)
        LOG.info("Load balancer %s: set the members of pool %s", change.loadbalancer.id, pool_id)

    def delete(
        self,
        caller: Caller,
        cls: type[Resource],
        object_id: str,
        parent_id: str | None = None,
        *,
        cascade: bool = False,
    ) -> None:
        """Tell an object to go; with `cascade` a load balancer with everything below it.

        Raises:
            InUse: while another object needs it.
        """
        services = Services(caller, self._network)
        services.run(partial(self._delete, caller, services, cls, object_id, parent_id, cascade=cascade))

    @retried
    def _delete(
        self,
        caller: Caller,
        services: Services,
        cls: type[Resource],
        object_id: str,
        parent_id: str | None,
        *,
        cascade: bool,
    ) -> None:
        with self._database.write() as tx:
            asked = Asked(self._reservations.consumers)
            row, change = self._begin(tx, caller, services, cls, object_id, parent_id, asked)
            if cls is LoadBalancer:
                departing.clear(change) if cascade else departing.refuse_if_used(tx, row.id)
                change.remove(LoadBalancer, row.id)
            else:
                DELETES[cls](change, row)
            _note(change, EventType.DELETED, cls, row)
            self._tell_agents(tx, services, change.loadbalancer.id)
        LOG.info("Load balancer %s: deleting %s %s", change.loadbalancer.id, cls.KIND, object_id)

    def _begin(
        self,
        tx: Transaction,
        caller: Caller,
        services: Services,
        cls: type[Resource],
        object_id: str,
        parent_id: str | None,
        asked: Asked,
    ) -> tuple[Row[Any], Change]:
        """Lock the object's load balancer and return the object's row, read under that lock, and the change."""
        change = self._change(tx, caller, services, asked, (cls, object_id))
        row = rows.get_row(tx, cls, object_id, caller.scope)
        if cls.PARENT is not None and parent_id is not None and getattr(row, cls.PARENT) != parent_id:
            raise ObjectNotFound(cls.label(), object_id)
        refuse_if_going(cls, row)
        return row, change

    @contextmanager
    def _reserved(self, caller: Caller, values: Mapping[str, Any]) -> Iterator[Reservation]:
        """Hold a port for a load balancer that may be made, as far as can be told before its transaction."""
        project_id = owner_project(caller, values.get("project_id"))

        def check(tx: Transaction) -> None:
            placing.choose(tx, self._providers, values, self._manner)
            quota_counts.check(tx, LoadBalancer, project_id)

        try:
            ask(self._database, check)
        except FlavorNotFound as error:
            if not self._network.has_flavor(values["flavor_id"]):
                raise
            raise FlavorNotFound(error.message + FLAVOR_ELSEWHERE) from None
        with self._reservations.vip_port(caller, str(uuid.uuid4()), project_id, values) as reservation:
            yield reservation

    def _insert_loadbalancer(
        self,
        tx: Transaction,
        caller: Caller,
        services: Services,
        values: Mapping[str, Any],
        reservation: Reservation,
    ) -> Row[Any]:
        owned = {
            **values,
            "id": reservation.loadbalancer_id,
            "project_id": owner_project(caller, values.get("project_id")),
        }
        balancer = placing.insert(tx, self._providers, owned, self._manner, reservation.vip, self._topology)
        departing.give(tx, services, balancer, reservation.vip.footing)
        return rows.get_row(tx, LoadBalancer, balancer.id)

    def _change(
        self,
        tx: Transaction,
        caller: Caller,
        services: Services,
        asked: Asked,
        owner: tuple[type[Resource], str],
    ) -> Change:
        return begin(tx, caller, services, asked, self._reserved_ips, self.bounds, owner, self._manner)

    def _tell_agents(
        self, tx: Transaction, services: Services, loadbalancer_id: str, before: Sequence[str] = ()
    ) -> None:
        """Have the agents look again that serve a load balancer, and those that did `before`."""
        hosts = scheduling.hosts_of(tx, loadbalancer_id)
        if not hosts:  # its agent was removed
            departing.rehouse(tx, services, loadbalancer_id)
            hosts = scheduling.hosts_of(tx, loadbalancer_id)
            tx.after_commit(partial(self._reservations.finish, loadbalancer_id))
        tx.after_commit(partial(look, self._bus, dict.fromkeys([*hosts, *before]), loadbalancer_id))


def _note(
    change: Change, kind: EventType, cls: type[Resource], it: Any, attributes: Iterable[str] = (), **more: Any
) -> None:
    more["generation"] = change.generation
    events.note(change.tx, change.caller, change.loadbalancer, kind, (cls, it), attributes, **more)


def _check_parent(cls: type[Resource], found: Resource, parent_id: str | None) -> None:
    if cls.PARENT is not None and parent_id is not None and getattr(found, cls.PARENT) != parent_id:
        raise ObjectNotFound(cls.label(), found.id)
