"""Lists of what the builtin network has: what a project sees, by every filter, with all that is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, select

from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.store import rows
from evener.store.database import Transaction
from evener.store.filters import as_stored
from evener_cloud.network import floatingips, gateways, port_groups, ports, security_groups, tables, tags
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.visibility import CONDITIONS

R = TypeVar("R", bound=Resource)
Filter = Callable[[Sequence[str]], ColumnElement[bool]]


def listed(tx: Transaction, cls: type[R], query: rows.ListQuery, scope: str | None) -> list[R]:
    """Return the objects that `scope` sees and `query` asks for.

    Raises:
        InvalidInput: for a filter or sort key that is no attribute, or a value of the wrong type.
        NotFound: when the marker is none of them.
    """
    own = {**_FILTERS.get(cls.KIND, {}), **tags.filters(cls)}
    special = [test(query.filters[name]) for name, test in own.items() if name in query.filters]
    others = {name: values for name, values in query.filters.items() if name not in own}
    derived = and_(*special) if special else None
    where = CONDITIONS[cls.KIND](scope)
    found = rows.listing(tx, cls, replace(query, filters=others), where=where, derived=derived)
    whole = _WHOLE.get(cls.KIND)
    return found if whole is None else whole(tx, found)


def _has_address(values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for ports with an address that `values` describe, each `KEY=VALUE`."""
    table = tables.ip_allocations
    wanted: dict[str, list[str | None]] = {}
    for value in values:
        key, _, text = value.partition("=")
        if key not in ("ip_address", "subnet_id"):
            raise InvalidInput(
                "Invalid input for fixed_ips. Reason: filter by ip_address=ADDRESS or subnet_id=ID."
            )
        like = (
            as_stored(FloatingIP, "fixed_ip_address", [text])
            if key == "ip_address"
            else as_stored(Subnet, "id", [text])
        )
        wanted.setdefault(key, []).extend(like)
    allocation: Select[Any] = select(table.c.port_id).where(table.c.port_id == tables.ports.c.id)
    for key, texts in wanted.items():
        allocation = allocation.where(table.c[key].in_(texts))
    return exists(allocation)


_FILTERS: Mapping[str, Mapping[str, Filter]] = {
    Port.KIND: {"fixed_ips": _has_address, "security_groups": port_groups.has_group},
    FloatingIP.KIND: {"subnet_id": floatingips.is_on_subnet},
}
# What is shown of other tables.
_WHOLE: Mapping[str, Callable[[Transaction, Any], Any]] = {
    Port.KIND: ports.whole,
    Router.KIND: gateways.with_gateways,
    FloatingIP.KIND: floatingips.with_port_details,
    SecurityGroup.KIND: security_groups.with_rules,
}
