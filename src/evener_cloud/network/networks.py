"""Networks: made, changed and deleted inside a transaction. Whether the caller may is decided before."""

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, union_all

from evener.resources.wiring import NetworkSpec
from evener.store import quota_counts, rows
from evener.store.database import Transaction
from evener_cloud.network import errors, provider
from evener_cloud.network.resources.network import MIN_MTU_IPV6, Network
from evener_cloud.network.resources.port import FLOATINGIP_OWNER, ROUTER_GATEWAY_OWNER
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.tables import networks, ports, subnets
from evener_cloud.network.visibility import lock


def create(tx: Transaction, _scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a network and return its id.

    Raises:
        InUse: when another network is on its physical network.
    """
    if values.get("physical_network") is not None:
        provider.check_free(tx, values["physical_network"])
    network = Network.model_validate({**values, "id": str(uuid.uuid4())})
    rows.insert(tx, network)
    return network.id


def update(tx: Transaction, _scope: str | None, network_id: str, values: Mapping[str, Any]) -> None:
    """Change a network.

    Raises:
        Conflict: when an IPv6 subnet needs larger packets, or others use what is to be shared or external no more.
    """
    network = lock(tx, Network, network_id)
    changed = network.model_copy(update=dict(values))
    if changed.mtu < MIN_MTU_IPV6 and _has_ipv6(tx, network_id):
        raise errors.mtu_too_small(network_id, MIN_MTU_IPV6)
    if network.router_external and not changed.router_external and _leads_outside(tx, network_id):
        raise errors.external_network_in_use(network_id)
    if network.shared and not changed.shared and _has_guests(tx, network):
        raise errors.still_shared(network.name)
    rows.update(tx, Network, network_id, **values)


def delete(tx: Transaction, _scope: str | None, network_id: str) -> None:
    """Delete a network with its subnets.

    Raises:
        InUse: when it has ports.
    """
    lock(tx, Network, network_id)
    if tx.scalar(select(ports.c.id).where(ports.c.network_id == network_id).limit(1)) is not None:
        raise errors.network_in_use(network_id)
    mine = subnets.c.network_id == network_id
    owners = Counter(tx.scalar_ids(select(subnets.c.project_id).where(mine)))
    tx.execute(subnets.delete().where(mine))
    for project_id, gone in sorted(owners.items()):
        quota_counts.give_back(tx, Subnet, project_id, gone)
    rows.delete(tx, Network, [network_id])


def _has_ipv6(tx: Transaction, network_id: str) -> bool:
    wanted = select(subnets.c.id).where(subnets.c.network_id == network_id, subnets.c.ip_version == 6)
    return tx.scalar(wanted.limit(1)) is not None


def _leads_outside(tx: Transaction, network_id: str) -> bool:
    outside = ports.c.device_owner.in_((ROUTER_GATEWAY_OWNER, FLOATINGIP_OWNER))
    return tx.scalar(select(ports.c.id).where(ports.c.network_id == network_id, outside).limit(1)) is not None


def _has_guests(tx: Transaction, network: Network) -> bool:
    guests = union_all(
        *(
            select(table.c.id).where(
                table.c.network_id == network.id,
                table.c.project_id.not_in((network.project_id, "")),  # gateways and floating IPs are nobody's
            )
            for table in (ports, subnets)
        )
    )
    return tx.execute(guests).first() is not None


def specs(tx: Transaction) -> tuple[NetworkSpec, ...]:
    """Return all networks as hosts realise them."""
    columns = networks.c
    statement = select(columns.id, columns.mtu, columns.physical_network).order_by(columns.id)
    return tuple(
        NetworkSpec(id=row.id, mtu=row.mtu, physical_network=row.physical_network)
        for row in tx.execute(statement)
    )
