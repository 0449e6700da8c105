"""What an object that is made or changed has other services hold: certificates, and the security groups of a VIP.

Before the transaction, and let go of where that fails. Must not change the database.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from evener.services.secrets import Secrets
from evener.store import rows
from evener.store.database import Database, Transaction, ask


class Holding:
    """Knows which object names what."""

    def __init__(self, database: Database, reservations: Reservations, secrets: Secrets | None) -> None:
        self._database, self._reservations, self._secrets = database, reservations, secrets

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
            yield values, Asked(self._secrets)
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
        guards = cls is LoadBalancer and "vip_sg_ids" in values
        if not brings and not guards:
            yield Asked(self._secrets)
            return

        def look(tx: Transaction) -> Row[Any]:
            found = rows.get_row(tx, cls, object_id, caller.scope)
            if guards:  # what will be refused then is not begun
                refuse_if_going(cls, found)
                named_addresses.refuse_both(tx, object_id, values)
            return found

        row = ask(self._database, look)
        if guards:
            with self._reservations.vip_groups(caller, row.vip_port_id, values["vip_sg_ids"]):
                yield Asked(self._secrets)
            return
        wanted = {certificates.user(cls, object_id): certificates.brought_by(cls, row, values)}
        with self._reservations.certificates(caller, row.project_id, wanted) as asked:
            yield asked
