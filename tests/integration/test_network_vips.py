"""What the builtin network service does for control: the ports of load balancers."""

import uuid

import pytest
from network_service import ANN, NOBODYS, Service, addresses, refused

from evener.resources import errors
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from lbaas_names import type_name


def test_the_port_of_a_load_balancer_goes_and_changes_with_it_only(service: Service) -> None:
    subnet = service.subnet()
    vip = service.loadbalancer(subnet, "10.0.0.9")
    port = service.network.show(ANN, Port, vip.port_id)
    assert (port.device_owner, addresses(port)) == ("neutron:LOADBALANCERV2", ["10.0.0.9"])
    reason = "has device owner neutron:LOADBALANCERV2."
    with refused(
        service,
        errors.InUse,
        "ServicePortInUse",
        f"Port {port.id} cannot be deleted directly via the port API: {reason}",
    ):
        service.delete(port)
    for values in ({"fixed_ips": []}, {"device_owner": ""}, {"device_id": ""}, {"admin_state_up": False}):
        before = service.contents()
        with pytest.raises(errors.InUse) as caught:
            service.update(port, **values)
        assert type_name(caught.value) == "ServicePortInUse"
        assert service.contents() == before
    same = service.update(port, name="new", fixed_ips=[{"ip_address": "10.0.0.9"}], device_id=port.device_id)
    assert (same.name, addresses(same)) == ("new", ["10.0.0.9"])
    for _ in range(2):
        service.release(vip)
    assert service.ids(Port) == set()
    assert addresses(service.port(subnet, "10.0.0.9")) == ["10.0.0.9"]


def test_a_user_s_port_survives_a_load_balancer_that_names_it(service: Service) -> None:
    balancer_id = str(uuid.uuid4())
    port = service.port(service.subnet(), device_id=balancer_id, device_owner="neutron:LOADBALANCERV2")
    assert service.network.reserved() == frozenset()
    service.network.release_vip_port(balancer_id)
    assert service.show(port) == port
    service.delete(port)


def test_a_vip_is_refused_like_any_address(service: Service) -> None:
    subnet = service.subnet()
    service.port(subnet, "10.0.0.9")
    unable = f"Unable to complete operation for network {subnet.network_id}."
    with refused(service, errors.InUse, "IpAddressInUse", f"{unable} The IP address 10.0.0.9 is in use."):
        service.loadbalancer(subnet, "10.0.0.9")
    with refused(
        service,
        errors.InvalidInput,
        "InvalidIpForSubnet",
        "IP address 10.0.1.9 is not a valid IP for the specified subnet.",
    ):
        service.loadbalancer(subnet, "10.0.1.9")
    with refused(service, errors.NotFound, "SubnetNotFound", f"Subnet {subnet.id} could not be found."):
        service.loadbalancer(subnet, project="bob")
    assert service.loadbalancer(subnet, project=None).address == "10.0.0.2", "an administrator's"


def test_an_interface_driver_is_told_what_it_needs(service: Service) -> None:
    network = service.create(Network, mtu=1400)
    routes = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"}]
    subnet = service.subnet("10.0.0.0/24", network, host_routes=routes)
    vip = service.loadbalancer(subnet, "10.0.0.9")
    port = service.network.show(ANN, Port, vip.port_id)
    told = service.network.vip_port(vip.port_id, "host")
    assert told is not None
    assert told.security is None
    assert told.wiring.model_dump() == {
        "id": vip.port_id,
        "network_id": network.id,
        "physical_network": None,
        "mac_address": port.mac_address,
        "mtu": 1400,
        "prefix": "ns-",
        "wired_elsewhere": False,
        "moving": (),
        "fixed_ips": (
            {
                "address": "10.0.0.9",
                "prefix_length": 24,
                "gateway": "10.0.0.1",
                "routes": ({"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"},),
            },
        ),
    }
    assert service.network.vip_port(NOBODYS, "host") is None
    info = service.network.subnet(ANN, subnet.id)
    assert (info.network_id, info.cidr, info.ip_version) == (network.id, "10.0.0.0/24", 4)
    assert [(spec.id, spec.mtu) for spec in service.network.realised_networks()] == [(network.id, 1400)]


def test_the_agents_of_load_balancers_hear_of_what_their_port_stands_on(service: Service) -> None:
    subnet, other = service.subnet(), service.subnet("10.7.0.0/24")
    balancers = {service.balancer_of(service.loadbalancer(subnet)) for _ in range(3)}
    service.loadbalancer(other)
    network = service.network.show(ANN, Network, subnet.network_id)
    routes = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"}]
    for found, values in (
        (network, {"mtu": 1400}),
        (subnet, {"host_routes": routes}),
        (subnet, {"gateway_ip": None}),
        (subnet, {"gateway_ip": "10.0.0.1"}),
        (subnet, {"host_routes": []}),
    ):
        service.told.clear()
        service.update(found, **values)
        assert sorted(service.told) == sorted(balancers), values
        service.told.clear()
        service.update(found, **values)
        service.update(found, name="nothing of a port")
        assert service.told == []


def test_agents_hear_of_changed_networks_after_the_commit_only(service: Service) -> None:
    network = service.create(Network)
    assert len(service.changes) == 1
    subnet = service.subnet(network=network)
    assert len(service.changes) == 1
    service.update(subnet, gateway_ip=None)
    assert service.changes.pop(), "routers may lead over it"
    service.update(network, mtu=1400)
    assert len(service.changes) == 2
    port = service.create(Port, network_id=network.id)
    with pytest.raises(errors.InUse):
        service.delete(network)
    assert len(service.changes) == 2
    service.delete(port)
    service.delete(network)
    assert len(service.changes) == 3
