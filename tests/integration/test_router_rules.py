"""What is refused of routers and what they are attached to, in Neutron's words."""

from collections.abc import Callable
from typing import Any

import pytest
from network_service import ADMIN, ANN, BOB, NOBODYS, Outside, Service, refused

from evener.resources import errors, wire
from evener.store.rows import ListQuery
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import SERVICE_OWNERS, Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet
from lbaas_names import type_name

BAD = (errors.InvalidInput, "BadRequest")


def attach(service: Service, router: Any, subnet: Any = None, port: Any = None, caller: Any = ANN) -> Any:
    ids = (subnet and subnet.id, port and port.id)
    return service.network.add_interface(caller, router.id, *ids)


def detach(service: Service, router: Any, subnet: Any = None, port_id: str | None = None) -> Any:
    return service.network.remove_interface(ANN, router.id, subnet and subnet.id, port_id)


def bad(service: Service, why: str) -> Any:
    return refused(service, *BAD, f"Bad router request: {why}.")


def test_a_gateway_needs_an_external_network_that_the_caller_sees(service: Service) -> None:
    net, own, theirs = Outside(service), service.create(Network), service.create(Network, BOB)
    with bad(service, f"Network {own.id} is not an external network"):
        service.create(Router, external_gateway_info={"network_id": own.id})
    for network_id in (theirs.id, NOBODYS):
        message = f"Network {network_id} could not be found."
        with refused(service, errors.NotFound, "NetworkNotFound", message):
            service.create(Router, external_gateway_info={"network_id": network_id})
    wish = [{"ip_address": "198.51.100.1"}]
    info = {"network_id": net.network.id, "external_fixed_ips": wish}
    with bad(service, "External IP 198.51.100.1 is the same as the gateway IP"):
        service.create(Router, external_gateway_info=info)
    info["external_fixed_ips"] = [{"ip_address": "198.51.99.1"}]
    message = "IP address 198.51.99.1 is not a valid IP for any of the subnets on the specified network."
    with refused(service, errors.InvalidInput, "InvalidIpForNetwork", message):
        service.create(Router, external_gateway_info=info)


@pytest.mark.parametrize("inside_first", [True, False])
def test_no_two_subnets_of_a_router_overlap(service: Service, inside_first: bool) -> None:
    net, router = Outside(service), service.create(Router)
    inside = service.subnet("198.51.100.128/25")
    steps: list[tuple[Any, Callable[[], Any]]] = [
        (inside, lambda: attach(service, router, inside)),
        (
            net.subnet,
            lambda: service.update(router, external_gateway_info={"network_id": net.network.id}),
        ),
    ]
    (old, first), (new, second) = steps if inside_first else reversed(steps)
    first()
    with bad(service, f"Cidr {new.cidr} of subnet {new.id} overlaps with cidr {old.cidr} of subnet {old.id}"):
        second()


def test_a_router_is_on_a_subnet_once_and_no_other_has_its_addresses(service: Service) -> None:
    router, one, two = service.create(Router), service.subnet(), service.subnet("10.0.0.0/16")
    attach(service, router, one)
    port = service.port(one)
    for which in ((one, None), (None, port)):
        with bad(service, f"Router already has a port on subnet {one.id}"):
            attach(service, router, *which)
    overlap = f"Cidr {two.cidr} of subnet {two.id} overlaps with cidr {one.cidr} of subnet {one.id}"
    with bad(service, overlap):
        attach(service, router, two)
    other = service.create(Router)
    message = f"Unable to complete operation for network {one.network_id}. The IP address 10.0.0.1 is in use."
    with refused(service, errors.InUse, "IpAddressInUse", message):
        attach(service, other, one)


def test_an_interface_needs_a_gateway_address_or_a_fitting_port(service: Service) -> None:
    router, network = service.create(Router), service.create(Network)
    without = service.subnet(network=network, gateway_ip=None)
    with bad(service, "Subnet for router interface must have a gateway IP"):
        attach(service, router, without)
    other = service.subnet("10.7.0.0/24", network)
    wish = [{"subnet_id": without.id}, {"subnet_id": other.id}]
    for values, why in (
        ({"fixed_ips": []}, "Router port must have at least one fixed IP"),
        ({"fixed_ips": wish}, "Cannot have multiple IPv4 subnets on router port"),
    ):
        port = service.create(Port, network_id=network.id, **values)
        with bad(service, why):
            attach(service, router, port=port)
    port = service.port(without, device_id="web1")
    message = (
        f"Unable to complete operation on port {port.id} for network {network.id}. "
        "Port already has an attached device web1."
    )
    with refused(service, errors.InUse, "PortInUse", message):
        attach(service, router, port=port)


def test_a_router_has_one_port_of_ipv6_on_a_network(service: Service) -> None:
    router, network = service.create(Router), service.create(Network)
    one, two = (service.subnet(f"2001:db8:{number}::/64", network) for number in (1, 2))
    first = attach(service, router, one).port_id
    port = service.port(two)
    with bad(
        service,
        f"Router already contains IPv6 port {first} belonging to network id {network.id}. Only one IPv6 port "
        "from the same network subnet can be connected to a router",
    ):
        attach(service, router, port=port)
    announced = service.subnet("2001:db8:3::/64", ipv6_address_mode="slaac")
    with bad(
        service,
        f"IPv6 subnet {announced.id} configured to receive RAs from an external router cannot be added to "
        "Neutron Router",
    ):
        attach(service, router, announced)


def test_a_guest_on_a_shared_network_does_not_become_its_gateway(service: Service) -> None:
    network = service.create(Network, ADMIN, shared=True)
    subnet = service.create(Subnet, ADMIN, network_id=network.id, cidr="10.0.0.0/24", ip_version=4)
    router = service.create(Router)
    with bad(
        service,
        f"Cannot add interface to router because subnet {subnet.id} is not owned by project making the request",
    ):
        attach(service, router, subnet)
    fixed = [{"subnet_id": subnet.id, "ip_address": "10.0.0.1"}]
    port = service.create(Port, ADMIN, project_id="ann", network_id=network.id, fixed_ips=fixed)
    with bad(
        service,
        f"Cannot add interface to router because specified port {port.id} has an IP address out of the "
        f"allocation pool of subnet {subnet.id}, which is not owned by the project making the request",
    ):
        attach(service, router, port=port)
    guest = service.port(subnet, "10.0.0.50")
    assert attach(service, router, port=guest).subnet_ids == (subnet.id,)


def test_what_is_no_interface_is_not_removed(service: Service) -> None:
    router, one, two = service.create(Router), service.subnet(), service.subnet("10.7.0.0/24")
    port_id = attach(service, router, one).port_id
    stranger = service.port(two)
    message = f"Router {router.id} does not have an interface with id {stranger.id}"
    with refused(service, errors.NotFound, "RouterInterfaceNotFound", message):
        detach(service, router, port_id=stranger.id)
    message = f"Router {router.id} has no interface on subnet {two.id}"
    with refused(service, errors.NotFound, "RouterInterfaceNotFoundForSubnet", message):
        detach(service, router, two)
    message = f"Subnet on port {port_id} does not match the requested subnet {two.id}."
    with refused(service, errors.InvalidInput, "SubnetMismatchForPort", message):
        detach(service, router, two, port_id)


def test_what_a_router_or_a_floating_ip_needs_stays(service: Service) -> None:
    net, subnet = Outside(service), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    inside = service.network.show(ANN, Port, attach(service, router, subnet).port_id)
    floating = service.create(FloatingIP, floating_network_id=net.network.id, port_id=service.port(subnet).id)
    hop = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}

    message = f"Router {router.id} has ports still attached: {inside.id}"
    with refused(service, errors.InUse, "RouterInUse", message):
        service.delete(router)
    message = (
        f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
        f"{net.network.id} is required by one or more floating IPs."
    )
    for info in ({}, {"network_id": Outside(service, "198.51.99.0/24").network.id}):
        with refused(service, errors.InUse, "RouterExternalGatewayInUseByFloatingIp", message):
            service.update(router, external_gateway_info=info)
    needed = (
        f"Router interface for subnet {subnet.id} on router {router.id} cannot be deleted, as it is required by "
        "one or more "
    )
    for which in ((subnet, None), (None, inside.id)):
        with refused(service, errors.InUse, "RouterInterfaceInUseByFloatingIP", f"{needed}floating IPs."):
            detach(service, router, *which)
    service.delete(floating)
    service.update(router, routes=[hop])
    with refused(service, errors.InUse, "RouterInterfaceInUseByRoute", f"{needed}routes."):
        detach(service, router, subnet)
    service.update(router, routes=[])
    assert detach(service, router, subnet).port_id == inside.id


def test_networks_and_subnets_with_routers_on_them_stay_as_they_are(service: Service) -> None:
    net, subnet = Outside(service, shared=True), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    inside = attach(service, router, subnet).port_id
    message = f"Current gateway ip 10.0.0.1 already in use by port {inside}. Unable to update."
    with refused(service, errors.InUse, "GatewayIpInUse", message):
        service.update(subnet, gateway_ip=None)
    message = (
        f"External network {net.network.id} cannot be updated to be made non-external, since it has existing "
        "gateway ports."
    )
    with refused(service, errors.InUse, "ExternalNetworkInUse", message):
        service.network.update(ADMIN, Network, net.network.id, {"router_external": False})
    for found, caller, name in (
        (subnet, ANN, "SubnetInUse"),
        (net.subnet, ADMIN, "SubnetInUse"),
        (net.network, ADMIN, "NetworkInUse"),
    ):
        with pytest.raises(errors.InUse) as caught:
            service.delete(found, caller)
        assert type_name(caught.value) == name
    assert service.update(net.network, ADMIN, shared=False).shared is False, "a gateway is no guest"


def test_routers_ports_are_left_to_routers(service: Service) -> None:
    net, subnet = Outside(service), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    attach(service, router, subnet)
    service.create(FloatingIP, floating_network_id=net.network.id)
    ports = service.network.list(ADMIN, Port, ListQuery({"device_owner": sorted(SERVICE_OWNERS)}))
    assert len(ports) == 3
    for port in ports:
        message = f"Port {port.id} cannot be deleted directly via the port API: has device owner {port.device_owner}."
        with refused(service, errors.InUse, "ServicePortInUse", message):
            service.delete(port, ADMIN)
        for name, value in (("device_id", ""), ("device_owner", ""), ("fixed_ips", [])):
            message = (
                f"Port {port.id} cannot be changed directly via the port API: {name} of a port with device owner "
                f"{port.device_owner}."
            )
            with refused(service, errors.InUse, "ServicePortInUse", message):
                service.update(port, ADMIN, **{name: value})
        assert service.update(port, ADMIN, name="named").name == "named"
        message = (
            f"Invalid input for device_owner. Reason: '{port.device_owner}' is for ports that come with a router "
            "or a floating IP."
        )
        own = service.port(subnet)
        with refused(service, errors.InvalidInput, "InvalidInput", message):
            service.port(subnet, device_owner=port.device_owner, device_id=router.id)
        with refused(service, errors.InvalidInput, "InvalidInput", message):
            service.update(own, device_owner=port.device_owner)


def test_routes_lead_over_what_the_router_is_attached_to(service: Service) -> None:
    net, subnet = Outside(service), service.subnet()
    router = service.create(Router, external_gateway_info={"network_id": net.network.id})
    attach(service, router, subnet)
    for destination, nexthop, why in (
        ("10.9.0.0/16", "10.1.0.9", "the nexthop is not connected with router"),
        ("10.9.0.0/16", "10.0.0.1", "the nexthop is used by router"),
        ("2001:db8::/64", "10.0.0.9", "the nexthop and the destination differ in their IP version"),
    ):
        message = f"Invalid format for routes: {destination} via {nexthop}, {why}"
        with refused(service, errors.InvalidInput, "InvalidRoutes", message):
            service.update(router, routes=[{"destination": destination, "nexthop": nexthop}])
    outside = [{"destination": "10.9.0.0/16", "nexthop": "198.51.100.2"}]
    assert wire.to_wire(service.update(router, routes=outside))["routes"] == outside
    with pytest.raises(errors.InvalidInput) as caught:
        service.update(router, external_gateway_info={})
    assert type_name(caught.value) == "InvalidRoutes", "the route would lead nowhere"
    assert service.update(router, external_gateway_info={}, routes=None).routes == ()


def test_routes_are_added_and_removed_one_by_one(service: Service) -> None:
    router, subnet = service.create(Router), service.subnet()
    attach(service, router, subnet)

    def routes(*numbers: int) -> Any:
        given = [{"destination": f"10.{number}.0.0/16", "nexthop": "10.0.0.9"} for number in numbers]
        return wire.parse_update(Router, {"router": {"routes": given}})["routes"]

    service.network.add_routes(ANN, router.id, routes(1, 2))
    assert service.network.add_routes(ANN, router.id, routes(2, 3)).routes == routes(1, 2, 3)
    assert service.network.remove_routes(ANN, router.id, routes(2, 9)).routes == routes(1, 3)
    message = f"Unable to complete operation for {router.id}. The number of routes exceeds the maximum 30."
    with refused(service, errors.InvalidInput, "RoutesExhausted", message):
        service.network.add_routes(ANN, router.id, routes(*range(10, 39)))


def test_another_project_s_router_does_not_exist(service: Service) -> None:
    router, subnet = service.create(Router), service.subnet()
    hop = wire.parse_update(
        Router, {"router": {"routes": [{"destination": "10.1.0.0/16", "nexthop": "10.0.0.9"}]}}
    )["routes"]
    for attempt in (
        lambda: service.show(router, BOB),
        lambda: service.update(router, BOB, name="x"),
        lambda: service.delete(router, BOB),
        lambda: service.network.add_interface(BOB, router.id, subnet.id, None),
        lambda: service.network.remove_interface(BOB, router.id, subnet.id, None),
        lambda: service.network.add_routes(BOB, router.id, hop),
        lambda: service.network.remove_routes(BOB, router.id, hop),
    ):
        message = f"Router {router.id} could not be found"
        with refused(service, errors.NotFound, "RouterNotFound", message):
            attempt()
    assert service.ids(Router, BOB) == set()
    own = service.create(Router, BOB)
    for subnet_id, port_id, name in (
        (subnet.id, None, f"Subnet {subnet.id}"),
        (None, service.port(subnet).id, "Port"),
    ):
        with pytest.raises(errors.NotFound, match=name):
            service.network.add_interface(BOB, own.id, subnet_id, port_id)
