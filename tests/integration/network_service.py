"""The builtin network service as tests use it: with the documents that clients send."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from evener.resources import errors, wire
from evener.resources.caller import Caller
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database
from evener.store.schema import loadbalancers
from evener_cloud.network import tables as network_tables
from evener_cloud.network.builtin import BuiltinNetwork
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.subnet import Subnet
from lbaas_names import type_name

NOBODYS = "00000000-0000-0000-0000-00000000dead"
ADMIN = Caller("admin", "cloud", frozenset({"admin"}))
ANN = Caller("ann", "ann", frozenset({"member"}))
BOB = Caller("bob", "bob", frozenset({"member"}))
EVERYTHING = rows.ListQuery()


class Service:
    """The service as clients use it: with the documents they send."""

    def __init__(self, database: Database) -> None:
        self.changes: list[int] = []
        self.told: list[str] = []
        self.database = database
        self.network = BuiltinNetwork(database, self)

    def networks_changed(self) -> None:
        self.changes.append(1)

    def ports_changed(self, loadbalancer_ids: Collection[str]) -> None:
        self.told.extend(loadbalancer_ids)

    def create(self, cls: Any, caller: Caller = ANN, **values: Any) -> Any:
        given = {name.replace("__", ":"): value for name, value in values.items()}
        return self.network.create(caller, cls, wire.parse_create(cls, {cls.KIND: given}))

    def update(self, found: Any, caller: Caller = ANN, **values: Any) -> Any:
        cls = type(found)
        given = wire.parse_update(cls, {cls.KIND: values})
        return self.network.update(caller, cls, found.id, given)

    def delete(self, found: Any, caller: Caller = ANN) -> None:
        self.network.delete(caller, type(found), found.id)

    def show(self, found: Any, caller: Caller = ANN) -> Any:
        return self.network.show(caller, type(found), found.id)

    def ids(self, cls: Any, caller: Caller = ANN, **filters: Any) -> set[str]:
        return {found.id for found in self.network.list(caller, cls, rows.ListQuery(filters))}

    def subnet(self, cidr: str = "10.0.0.0/24", network: Any = None, **values: Any) -> Any:
        network = network or self.create(Network)
        version = 6 if ":" in cidr else 4
        return self.create(Subnet, network_id=network.id, cidr=cidr, ip_version=version, **values)

    def port(self, subnet: Any, address: str | None = None, **values: Any) -> Any:
        wish = {"subnet_id": subnet.id, **({"ip_address": address} if address else {})}
        return self.create(Port, network_id=subnet.network_id, fixed_ips=[wish], **values)

    def loadbalancer(self, subnet: Any, address: str | None = None, project: str | None = "ann") -> Any:
        """Make a load balancer's row and port, as control does."""
        caller = ADMIN if project is None else Caller(project, project, frozenset({"member"}))
        balancer_id, owner = str(uuid.uuid4()), project or "cloud"
        vip = self.network.reserve_vip_port(caller, balancer_id, owner, [subnet.id], address)
        values = {
            "id": balancer_id,
            "project_id": owner,
            "vip_subnet_id": subnet.id,
            "vip_address": vip.address,
            "vip_port_id": vip.port_id,
            "provider": "haproxy",
        }
        balancer = LoadBalancer.model_validate(values)
        with self.database.write() as tx:
            rows.insert(tx, balancer, created_generation=1, changed_generation=1)
        return vip

    def release(self, vip: Any) -> None:
        """Remove the port of a load balancer, as control does."""
        self.network.release_vip_port(self.balancer_of(vip))

    def balancer_of(self, vip: Any) -> str:
        """Return the id of the load balancer with this port."""
        with self.database.read() as tx:
            return str(
                tx.scalar(select(loadbalancers.c.id).where(loadbalancers.c.vip_port_id == vip.port_id))
            )

    def contents(self) -> list[Any]:
        """Return every row there is."""
        with self.database.read() as tx:
            names = ("networks", "subnets", "ports", "ip_allocations", "routers", "floatingips")
            names += ("security_groups", "security_group_rules", "port_security_groups")
            tables = [getattr(network_tables, name) for name in names]
            return [tx.execute(select(table).order_by(*table.primary_key)).all() for table in tables]


class Outside:
    """An external network of the administrator's, which gives addresses from the tenth on."""

    def __init__(self, service: Service, cidr: str = "198.51.100.0/24", **values: Any) -> None:
        self.network = service.create(Network, ADMIN, router__external=True, **values)
        base = cidr.rpartition(".")[0]
        pools = [{"start": f"{base}.10", "end": f"{base}.99"}]
        given = {"network_id": self.network.id, "cidr": cidr, "ip_version": 4, "allocation_pools": pools}
        self.subnet = service.create(Subnet, ADMIN, **given)


@contextmanager
def refused(service: Service, kind: type[errors.EvenerError], name: str, message: str) -> Iterator[None]:
    """Expect exactly this error, and that nothing changes."""
    before = service.contents()
    with pytest.raises(kind) as caught:
        yield
    assert kind in (type(caught.value), type(caught.value).__base__)
    assert (type_name(caught.value), caught.value.message) == (name, message)
    assert service.contents() == before


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def remember(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", remember)
    yield sent
    event.remove(database.engine, "before_cursor_execute", remember)


def addresses(port: Any) -> list[str]:
    return [address.ip_address for address in port.fixed_ips]
