"""The builtin network service under parallel clients, on real databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from network_service import ADMIN, ANN, EVERYTHING, Outside, Service, addresses
from sqlalchemy import select

from evener.resources import errors
from evener.store import rows
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.tables import ip_allocations
from lbaas_names import type_name


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


def test_all_that_takes_addresses_outside_at_once_takes_different_ones(service: Service) -> None:
    service.database.limits = dict.fromkeys(("port", "router", "floatingip"), -1)
    net = Outside(service)
    info = {"network_id": net.network.id}
    takers: list[Callable[[], Any]] = [
        lambda: service.loadbalancer(net.subnet, project=None).address,
        lambda: addresses(service.create(Port, ADMIN, network_id=net.network.id))[0],
        lambda: gateway(service.create(Router, ADMIN, external_gateway_info=info)),
        lambda: service.create(FloatingIP, ADMIN, floating_network_id=net.network.id).floating_ip_address,
    ]

    def gateway(router: Any) -> Any:
        return router.external_gateway_info.external_fixed_ips[0].ip_address

    def some(number: int) -> list[str]:
        return [takers[(number + step) % len(takers)]() for step in range(len(takers))]

    with ThreadPoolExecutor(20) as clients:
        given = [address for some in clients.map(some, range(20)) for address in some]
    assert len(given) == len(set(given)) == 80


def test_clients_that_change_one_router_and_what_is_behind_it_wait_and_leave_nothing_half_done(
    service: Service,
) -> None:
    net, subnet = Outside(service), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    ports = [service.port(subnet) for _ in range(4)]
    floating = [service.create(FloatingIP, floating_network_id=net.network.id) for _ in range(4)]
    expected = (errors.Conflict, errors.NotFound, errors.InvalidInput)

    def attempt(action: Callable[[], Any]) -> None:
        try:
            action()
        except expected:
            return

    def churn(number: int) -> None:
        mine, port = floating[number % 4], ports[(number // 2) % 4]
        for action in (
            lambda: service.network.add_interface(ANN, router.id, subnet.id, None),
            lambda: service.update(mine, port_id=port.id),
            lambda: service.update(mine, port_id=ports[number % 4].id),
            lambda: service.network.remove_interface(ANN, router.id, subnet.id, None),
            lambda: service.update(mine, port_id=None),
            lambda: service.update(router, external_gateway_info={}),
            lambda: service.update(router, external_gateway_info={"network_id": net.network.id}),
            lambda: service.delete(service.port(subnet)),
        ):
            attempt(action)

    with ThreadPoolExecutor(12) as clients:
        list(clients.map(churn, range(12)))
    (spec,) = service.network.realised_routers()
    standing = [found for found in service.network.list(ANN, FloatingIP, EVERYTHING) if found.port_id]
    assert {found.floating_ip_address for found in standing} == {each.floating for each in spec.floating_ips}
    assert len({found.port_id for found in standing}) == len(standing)
    if standing:
        assert spec.gateway is not None, "a floating IP keeps the way out"
        assert len(spec.ports) == 1, "and the way in"
    outside = service.network.list(ADMIN, Port, rows.ListQuery({"network_id": [net.network.id]}))
    assert len(outside) == 4 + (spec.gateway is not None)


def test_a_port_that_goes_while_a_floating_ip_comes_to_it_leaves_none_behind(service: Service) -> None:
    net, subnet = Outside(service), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    service.network.add_interface(ANN, router.id, subnet.id, None)
    floating = service.create(FloatingIP, floating_network_id=net.network.id)

    def associate(port: Any) -> None:
        try:
            service.update(floating, port_id=port.id)
        except errors.NotFound:
            return

    with ThreadPoolExecutor(2) as clients:
        for _ in range(10):
            port = service.port(subnet)
            both = clients.submit(associate, port), clients.submit(service.delete, port)
            for each in both:
                each.result()
            assert service.show(floating).port_id is None


def test_of_parallel_clients_that_want_one_address_one_gets_it(service: Service) -> None:
    subnet = service.subnet()

    def ask(_: int) -> str:
        try:
            return str(addresses(service.port(subnet, "10.0.0.9"))[0])
        except errors.InUse as error:
            return type_name(error)

    with ThreadPoolExecutor(10) as clients:
        answers = sorted(clients.map(ask, range(10)))
    assert answers == ["10.0.0.9"] + ["IpAddressInUse"] * 9


def test_of_parallel_clients_that_want_one_block_one_gets_it(service: Service) -> None:
    network = service.create(Network)

    def ask(_: int) -> str:
        try:
            return str(service.subnet("10.0.0.0/24", network).cidr)
        except errors.InvalidInput as error:
            return type_name(error)

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
