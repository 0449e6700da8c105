"""Fills a database with copies of one load balancer that the API has made: its rows with ids of their own."""

import ipaddress
import socket
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, select, update

from bench.api import LBAAS, OCTAVIA, Api, Made
from evener.bus.base import Controller
from evener.bus.inprocess import InProcessBus
from evener.control.agent_notifier import AgentNotifier
from evener.control.controller import BusController
from evener.resources.facts import Observation, Report
from evener.resources.types import OperatingStatus
from evener.store.database import Database, Transaction, now
from evener.store.schema import agents, quotas
from evener_cloud.all_tables import metadata
from evener_cloud.network.addresses import sort_key
from evener_cloud.network.builtin import BuiltinNetwork
from evener_cloud.network.resources.port import vip_port_id

HOST = socket.gethostname()  # where an agent is told to look again, which never does
ALIVE_FOR = timedelta(hours=1)
# Whose rows belong to a load balancer, in an order that their foreign keys allow; and the column with its id, or
# with that of its VIP's port.
TABLES = {
    "ports": "id",
    "ip_allocations": "port_id",
    "loadbalancers": "id",
    "loadbalancers_tags": "owner_id",
    "pools": "loadbalancer_id",
    "listeners": "loadbalancer_id",
    "members": "loadbalancer_id",
    "healthmonitors": "loadbalancer_id",
    "bindings": "loadbalancer_id",
    "member_health": "loadbalancer_id",
}
OF_PORT = ("ports", "ip_allocations")
FIRST_ADDRESS = ipaddress.IPv4Address("10.64.16.1")  # the one after the original's
EVERYBODYS, RARE = "everybodys", "rare"  # tags: of all, and of the first
WITH_RARE = 8
BETWEEN = timedelta(milliseconds=1)  # two copies
CHANGED_EACH = 10  # every tenth is about to be changed, and off
QUOTAS = ("port", "loadbalancer", "pool", "listener", "member", "healthmonitor")


def agent(database: Database) -> Controller:
    """Register an agent that is alive for long enough, and return what takes its reports."""
    nobody = AgentNotifier(database, InProcessBus())  # on which no agent is
    controller = BusController(database, BuiltinNetwork(database, nobody))
    controller.heartbeat(HOST, {})
    with database.write() as tx:
        tx.execute(update(agents).values(heartbeat_at=now() + ALIVE_FOR))
    return controller


def report(controller: Controller, made: Made) -> None:
    """Say that a load balancer is as it should be, and its members are well."""
    generation = controller.assigned(HOST)[made.loadbalancer]
    members = dict.fromkeys(made.members, OperatingStatus.ONLINE)
    observation = Observation(members=members)
    controller.report(
        HOST,
        Report(loadbalancer_id=made.loadbalancer, applied_generation=generation, observation=observation),
    )


def tag(api: Api, made: Made) -> None:
    """Give a load balancer the tags that some of its copies have, and those that all have."""
    body = {"loadbalancer": {"tags": [EVERYBODYS, RARE]}}
    status, document = api.call("PUT", f"{OCTAVIA}/loadbalancers/{made.loadbalancer}", body)
    if status != 200:
        raise RuntimeError(f"Tagging {made.loadbalancer}: {status} {document}")


def _tags(number: int) -> list[str]:
    return [EVERYBODYS, RARE] if number < WITH_RARE else [EVERYBODYS]


def name(number: int) -> str:
    """Return the name of a copy."""
    return f"lb-{number:05}"


def copies(api: Api, database: Database, made: Made, number: int, after: int = 0) -> None:
    """Copy a load balancer, with all below it, `number` times; `after` so many have been made before."""
    port = api.call("GET", f"{LBAAS}/loadbalancers/{made.loadbalancer}")[1]["loadbalancer"]["vip_port_id"]
    with database.write() as tx:
        originals = {key: list(_rows(tx, key, made.loadbalancer, port)) for key in TABLES}
        renamings = [_renaming(originals) for _ in range(number)]
        for names in renamings:
            names[port] = vip_port_id(names[made.loadbalancer])
        for key, rows in originals.items():
            table = metadata.tables[key]
            many = [
                _copy(key, row, names, n)
                for n, names in enumerate(renamings, after)
                for row in rows
                if row.get("tag", EVERYBODYS) in _tags(n)
            ]
            tx.execute(table.insert(), many)
        for kind in QUOTAS:
            had = quotas.c.resource == kind
            per_balancer = len(originals[f"{kind}s"])
            tx.execute(update(quotas).where(had).values(used=quotas.c.used + number * per_balancer))


def _rows(tx: Transaction, key: str, balancer: str, port: str) -> Iterator[dict[str, Any]]:
    table: Table = metadata.tables[key]
    wanted = table.c[TABLES[key]] == (port if key in OF_PORT else balancer)
    for row in tx.execute(select(table).where(wanted)):
        yield row._asdict()


def _renaming(originals: Mapping[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Return a new id for each that stands in the rows."""
    return {row["id"]: str(uuid.uuid4()) for rows in originals.values() for row in rows if "id" in row}


def _copy(key: str, row: Mapping[str, Any], names: Mapping[str, str], number: int) -> dict[str, Any]:
    found = {
        column: names.get(value, value) if isinstance(value, str) else value for column, value in row.items()
    }
    if "created_at" in found:
        found["created_at"] += number * BETWEEN
    address = FIRST_ADDRESS + number
    if key == "loadbalancers":
        changed = number % CHANGED_EACH == 0
        found |= {"name": name(number), "vip_address": str(address), "tags": _tags(number)}
        found |= {"generation": found["generation"] + changed, "admin_state_up": not changed}
        found |= {"standing": "PENDING_UPDATE"} if changed else {}
    elif key == "ports":
        found["mac_address"] = f"fa:16:3f:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    elif key == "ip_allocations":
        found |= {"ip_address": str(address), "sort_key": sort_key(int(address), 4)}
    return found
