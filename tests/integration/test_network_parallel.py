"""The builtin network service under parallel clients, on real databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from network_service import Service, addresses
from sqlalchemy import select

from evener.resources import errors
from evener.resources.network import Network
from evener.resources.port import Port
from evener.store.network_tables import ip_allocations


@pytest.mark.parametrize("way", ["ports", "load balancers"])
def test_parallel_clients_never_get_the_same_address(service: Service, way: str) -> None:
    network = service.create(Network)
    subnet = service.subnet("10.0.0.0/23", network)
    give: Callable[[int], str] = (
        (lambda _: addresses(service.port(subnet))[0])
        if way == "ports"
        else (lambda _: service.loadbalancer(subnet).address)
    )

    def ten(number: int) -> list[str]:
        return [give(number) for _ in range(10)]

    with ThreadPoolExecutor(20) as clients:
        given = [address for some in clients.map(ten, range(20)) for address in some]
    assert len(given) == len(set(given)) == 200
    with service.database.read() as tx:
        assert set(tx.execute(select(ip_allocations.c.ip_address)).scalars()) == set(given)


def test_of_parallel_clients_that_want_one_address_one_gets_it(service: Service) -> None:
    subnet = service.subnet()

    def ask(_: int) -> str:
        try:
            return str(addresses(service.port(subnet, "10.0.0.9"))[0])
        except errors.InUse as error:
            return error.type_name

    with ThreadPoolExecutor(10) as clients:
        answers = sorted(clients.map(ask, range(10)))
    assert answers == ["10.0.0.9"] + ["IpAddressInUse"] * 9


def test_of_parallel_clients_that_want_one_block_one_gets_it(service: Service) -> None:
    network = service.create(Network)

    def ask(_: int) -> str:
        try:
            return str(service.subnet("10.0.0.0/24", network).cidr)
        except errors.InvalidInput as error:
            return error.type_name

    with ThreadPoolExecutor(10) as clients:
        answers = sorted(clients.map(ask, range(10)))
    assert answers == ["10.0.0.0/24"] + ["InvalidInput"] * 9


def test_a_network_goes_with_its_subnets_or_not_at_all_while_ports_come(service: Service) -> None:
    def port(network: Any) -> bool:
        try:
            service.create(Port, network_id=network.id)
        except errors.NotFound:
            return False
        return True

    def remove(network: Any) -> bool:
        try:
            service.delete(network)
        except errors.InUse:
            return False
        return True

    with ThreadPoolExecutor(2) as clients:
        for _ in range(10):
            network = service.create(Network)
            service.subnet(network=network)
            came, went = clients.submit(port, network), clients.submit(remove, network)
            assert came.result() != went.result()
