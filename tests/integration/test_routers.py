"""Routers, their gateways and interfaces, on real databases: what they get, what is refused, what agents are told."""

from typing import Any

from network_service import ADMIN, ANN, EVERYTHING, Outside, Service, addresses, statements

from evener.resources import wire
from evener.resources.wiring import FixedIP, FloatingAddress, Route, WiredPort
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet

INTERFACE, GATEWAY = "network:router_interface", "network:router_gateway"


def gateway_of(router: Any) -> list[str]:
    return [address.ip_address for address in router.external_gateway_info.external_fixed_ips]


def test_a_router_reads_as_neutron_s(service: Service) -> None:
    net = Outside(service)
    made = service.create(Router, name="R", external_gateway_info={"network_id": net.network.id})
    assert wire.to_wire(service.show(made)) == {
        "id": made.id,
        "project_id": "ann",
        "tenant_id": "ann",
        "name": "R",
        "description": "",
        "admin_state_up": True,
        "status": "ACTIVE",
        "routes": [],
        "external_gateway_info": {
            "network_id": net.network.id,
            "enable_snat": True,
            "external_fixed_ips": [{"subnet_id": net.subnet.id, "ip_address": "198.51.100.10"}],
        },
        "distributed": False,
        "ha": False,
        "tags": [],
    }
    assert wire.to_wire(service.create(Router))["external_gateway_info"] is None


def test_a_gateway_is_nobody_s_port_on_the_network_outside(service: Service) -> None:
    net = Outside(service)
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    assert service.ids(Port) == set()
    port = service.network.list(ADMIN, Port, EVERYTHING)[0]
    assert (port.device_owner, port.device_id, port.project_id) == (GATEWAY, router.id, "")
    assert (port.network_id, addresses(port)) == (net.network.id, ["198.51.100.10"])
    cleared = service.update(router, external_gateway_info={})
    assert cleared.external_gateway_info is None
    assert service.ids(Port, ADMIN) == set()
    again = service.update(router, external_gateway_info={"network_id": net.network.id})
    assert gateway_of(again) == ["198.51.100.10"]
    service.delete(router)
    assert service.ids(Port, ADMIN) == set(), "the gateway went with its router"


def test_a_gateway_takes_an_address_of_a_later_subnet_outside_where_it_has_none_of_that_version(
    service: Service,
) -> None:
    net = Outside(service)
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    told = len(service.changes)
    six = {"network_id": net.network.id, "cidr": "fd00:51::/64", "ip_version": 6}
    subnet = service.create(Subnet, ADMIN, **six)
    assert gateway_of(service.show(router)) == ["198.51.100.10", "fd00:51::2"]
    assert len(service.changes) == told + 1
    more = {"network_id": net.network.id, "cidr": "198.51.101.0/24", "ip_version": 4}
    service.create(Subnet, ADMIN, **more)
    assert gateway_of(service.show(router)) == ["198.51.100.10", "fd00:51::2"]
    assert service.show(router).external_gateway_info.external_fixed_ips[1].subnet_id == subnet.id


def test_a_gateway_is_changed_in_place_or_moves(service: Service) -> None:
    one, two = Outside(service), Outside(service, "198.51.100.0/25")
    wish = [{"subnet_id": one.subnet.id, "ip_address": "198.51.100.77"}]
    info = {"network_id": one.network.id, "external_fixed_ips": wish, "enable_snat": False}
    router = service.create(Router, external_gateway_info=info)
    assert (gateway_of(router), router.external_gateway_info.enable_snat) == (["198.51.100.77"], False)
    kept = service.update(router, external_gateway_info={"network_id": one.network.id})
    assert gateway_of(kept) == ["198.51.100.77"]
    assert kept.external_gateway_info.enable_snat, "not given, it is true, as in Neutron"
    wish = [{"ip_address": "198.51.100.78"}]
    info = {"network_id": one.network.id, "external_fixed_ips": wish}
    assert gateway_of(service.update(router, external_gateway_info=info)) == ["198.51.100.78"]
    moved = service.update(router, external_gateway_info={"network_id": two.network.id})
    assert moved.external_gateway_info.network_id == two.network.id
    assert len(service.ids(Port, ADMIN)) == 1


def test_a_router_on_a_subnet_has_the_address_of_its_gateway(service: Service) -> None:
    router, subnet = service.create(Router), service.subnet()
    interface = service.network.add_interface(ANN, router.id, subnet.id, None)
    assert (interface.router_id, interface.project_id) == (router.id, "ann")
    assert (interface.network_id, interface.subnet_ids) == (subnet.network_id, (subnet.id,))
    port = service.network.show(ANN, Port, interface.port_id)
    assert (port.device_owner, port.device_id, port.project_id) == (INTERFACE, router.id, "ann")
    assert addresses(port) == ["10.0.0.1"]
    assert service.network.remove_interface(ANN, router.id, subnet.id, None) == interface
    assert service.ids(Port) == set()


def test_a_free_port_becomes_an_interface_and_goes_with_it(service: Service) -> None:
    router, subnet = service.create(Router), service.subnet(gateway_ip=None)
    port = service.port(subnet, "10.0.0.77")
    interface = service.network.add_interface(ANN, router.id, None, port.id)
    assert (interface.port_id, interface.subnet_ids) == (port.id, (subnet.id,))
    assert service.show(port).device_owner == INTERFACE
    assert service.network.remove_interface(ANN, router.id, subnet.id, port.id) == interface
    assert service.ids(Port) == set()


def test_subnets_of_ipv6_share_the_port_on_their_network(service: Service) -> None:
    router, network = service.create(Router), service.create(Network)
    blocks = ("2001:db8:1::/64", "2001:db8:2::/64", "10.0.0.0/24")
    one, two, four = (service.subnet(block, network) for block in blocks)
    added = [service.network.add_interface(ANN, router.id, subnet.id, None) for subnet in (one, two, four)]
    assert added[0].port_id == added[1].port_id != added[2].port_id
    port = service.network.show(ANN, Port, added[0].port_id)
    assert addresses(port) == ["2001:db8:1::1", "2001:db8:2::1"]
    service.network.remove_interface(ANN, router.id, one.id, None)
    assert addresses(service.show(port)) == ["2001:db8:2::1"]
    service.network.remove_interface(ANN, router.id, None, port.id)
    assert service.ids(Port) == {added[2].port_id}


def test_agents_are_given_whole_routers(service: Service) -> None:
    net = Outside(service)
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    subnet = service.subnet(network=service.create(Network, mtu=1400))
    inside = service.network.add_interface(ANN, router.id, subnet.id, None).port_id
    vip = service.loadbalancer(subnet)
    service.create(FloatingIP, floating_network_id=net.network.id, port_id=vip.port_id)
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}
    service.update(router, routes=[route], admin_state_up=False)
    bare = service.create(Router)
    specs = {spec.id: spec for spec in service.network.realised_routers()}
    assert specs.keys() == {router.id, bare.id}
    spec = specs[router.id]
    mac = service.network.show(ANN, Port, inside).mac_address
    fixed = FixedIP(address="10.0.0.1", prefix_length=24)
    assert spec.ports == (
        WiredPort(
            id=inside,
            network_id=subnet.network_id,
            mac_address=mac,
            mtu=1400,
            fixed_ips=(fixed,),
            prefix="qr-",
        ),
    )
    assert spec.gateway is not None
    assert (spec.gateway.prefix, spec.gateway.network_id) == ("qg-", net.network.id)
    assert spec.gateway.fixed_ips == (
        FixedIP(address="198.51.100.10", prefix_length=24, gateway="198.51.100.1"),
    )
    assert (spec.enabled, spec.snat) == (False, True)
    assert spec.floating_ips == (FloatingAddress(floating="198.51.100.11", fixed=vip.address),)
    assert spec.routes == (Route(**route),)
    assert (specs[bare.id].ports, specs[bare.id].gateway, specs[bare.id].enabled) == ((), None, True)


def test_lists_and_what_agents_get_cost_the_same_number_of_statements_whatever_there_is(
    service: Service,
) -> None:
    net = Outside(service)
    counts = []
    for _ in range(2):
        for _ in range(3):
            router = service.create(Router, external_gateway_info={"network_id": net.network.id})
            subnet = service.subnet()
            service.network.add_interface(ANN, router.id, subnet.id, None)
            port = service.port(subnet)
            service.create(FloatingIP, floating_network_id=net.network.id, port_id=port.id)
        with statements(service.database) as sent:
            for cls in (Router, FloatingIP):
                service.network.list(ANN, cls, EVERYTHING)
            service.network.realised_routers()
        counts.append(len([one for one in sent if one.startswith("SELECT")]))
    assert counts[0] == counts[1] == 9


def test_agents_are_told_of_every_change_to_a_router(service: Service) -> None:
    net, subnet = Outside(service), service.subnet()
    vip = service.loadbalancer(subnet)
    port = service.port(subnet)
    router = service.create(Router)
    floating: list[Any] = []
    hop = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]

    def associate(port_id: str) -> None:
        made = service.create(FloatingIP, floating_network_id=net.network.id, port_id=port_id)
        floating.append(made)

    def delete_vip() -> None:
        service.release(vip)

    for change in (
        lambda: service.update(router, external_gateway_info={"network_id": net.network.id}),
        lambda: service.network.add_interface(ANN, router.id, subnet.id, None),
        lambda: service.update(router, routes=hop),
        lambda: service.update(router, routes=[]),
        lambda: associate(port.id),
        lambda: service.update(floating[0], port_id=None),
        lambda: service.update(floating[0], port_id=port.id),
        lambda: service.delete(port),
        lambda: service.delete(floating[0]),
        lambda: associate(vip.port_id),
        delete_vip,
        lambda: service.network.remove_interface(ANN, router.id, subnet.id, None),
        lambda: service.update(router, admin_state_up=False),
        lambda: service.delete(router),
    ):
        before = len(service.changes)
        change()
        assert len(service.changes) == before + 1
    before = len(service.changes)
    service.delete(service.port(subnet))
    assert len(service.changes) == before, "no router led to it"
