"""What an object that is made or changed has other services hold: certificates, and the security groups of a VIP.

Before the transaction, and let go of where that fails. Must not change the database.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Row

from evener.control import certificates, named_addresses
from evener.control.by_kind import owner_of_new
from evener.control.certificates import Asked
from evener.control.change import refuse_if_going
from evener.control.reservations import Reservations
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database, Transaction, ask


class Holding:
    """Knows which object names what."""

    def __init__(self, database: Database, reservations: Reservations) -> None:
        self._database, self._reservations = database, reservations

    @contextmanager
    def of_new(
        self, caller: Caller, cls: type[Resource], values: Mapping[str, Any]
    ) -> Iterator[tuple[Mapping[str, Any], Asked]]:
        """Hold what a new object below a load balancer names; yield its values with the id that it is held for.

        Raises:
            NotFound: when the caller can see no such load balancer.
        """
        named = certificates.named_by(cls, values)
        if not named:
            yield values, Asked(self._reservations.consumers)
            return
        owner = ask(self._database, lambda tx: rows.get_row(tx, *owner_of_new(cls, values), caller.scope))
        object_id = str(uuid.uuid4())
        wanted = {certificates.user(cls, object_id): named}
        with self._reservations.certificates(caller, owner.project_id, wanted) as asked:
            yield {**values, "id": object_id}, asked

    @contextmanager
    def of_changed(
        self, caller: Caller, cls: type[Resource], object_id: str, values: Mapping[str, Any]
    ) -> Iterator[Asked]:
        """Hold what a change brings.

        Raises:
            NotFound: when the caller can see no such object, or no such security group.
        """
        kind = certificates.KINDS.get(cls)
        brings = kind is not None and not values.keys().isdisjoint(kind.attributes)
        if cls is LoadBalancer:
            with self._guarding(caller, object_id, values), self._joining(object_id, values):
                yield Asked(self._reservations.consumers)
            return
        if not brings:
            yield Asked(self._reservations.consumers)
            return
        row = ask(self._database, lambda tx: rows.get_row(tx, cls, object_id, caller.scope))
        wanted = {certificates.user(cls, object_id): certificates.brought_by(cls, row, values)}
        with self._reservations.certificates(caller, row.project_id, wanted) as asked:
            yield asked

    @contextmanager
    def _guarding(self, caller: Caller, loadbalancer_id: str, values: Mapping[str, Any]) -> Iterator[None]:
        """Have a load balancer's port in the security groups that `values` name."""
        if "vip_sg_ids" not in values:
            yield
            return

        def look(tx: Transaction) -> Row[Any]:
            found = rows.get_row(tx, LoadBalancer, loadbalancer_id, caller.scope)
            refuse_if_going(LoadBalancer, found)  # what will be refused then is not begun
            named_addresses.refuse_both(tx, loadbalancer_id, values)
            return found

        row = ask(self._database, look)
        with self._reservations.vip_groups(caller, row.vip_port_id, values["vip_sg_ids"]):
            yield

    def _joining(self, loadbalancer_id: str, values: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Hold what a second agent needs, where `values` ask for one."""
        return self._reservations.topology(loadbalancer_id) if "topology" in values else nullcontext()
