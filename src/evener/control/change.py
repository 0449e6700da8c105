"""One change to one load balancer: its row locked, its generation raised, in the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, bindparam, select
from sqlalchemy.sql.dml import ReturningUpdate

from evener.control import named_addresses, reached
from evener.control.certificates import Asked
from evener.control.errors import BeingDeleted
from evener.control.manner import STRICT, Manner
from evener.control.services import Services
from evener.resources.bounds import DEFAULTS, Bounds
from evener.resources.caller import Caller
from evener.resources.describe import Resource, columns
from evener.resources.destinations import Range
from evener.resources.errors import Conflict, Forbidden
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wire import complete
from evener.store import quota_counts, rows
from evener.store.database import Transaction, now

R = TypeVar("R", bound=Resource)


class NothingChanged(Exception):
    """All is as it is asked for: the transaction is to be undone, so that no generation is raised."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the operations on listeners, pools, members and monitors work with.

    While it is open no other change to the same load balancer runs, so what is checked stays true.
    """

    tx: Transaction
    caller: Caller
    services: Services
    loadbalancer: Row[Any]
    generation: int
    certificates: Asked = field(default_factory=Asked)
    reserved: Sequence[Range] = ()  # what no member may be at
    bounds: Bounds = DEFAULTS
    manner: Manner = STRICT

    def insert(self, cls: type[R], values: Mapping[str, Any]) -> R:
        """Check and insert a new object below the load balancer, in the load balancer's project."""
        return self.insert_all(cls, [values])[0]

    def insert_all(self, cls: type[R], many: Sequence[Mapping[str, Any]]) -> list[R]:
        """Check and insert new objects of one kind, in a constant number of statements.

        Their values were validated when they were read; one without an `id` gets one.
        """
        owner = self.loadbalancer.project_id
        new = [self._new(cls, values) for values in many]
        quota_counts.take(self.tx, cls, owner, len(new), limited=self.manner.within_quotas)
        generations = dict.fromkeys(("created_generation", "changed_generation"), self.generation)
        return rows.insert_all(self.tx, new, **generations)

    def _new(self, cls: type[R], values: Mapping[str, Any]) -> R:
        ours = {"project_id": self.project(values.get("project_id")), "loadbalancer_id": self.loadbalancer.id}
        full = complete(cls, {**values, **ours, "id": values.get("id") or str(uuid.uuid4())})
        cls.check(full)
        self.manner.check(cls, {**values, **full})
        self._check_addresses(full)
        return rows.made(cls, full)

    def _check_addresses(self, values: Mapping[str, Any]) -> None:
        named_addresses.check(values, self.loadbalancer, self.services, self.reserved)

    def update(self, cls: type[Resource], row: Row[Any], values: Mapping[str, Any]) -> None:
        """Check and change an object below the load balancer."""
        self._check_changed(cls, row, values)
        stored = {name: value for name, value in values.items() if name in columns(cls)}
        rows.update(self.tx, cls, row.id, **stored, changed_generation=self.generation)

    def _check_changed(self, cls: type[Resource], row: Row[Any], values: Mapping[str, Any]) -> None:
        check(self.manner, cls, row, values)
        self._check_addresses(values)

    def update_all(self, cls: type[Resource], changes: Sequence[tuple[Row[Any], Mapping[str, Any]]]) -> None:
        """Check and change many objects of one kind, the same attributes of each, in one statement."""
        for row, values in changes:
            self._check_changed(cls, row, values)
        generation = {"changed_generation": self.generation}
        rows.update_all(self.tx, cls, {row.id: values for row, values in changes}, **generation)

    def remove(self, cls: type[Resource], object_id: str) -> None:
        """Tell an object to go; its row stays until the agents have let go of it."""
        rows.update(
            self.tx,
            cls,
            object_id,
            changed_generation=self.generation,
            deleted_generation=self.generation,
        )
        if cls is LoadBalancer:
            reached.keep(self.tx, object_id)
        quota_counts.give_back(self.tx, cls, self.loadbalancer.project_id)

    def remove_all(self, cls: type[Resource], *which: ColumnElement[bool]) -> None:
        """Tell all objects of one kind to go that `which` are true of, in a constant number of statements."""
        there = rows.table(cls)
        going = {"changed_generation": self.generation, "deleted_generation": self.generation}
        statement = there.update().where(*which, there.c.deleted_generation.is_(None))
        gone = self.tx.execute(statement.values(**going, updated_at=now())).rowcount
        quota_counts.give_back(self.tx, cls, self.loadbalancer.project_id, gone)

    def project(self, wanted: str | None) -> str:
        """Return the project of a new object: its load balancer's, whoever makes it.

        Raises:
            Conflict: when another project was asked for.
        """
        owner: str = self.loadbalancer.project_id
        if not self.manner.parents_say_projects and wanted not in (None, owner, self.caller.project_id):
            raise Conflict(f"The load balancer belongs to project {owner}, so does everything below it")
        return owner


def news(cls: type[Resource], row: Row[Any], values: Mapping[str, Any]) -> frozenset[str]:
    """Return which of `values` are not what an object has already."""
    return frozenset(name for name, value in values.items() if rows.stored(value) != _now(cls, row, name))


def _now(cls: type[Resource], row: Row[Any], name: str) -> Any:
    """Return what an attribute is; one that no column holds is what nobody has given."""
    if name in columns(cls):
        return getattr(row, name)
    return rows.stored(cls.model_fields[name].get_default(call_default_factory=True))


def check(manner: Manner, cls: type[Resource], row: Row[Any], values: Mapping[str, Any]) -> None:
    """See that a PUT may give an object `values`, by the rules of that object alone."""
    full = {**_as_checked(cls, row), **values}
    cls.check(full)
    manner.check(cls, full, frozenset(values))


def _as_checked(cls: type[Resource], row: Row[Any]) -> dict[str, Any]:
    """Return the attributes of a row with the types that `check` expects."""
    resource = rows.bare(cls, row)
    return {name: getattr(resource, name) for name in type(resource).model_fields}


def owner_project(caller: Caller, wanted: str | None) -> str:
    """Return the project of a new load balancer.

    Raises:
        Forbidden: when somebody who is no administrator names another project than the own one.
    """
    if wanted is None or wanted == caller.project_id:
        return caller.project_id
    if not caller.is_admin:
        raise Forbidden(
            "Specifying 'tenant_id' or 'project_id' other than the authenticated one requires admin"
        )
    return wanted


def begin(
    tx: Transaction,
    caller: Caller,
    services: Services,
    certificates: Asked,
    reserved: Sequence[Range],
    bounds: Bounds,
    owner: tuple[type[Resource], str],
    manner: Manner = STRICT,
) -> Change:
    """Lock a load balancer, raise its generation and return the change; `owner` is it, or an object below it.

    Raises:
        NotFound: when the caller can see no such load balancer or object.
        Conflict: when the load balancer is on its way out.
    """
    row = _raised(tx, owner, caller.scope) or _raised_in_steps(tx, owner, caller.scope)
    return Change(tx, caller, services, row, row.generation, certificates, reserved, bounds, manner)


def _raised(tx: Transaction, owner: tuple[type[Resource], str], scope: str | None) -> Row[Any] | None:
    """Do it in one statement, where the database can and nothing is wrong."""
    cls, object_id = owner
    if not tx.connection.dialect.update_returning or not object_id.isprintable():
        return None
    values = {"owner_id": object_id, "scope": scope, "moment": now()}
    return tx.execute(_raise(cls, scoped=scope is not None), values).first()


@cache
def _raise(cls: type[Resource], *, scoped: bool) -> ReturningUpdate[Any]:
    own, owner = rows.table(LoadBalancer), rows.table(cls)
    above = owner.c.id if cls is LoadBalancer else owner.c.loadbalancer_id
    which = select(above).where(owner.c.id == bindparam("owner_id")).scalar_subquery()
    conditions = [own.c.id == which, own.c.deleted_generation.is_(None)]
    if scoped:
        conditions.append(own.c.project_id == bindparam("scope"))
    moment = bindparam("moment", type_=own.c.updated_at.type)
    raised = own.update().where(*conditions)
    raised = raised.values(
        generation=own.c.generation + 1, updated_at=moment, standing=reached.standing_when_raised()
    )
    return raised.returning(own)


def _raised_in_steps(tx: Transaction, owner: tuple[type[Resource], str], scope: str | None) -> Row[Any]:
    """Do it step by step, and say what is wrong."""
    cls, balancer_id = owner
    if cls is not LoadBalancer:
        balancer_id = rows.get_row(tx, cls, balancer_id, scope).loadbalancer_id
    row = rows.get_row(tx, LoadBalancer, balancer_id, scope, lock=True)
    refuse_if_going(LoadBalancer, row)
    rows.update(tx, LoadBalancer, balancer_id, generation=row.generation + 1)
    reached.keep(tx, balancer_id)
    return rows.get_row(tx, LoadBalancer, balancer_id)


def refuse_if_going(cls: type[Resource], row: Row[Any]) -> None:
    """Refuse to touch what is being deleted.

    Raises:
        Conflict: in Neutron-LBaaS's words.
    """
    if row.deleted_generation is not None:
        raise BeingDeleted(f"Invalid state PENDING_DELETE of {cls.KIND} resource {row.id}")
