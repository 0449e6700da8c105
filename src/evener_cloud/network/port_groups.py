"""Which ports are in which security groups: read and changed inside a transaction."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select

from evener.store.database import Transaction
from evener.store.filters import as_stored
from evener.store.rows import of_all, wanted
from evener_cloud.network import errors
from evener_cloud.network.resources.port import LOADBALANCER_OWNER
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.security_groups import ensure_default
from evener_cloud.network.tables import port_security_groups, ports, security_groups
from evener_cloud.network.visibility import sees_own

# Ports of services: who relies on them knows nothing of groups. "network:" is Neutron's mark for those it trusts.
_SERVICES = ("network:", LOADBALANCER_OWNER)


def first_groups(
    tx: Transaction, project_id: str, device_owner: str, given: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the groups of a new port: the ones given, or the default one where it is no service's."""
    if given is not None:
        return tuple(given)
    return () if device_owner.startswith(_SERVICES) else (ensure_default(tx, project_id),)


def check_seen(tx: Transaction, scope: str | None, group_ids: Collection[str]) -> None:
    """Let pass the groups that `scope` sees.

    Raises:
        NotFound: naming the others.
    """
    if not group_ids:
        return
    statement = select(security_groups.c.id).where(security_groups.c.id.in_(sorted(group_ids)))
    condition = sees_own(security_groups, scope)
    seen = tx.scalar_ids(statement if condition is None else statement.where(condition))
    missing = sorted(set(group_ids).difference(seen))
    if missing:
        raise errors.not_found("Security_group", ", ".join(missing))


def join(tx: Transaction, port_id: str, group_ids: Sequence[str]) -> None:
    """Put a port into groups that it is not in."""
    if group_ids:
        tx.execute(
            port_security_groups.insert(),
            [{"port_id": port_id, "security_group_id": group_id} for group_id in group_ids],
        )


def change(tx: Transaction, scope: str | None, port_id: str, wanted_groups: Sequence[str]) -> None:
    """Put a port into exactly these groups.

    Raises:
        NotFound: for a new one that `scope` does not see.
    """
    has = groups_of(tx, [port_id]).get(port_id, ())
    new = [group_id for group_id in wanted_groups if group_id not in has]
    check_seen(tx, scope, new)
    left = [group_id for group_id in has if group_id not in wanted_groups]
    if left:
        columns = port_security_groups.c
        tx.execute(
            port_security_groups.delete().where(
                columns.port_id == port_id, columns.security_group_id.in_(left)
            )
        )
    join(tx, port_id, new)


def groups_of(tx: Transaction, port_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the groups of ports by the ports' ids, in one statement."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in of_all(tx, _bindings, port_ids):
        found[row.port_id].append(row.security_group_id)
    return {port_id: tuple(group_ids) for port_id, group_ids in found.items()}


@cache
def _bindings(*, one: bool) -> Select[Any]:
    columns = port_security_groups.c
    statement = select(port_security_groups).where(wanted(columns.port_id, one=one))
    return statement.order_by(columns.security_group_id)


def has_group(values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for ports that are in one of the groups `values`."""
    columns = port_security_groups.c
    groups = as_stored(SecurityGroup, "id", values)
    return exists().where(columns.port_id == ports.c.id, columns.security_group_id.in_(groups))
