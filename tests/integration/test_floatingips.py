"""Floating IPs on real databases: which address they get, what they stand for, and what is refused."""

from typing import Any

import pytest
from network_service import ADMIN, ANN, BOB, NOBODYS, Outside, Service, addresses, refused

from evener.resources import errors, wire
from evener.store.rows import ListQuery
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet


class Inside:
    """A subnet behind a router with a gateway outside."""

    def __init__(self, service: Service, cidr: str = "10.0.0.0/24", outside: Outside | None = None) -> None:
        self.service = service
        self.outside = outside or Outside(service)
        self.router = service.create(Router, external_gateway_info={"network_id": self.outside.network.id})
        self.subnet = service.subnet(cidr)
        service.network.add_interface(ANN, self.router.id, self.subnet.id, None)

    def floating(self, caller: Any = ANN, **values: Any) -> Any:
        network_id = self.outside.network.id
        return self.service.create(FloatingIP, caller, floating_network_id=network_id, **values)


@pytest.fixture
def inside(service: Service) -> Inside:
    return Inside(service)


def bad(service: Service, why: str) -> Any:
    return refused(service, errors.InvalidInput, "BadRequest", f"Bad floatingip request: {why}.")


def test_a_floating_ip_reads_as_neutron_s(service: Service, inside: Inside) -> None:
    vip = service.loadbalancer(inside.subnet)
    made = inside.floating(port_id=vip.port_id, description="web")
    port = service.network.show(ANN, Port, vip.port_id)
    shown = {
        "id": made.id,
        "project_id": "ann",
        "tenant_id": "ann",
        "description": "web",
        "floating_network_id": inside.outside.network.id,
        "floating_ip_address": "198.51.100.11",
        "port_id": vip.port_id,
        "fixed_ip_address": "10.0.0.2",
        "router_id": inside.router.id,
        "status": "ACTIVE",
        "tags": [],
        "port_details": {
            "name": f"loadbalancer-{port.device_id}",
            "network_id": inside.subnet.network_id,
            "mac_address": port.mac_address,
            "admin_state_up": True,
            "status": "ACTIVE",
            "device_id": port.device_id,
            "device_owner": "neutron:LOADBALANCERV2",
        },
    }
    assert wire.to_wire(service.show(made)) == shown
    left = wire.to_wire(service.update(made, port_id=None))
    nothing = {"port_id": None, "fixed_ip_address": None, "router_id": None, "port_details": None}
    assert left == {**shown, **nothing, "status": "DOWN"}
    for wish in ({"port_id": vip.port_id}, {"port_id": vip.port_id, "fixed_ip_address": "10.0.0.2"}):
        assert wire.to_wire(service.update(made, **wish)) == shown
    assert service.update(made, description="").port_id == vip.port_id


def test_a_floating_ip_has_nobody_s_port_outside(service: Service, inside: Inside) -> None:
    made = inside.floating()
    port = service.network.list(ADMIN, Port, ListQuery({"device_owner": ["network:floatingip"]}))[0]
    assert (port.device_id, port.project_id, addresses(port)) == (made.id, "", ["198.51.100.11"])
    assert port.id not in service.ids(Port)
    service.delete(made)
    assert port.id not in service.ids(Port, ADMIN)
    assert inside.floating().floating_ip_address == "198.51.100.11", "its address is free again"


def test_the_address_outside_is_wished_or_any_of_ipv4(service: Service) -> None:
    net = Outside(service)
    given = {"network_id": net.network.id, "ip_version": 4}
    block = service.create(Subnet, ADMIN, **given, cidr="10.99.0.0/24")
    six = service.create(Subnet, ADMIN, **{**given, "cidr": "2001:db8::/64", "ip_version": 6})
    for wish, address in (
        ({}, "198.51.100.10"),
        ({"subnet_id": block.id}, "10.99.0.2"),
        ({"floating_ip_address": "198.51.100.200"}, "198.51.100.200"),
        ({"floating_ip_address": "10.99.0.9", "subnet_id": block.id}, "10.99.0.9"),
    ):
        made = service.create(FloatingIP, ADMIN, floating_network_id=net.network.id, **wish)
        assert made.floating_ip_address == address
    exhausted = f"Unable to find any IP address on external network {net.network.id}."
    taken = f"Unable to complete operation for network {net.network.id}. The IP address 10.99.0.9 is in use."
    cases: tuple[tuple[dict[str, str], type[errors.EvenerError], str, str], ...] = (
        (
            {"floating_ip_address": "2001:db8::9"},
            errors.InvalidInput,
            "ExternalIpAddressExhausted",
            exhausted,
        ),
        ({"subnet_id": six.id}, errors.InvalidInput, "ExternalIpAddressExhausted", exhausted),
        ({"floating_ip_address": "10.99.0.9"}, errors.InUse, "IpAddressInUse", taken),
        (
            {"floating_ip_address": "198.51.100.201", "subnet_id": block.id},
            errors.InvalidInput,
            "InvalidIpForSubnet",
            "IP address 198.51.100.201 is not a valid IP for the specified subnet.",
        ),
    )
    for wish, kind, name, message in cases:
        with refused(service, kind, name, message):
            service.create(FloatingIP, ADMIN, floating_network_id=net.network.id, **wish)


def test_a_floating_ip_needs_an_external_network_of_ipv4(service: Service) -> None:
    own, theirs = service.create(Network), service.create(Network, BOB)
    six = service.create(Network, ADMIN, router__external=True)
    service.create(Subnet, ADMIN, network_id=six.id, cidr="2001:db8::/64", ip_version=6)
    with bad(service, f"Network {own.id} is not a valid external network"):
        service.create(FloatingIP, floating_network_id=own.id)
    with bad(service, f"Network {six.id} does not contain any IPv4 subnet"):
        service.create(FloatingIP, floating_network_id=six.id)
    for network_id in (theirs.id, NOBODYS):
        message = f"Network {network_id} could not be found."
        with refused(service, errors.NotFound, "NetworkNotFound", message):
            service.create(FloatingIP, floating_network_id=network_id)


def test_the_router_is_the_one_that_leads_from_the_subnet_to_the_network(service: Service) -> None:
    first = Inside(service)
    other = Outside(service, "198.51.99.0/24")
    second = service.create(Router, external_gateway_info={"network_id": first.outside.network.id})
    port = service.port(first.subnet, "10.0.0.254")
    service.network.add_interface(ANN, second.id, None, port.id)
    web = service.port(first.subnet)
    assert first.floating(port_id=web.id).router_id == first.router.id, "which is the subnet's gateway"
    message = (
        f"External network {other.network.id} is not reachable from subnet {first.subnet.id}.  Therefore, cannot "
        f"associate Port {web.id} with a Floating IP."
    )
    with refused(service, errors.NotFound, "ExternalGatewayForFloatingIPNotFound", message):
        service.create(FloatingIP, floating_network_id=other.network.id, port_id=web.id)
    service.update(second, external_gateway_info={"network_id": other.network.id})
    made = service.create(FloatingIP, floating_network_id=other.network.id, port_id=web.id)
    assert made.router_id == second.id


def test_no_guest_s_router_leads_to_another_guest_s_port(service: Service) -> None:
    outside = Outside(service)
    network = service.create(Network, ADMIN, shared=True)
    subnet = service.create(Subnet, ADMIN, network_id=network.id, cidr="10.0.0.0/24", ip_version=4)
    gateway = {"network_id": outside.network.id}
    routers = {who: service.create(Router, who, external_gateway_info=gateway) for who in (BOB, ANN, ADMIN)}
    web = service.port(subnet)
    fixed = [{"subnet_id": subnet.id}]
    reached = []
    for who, router in routers.items():
        port = service.create(Port, who, network_id=network.id, fixed_ips=fixed)
        service.network.add_interface(who, router.id, None, port.id)
        try:
            made = service.create(FloatingIP, floating_network_id=outside.network.id, port_id=web.id)
        except errors.NotFound:
            reached.append(None)
        else:
            reached.append(made.router_id)
            service.delete(made)
    assert reached == [None, routers[ANN].id, min(routers[ANN].id, routers[ADMIN].id)]
    own = service.create(Router, ADMIN, external_gateway_info=gateway)
    service.network.add_interface(ADMIN, own.id, subnet.id, None)
    made = service.create(FloatingIP, floating_network_id=outside.network.id, port_id=web.id)
    assert made.router_id == own.id, "the gateway of the subnet"


def test_an_address_inside_has_one_floating_ip_of_a_network(service: Service, inside: Inside) -> None:
    web = service.port(inside.subnet)
    first, second = inside.floating(port_id=web.id), inside.floating()
    message = (
        f"Cannot associate floating IP {second.floating_ip_address} ({second.id}) with port {web.id} using fixed "
        f"IP 10.0.0.2, as that fixed IP already has a floating IP on external network {inside.outside.network.id}."
    )
    with refused(service, errors.InUse, "FloatingIPPortAlreadyAssociated", message):
        service.update(second, port_id=web.id)
    assert service.update(first, port_id=web.id).status == "ACTIVE", "it may be told again"
    service.update(first, port_id=service.port(inside.subnet).id)
    assert service.update(second, port_id=web.id).fixed_ip_address == "10.0.0.2"


def test_a_port_with_several_addresses_needs_one_named(service: Service, inside: Inside) -> None:
    wish = [{"ip_address": "10.0.0.7"}, {"ip_address": "10.0.0.8"}]
    port = service.create(Port, network_id=inside.subnet.network_id, fixed_ips=wish)
    with bad(
        service,
        f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning "
        "a floating IP",
    ):
        inside.floating(port_id=port.id)
    with bad(service, f"Port {port.id} does not have fixed ip 10.0.0.9"):
        inside.floating(port_id=port.id, fixed_ip_address="10.0.0.9")
    two = [inside.floating(port_id=port.id, fixed_ip_address=f"10.0.0.{host}") for host in (7, 8)]
    assert [made.fixed_ip_address for made in two] == ["10.0.0.7", "10.0.0.8"]
    for why, wish in (
        ("fixed_ip_address cannot be specified without a port_id", {"fixed_ip_address": "10.0.0.7"}),
        (
            "Cannot process floating IP association with 2001:db8::9, since that is not an IPv4 address",
            {"fixed_ip_address": "2001:db8::9", "port_id": port.id},
        ),
    ):
        with bad(service, why):
            inside.floating(**wish)


def test_ports_that_cannot_have_a_floating_ip_are_refused(service: Service, inside: Inside) -> None:
    bare = service.create(Port, network_id=inside.subnet.network_id, fixed_ips=[])
    with bad(service, f"Cannot add floating IP to port {bare.id} that has no fixed IPv4 addresses"):
        inside.floating(port_id=bare.id)
    interface = service.network.list(ANN, Port, ListQuery({"device_id": [inside.router.id]}))[0]
    with bad(service, f"Port {interface.id} is unable to be assigned a floating IP"):
        inside.floating(port_id=interface.id)
    service.network.update(ADMIN, Network, inside.subnet.network_id, {"shared": True})
    theirs = service.create(Port, BOB, network_id=inside.subnet.network_id)
    with bad(
        service,
        f"Cannot process floating IP association with Port {theirs.id}, since that port is owned by a different "
        "project",
    ):
        inside.floating(port_id=theirs.id)
    for port_id in (service.create(Port, BOB, network_id=service.create(Network, BOB).id).id, NOBODYS):
        message = f"Port {port_id} could not be found."
        with refused(service, errors.NotFound, "PortNotFound", message):
            inside.floating(port_id=port_id)


def test_what_a_floating_ip_stands_for_goes_without_it(service: Service, inside: Inside) -> None:
    port, vip = service.port(inside.subnet), service.loadbalancer(inside.subnet)
    made = [inside.floating(port_id=port_id) for port_id in (port.id, vip.port_id)]
    message = (
        f"Bad port request: Cannot update the fixed_ips of the port {port.id}, because its original fixed_ip has "
        "been associated to a floating ip."
    )
    with refused(service, errors.InvalidInput, "BadRequest", message):
        service.update(port, fixed_ips=[{"ip_address": "10.0.0.77"}])
    wish = [{"ip_address": addresses(port)[0]}, {"ip_address": "10.0.0.77"}]
    assert len(addresses(service.update(port, fixed_ips=wish))) == 2
    service.delete(port)
    service.release(vip)
    for floating in made:
        shown = service.show(floating)
        assert (shown.port_id, shown.router_id, shown.fixed_ip_address, shown.status) == (
            None,
            None,
            None,
            "DOWN",
        )


def test_another_project_s_floating_ip_keeps_a_port(service: Service, inside: Inside) -> None:
    port = service.port(inside.subnet)
    inside.floating(ADMIN, port_id=port.id)
    unable = f"Unable to complete the operation on port {port.id}"
    message = f"{unable} because the port still has an associated floating IP."
    with refused(service, errors.InUse, "FipAssociated", message):
        service.delete(port)
    service.delete(port, ADMIN)


def test_another_project_s_floating_ip_does_not_exist(service: Service, inside: Inside) -> None:
    made = inside.floating()
    for attempt in (
        lambda: service.show(made, BOB),
        lambda: service.update(made, BOB, port_id=None),
        lambda: service.delete(made, BOB),
    ):
        message = f"Floating IP {made.id} could not be found"
        with refused(service, errors.NotFound, "FloatingIPNotFound", message):
            attempt()
    assert service.ids(FloatingIP, BOB) == set()


def test_floating_ips_are_found_by_what_they_stand_for(service: Service, inside: Inside) -> None:
    port = service.port(inside.subnet)
    one, two = inside.floating(port_id=port.id), inside.floating()
    for name, value, found in (
        ("port_id", port.id, {one.id}),
        ("fixed_ip_address", "10.0.0.2", {one.id}),
        ("router_id", inside.router.id, {one.id}),
        ("status", "DOWN", {two.id}),
        ("floating_ip_address", two.floating_ip_address, {two.id}),
        ("floating_network_id", inside.outside.network.id, {one.id, two.id}),
    ):
        assert service.ids(FloatingIP, **{name: [value]}) == found, name
    page = service.network.list(ANN, FloatingIP, ListQuery(sort=(("floating_ip_address", False),), limit=1))
    assert [each.id for each in page] == [two.id]
