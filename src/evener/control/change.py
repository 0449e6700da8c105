"""One change to one load balancer: its row locked, its generation raised, in the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Row

from evener.control.certificates import Asked
from evener.network.base import Network
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.destinations import Range
from evener.resources.errors import Conflict, Forbidden
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wire import complete
from evener.store import rows, usage
from evener.store.database import Transaction

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Change:
    """What the operations on listeners, pools, members and monitors work with.

    While it is open no other change to the same load balancer runs, so what is checked stays true.
    """

    tx: Transaction
    caller: Caller
    network: Network
    loadbalancer: Row[Any]
    generation: int
    certificates: Asked = field(default_factory=Asked)
    reserved: Sequence[Range] = ()  # what no member may be at

    def insert(self, cls: type[R], values: Mapping[str, Any]) -> R:
        """Check and insert a new object below the load balancer, in the load balancer's project."""
        full = complete(
            cls, {**values, "project_id": self.project(values.get("project_id")), "id": str(uuid.uuid4())}
        )
        cls.check(full)
        resource = cls.model_validate(full)
        usage.take(self.tx, cls, full["project_id"])
        rows.insert(self.tx, resource, created_generation=self.generation, changed_generation=self.generation)
        return resource

    def update(self, cls: type[Resource], row: Row[Any], values: Mapping[str, Any]) -> None:
        """Check and change an object below the load balancer."""
        cls.check({**_as_checked(cls, row), **values})
        rows.update(self.tx, cls, row.id, **values, changed_generation=self.generation)

    def remove(self, cls: type[Resource], object_id: str) -> None:
        """Tell an object to go; its row stays until the agents have let go of it."""
        rows.update(
            self.tx,
            cls,
            object_id,
            changed_generation=self.generation,
            deleted_generation=self.generation,
        )
        usage.give_back(self.tx, cls, self.loadbalancer.project_id)

    def project(self, wanted: str | None) -> str:
        """Return the project of a new object: its load balancer's, whoever makes it.

        Raises:
            Conflict: when another project was asked for.
        """
        owner: str = self.loadbalancer.project_id
        if wanted not in (None, owner, self.caller.project_id):
            raise Conflict(f"The load balancer belongs to project {owner}, so does everything below it")
        return owner


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
    network: Network,
    certificates: Asked,
    loadbalancer_id: str,
    reserved: Sequence[Range] = (),
) -> Change:
    """Lock a load balancer, raise its generation and return the change.

    Raises:
        NotFound: when the caller can see no such load balancer.
        Conflict: when it is on its way out.
    """
    row = rows.get_row(tx, LoadBalancer, loadbalancer_id, caller.scope, lock=True)
    refuse_if_going(LoadBalancer, row)
    generation = row.generation + 1
    rows.update(tx, LoadBalancer, loadbalancer_id, generation=generation)
    return Change(tx, caller, network, row, generation, certificates, reserved)


def refuse_if_going(cls: type[Resource], row: Row[Any]) -> None:
    """Refuse to touch what is being deleted.

    Raises:
        Conflict: in Neutron-LBaaS's words.
    """
    if row.deleted_generation is not None:
        raise Conflict(f"Invalid state PENDING_DELETE of {cls.KIND} resource {row.id}", "StateInvalid")
