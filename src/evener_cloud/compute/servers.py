"""Servers as ports tell of them: whoever plugs a port in writes there which device it is. Changes nothing.

Ports say that with Neutron's `device_id`; those that belong to services, by their `device_owner`, are no servers'.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, and_, or_, select

from evener.store.database import Transaction
from evener_cloud.network.tables import ip_allocations, networks, ports

OWNER_PREFIX = "compute:"  # as Nova writes it, with the availability zone behind


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a server: on the network of that name, at the port with that MAC address."""

    network: str
    ip_address: str
    mac_address: str


@dataclass(frozen=True, slots=True)
class Server:
    """A device with ports: named as the first of them that has a name, or else by its id."""

    id: str
    project_id: str
    name: str
    addresses: tuple[Address, ...] = field(default=())


def _statement(scope: str | None) -> Select[Any]:
    is_servers = or_(ports.c.device_owner == "", ports.c.device_owner.startswith(OWNER_PREFIX))
    own = () if scope is None else (ports.c.project_id == scope,)
    return (
        select(
            ports.c.device_id,
            ports.c.project_id,
            ports.c.name,
            ports.c.mac_address,
            networks.c.name.label("network"),
            ip_allocations.c.ip_address,
        )
        .join(networks, networks.c.id == ports.c.network_id)
        .outerjoin(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .where(and_(ports.c.device_id != "", is_servers, *own))
        .order_by(ports.c.device_id, ports.c.project_id, ports.c.id, ip_allocations.c.position)
    )


def listed(tx: Transaction, scope: str | None) -> list[Server]:
    """Return the servers of a project, or of all where `scope` is None, in the order of their ids."""
    found: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in tx.execute(_statement(scope)):
        found.setdefault((row.device_id, row.project_id), []).append(row)
    return [_server(*key, rows) for key, rows in found.items()]


def _server(device_id: str, project_id: str, rows: Iterable[Row[Any]]) -> Server:
    rows = list(rows)
    name = next((row.name for row in rows if row.name), device_id)
    addresses = (Address(row.network, row.ip_address, row.mac_address) for row in rows if row.ip_address)
    return Server(device_id, project_id, name, tuple(addresses))


def matching(servers: Iterable[Server], wanted: Mapping[str, str]) -> list[Server]:
    r"""Return the servers that are `wanted` by text in their `name` or `ip`, or by `project_id`.

    Nova takes the text for a regular expression; here ^, $ and \\ mean something in it, which clients write for a
    whole name.
    """
    tests: dict[str, Callable[[Server, str], bool]] = {
        "name": lambda server, text: _says(server.name, text),
        "ip": lambda server, text: any(_says(each.ip_address, text) for each in server.addresses),
        "project_id": lambda server, text: server.project_id == text,
    }
    return [each for each in servers if all(tests[name](each, text) for name, text in wanted.items())]


def _says(have: str, pattern: str) -> bool:
    begins, ends = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    text = re.sub(r"\\(.)", r"\1", pattern[begins : len(pattern) - ends])
    if begins and ends:
        return have == text
    return have.startswith(text) if begins else have.endswith(text) if ends else text in have
