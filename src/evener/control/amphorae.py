"""The places where load balancers are served, one for each agent of each: bindings, as Octavia shows amphorae."""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all operations behind the API take

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, select, true

from evener.control.errors import AmphoraInUse
from evener.control.failover import Failover
from evener.control.load import UNITS, units
from evener.resources.amphora import Amphora
from evener.resources.caller import Caller
from evener.resources.describe import Derived, descriptors
from evener.resources.errors import Forbidden, InvalidInput
from evener.resources.facts import Counters
from evener.resources.types import MAX_INT, Role
from evener.store import rows
from evener.store.database import Database, Transaction
from evener.store.filters import boolean
from evener.store.rows import ListQuery
from evener.store.schema import agents, bindings, counters, host_ports, loadbalancers, members
from evener.store.sorting import Shown

_OF_AGENT = {"lb_network_ip": agents.c.host, "cached_zone": agents.c.availability_zone}
_OF_BALANCER = {
    "ha_ip": loadbalancers.c.vip_address,
    "ha_port_id": loadbalancers.c.vip_port_id,
}


def _key(column: ColumnElement[Any], *which: ColumnElement[bool]) -> Shown:
    return Shown(_looked_up(column, *which))


def _looked_up(column: ColumnElement[Any], *which: ColumnElement[bool]) -> Any:
    return select(column).where(*which).correlate(bindings).scalar_subquery()


def _own(column: ColumnElement[Any], vip: ColumnElement[Any]) -> Any:
    """Return the value of what an agent has of its own where two serve, else that of the VIP."""
    mine = (host_ports.c.loadbalancer_id == bindings.c.loadbalancer_id, host_ports.c.role == bindings.c.role)
    of_vip = _looked_up(vip, loadbalancers.c.id == bindings.c.loadbalancer_id)
    return func.coalesce(_looked_up(column, *mine), of_vip)


# Who is called; which part of two it is, as long as it has not said.
ROLE: ColumnElement[str] = case(
    (bindings.c.has_vip.is_(None), bindings.c.role),
    (bindings.c.has_vip.is_(True), Role.MASTER.value),
    else_=Role.BACKUP.value,
)
_MEMBERS = _looked_up(func.count(), members.c.loadbalancer_id == bindings.c.loadbalancer_id)
_CONNECTIONS = _looked_up(
    func.coalesce(func.sum(counters.c.active_connections), 0),
    counters.c.loadbalancer_id == bindings.c.loadbalancer_id,
    counters.c.agent_id == bindings.c.agent_id,
)
LOAD: ColumnElement[int] = units(literal(1), _MEMBERS, _CONNECTIONS)
_OWN = {
    "vrrp_ip": _own(host_ports.c.address, loadbalancers.c.vip_address),
    "vrrp_port_id": _own(host_ports.c.port_id, loadbalancers.c.vip_port_id),
    "role": ROLE,
    "load": LOAD,
}


# What they are sorted by that no column of theirs has; what is the same for all is no order.
KEYS = {
    **{name: _key(column, agents.c.id == bindings.c.agent_id) for name, column in _OF_AGENT.items()},
    **{
        name: _key(column, loadbalancers.c.id == bindings.c.loadbalancer_id)
        for name, column in _OF_BALANCER.items()
    },
    **{name: Shown(value) for name, value in _OWN.items()},
}


class Amphorae:
    """Implements the API's operations on amphorae. Who may is the API's business."""

    def __init__(self, database: Database, failover: Failover) -> None:
        self._database, self._failover = database, failover

    def list(
        self, caller: Caller, cls: type[Amphora], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[Amphora]:
        """Return the places that `query` asks for."""
        own = {
            name: values
            for name, values in query.filters.items()
            if not _is_derived(name) and name not in _OWN
        }
        conditions = [_having(name, values) for name, values in query.filters.items() if name not in own]
        sort = [(name, up) for name, up in query.sort if name in KEYS or not _is_derived(name)]
        asked = replace(query, filters=own, sort=sort)
        with self._database.read() as tx:
            found = rows.listing(tx, Amphora, asked, derived=and_(true(), *conditions), keys=KEYS)
            return _whole(tx, found)

    def show(
        self, caller: Caller, cls: type[Amphora], object_id: str, parent_id: str | None = None
    ) -> Amphora:
        """Return one place.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as tx:
            return _whole(tx, [rows.get(tx, Amphora, object_id)])[0]

    def create(
        self, caller: Caller, cls: type[Amphora], values: Mapping[str, Any], parent_id: str | None = None
    ) -> NoReturn:
        """Refuse: they come with load balancers.

        Raises:
            Forbidden: always.
        """
        raise Forbidden("Amphorae come with load balancers")

    def update(
        self,
        caller: Caller,
        cls: type[Amphora],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> NoReturn:
        """Refuse: there is nothing to change.

        Raises:
            Forbidden: always.
        """
        raise Forbidden("Nothing of an amphora can be changed")

    def delete(
        self, caller: Caller, cls: type[Amphora], object_id: str, parent_id: str | None = None
    ) -> NoReturn:
        """Refuse: an amphora is there because its load balancer is.

        Raises:
            NotFound: when there is none.
            InUse: otherwise.
        """
        self._row(object_id)
        raise AmphoraInUse(f"Amphora {object_id} is in use and cannot be deleted.")

    def stats(self, amphora_id: str) -> tuple[str, Mapping[str, Counters]]:
        """Return the load balancer that is served there, and what each listener of it has counted, as last reported.

        Raises:
            NotFound: when there is no such place.
        """
        row = self._row(amphora_id)
        mine = (counters.c.loadbalancer_id == row.loadbalancer_id, counters.c.agent_id == row.agent_id)
        with self._database.read() as tx:
            found = tx.execute(select(counters).where(*mine).order_by(counters.c.owner_id)).mappings()
            return row.loadbalancer_id, {
                each["owner_id"]: Counters(**{name: each[name] for name in Counters.model_fields})
                for each in found
            }

    def configure(self, amphora_id: str) -> None:
        """Have the agent look again at what it is to serve there.

        Raises:
            NotFound: when there is no such place.
        """
        row = self._row(amphora_id)
        self._failover.look(row.loadbalancer_id, row.host)

    def fail_over(self, caller: Caller, amphora_id: str) -> None:
        """Have what is served there served anew; it has another id where it is afterwards.

        Raises:
            NotFound: when there is no such place.
            Conflict: when its load balancer is on its way out.
        """
        row = self._row(amphora_id)
        self._failover.of(caller, row.loadbalancer_id, row.agent_id)

    def _row(self, amphora_id: str) -> Any:
        with self._database.read() as tx:
            rows.get_row(tx, Amphora, amphora_id)
            joined = bindings.join(agents, agents.c.id == bindings.c.agent_id)
            wanted = select(bindings.c.loadbalancer_id, bindings.c.agent_id, agents.c.host)
            return tx.execute(wanted.select_from(joined).where(bindings.c.id == amphora_id)).one()


def _is_derived(name: str) -> bool:
    return name in descriptors(Amphora) and isinstance(descriptors(Amphora)[name][1], Derived)


def _having(name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for places of which an attribute that has no column is one of `values`.

    Raises:
        InvalidInput: for a word that is no truth, or no number.
    """
    if name == "load":
        return LOAD.in_([_units(each) for each in values])
    if name in _OF_AGENT:
        return bindings.c.agent_id.in_(select(agents.c.id).where(_OF_AGENT[name].in_(values)))
    if name in _OF_BALANCER:
        those = select(loadbalancers.c.id).where(_OF_BALANCER[name].in_(values))
        return bindings.c.loadbalancer_id.in_(those)
    if name in _OWN:
        return ColumnElement.in_(_OWN[name], values)
    same = Amphora.model_fields[name].default
    given = [boolean(name, value) for value in values] if isinstance(same, bool) else values
    return true() if same in given else false()


def _units(said: str) -> int:
    """Return what a filter by the load says; where it is no whole number of `UNITS`, -1, which none has."""
    try:
        exact = float(said) * UNITS
        found = round(exact)
    except (ValueError, OverflowError):
        raise InvalidInput(f"Invalid input for load. Reason: '{said[:80]}' is not a number.") from None
    return found if abs(exact - found) < 1 / UNITS and abs(found) < MAX_INT else -1


@cache
def _places(*, one: bool) -> Select[Any]:
    joined = bindings.join(agents, agents.c.id == bindings.c.agent_id)
    joined = joined.join(loadbalancers, loadbalancers.c.id == bindings.c.loadbalancer_id)
    named = [
        column.label(name) for name, column in (*_OF_AGENT.items(), *_OF_BALANCER.items(), *_OWN.items())
    ]
    return select(bindings.c.id, *named).select_from(joined).where(rows.wanted(bindings.c.id, one=one))


def _whole(tx: Transaction, found: Sequence[Amphora]) -> list[Amphora]:
    """Return amphorae with what they have of their agents and load balancers, in one statement (of 500 at a time)."""
    by_id = {row.id: row._asdict() for row in rows.of_all(tx, _places, [each.id for each in found])}
    for each in by_id.values():
        each["load"] = float(each["load"] / UNITS)
    return [Amphora.trusted({**vars(each), **by_id.get(each.id, {})}) for each in found]
