"""The builtin network service on real databases: what it allocates, refuses and shows."""

import uuid

import pytest
from network_service import ANN, EVERYTHING, Service, addresses, refused, statements

from evener.resources import errors, wire
from evener.services.network import NoFreeAddress
from evener.store import rows
from evener.store.database import Database
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.subnet import Subnet


def test_a_network_with_a_subnet_and_a_port_reads_as_it_was_written(service: Service) -> None:
    network = service.create(Network, name="net", mtu=9000)
    subnet = service.subnet(
        network=network,
        cidr="10.0.0.9/24",
        name="sub",
        dns_nameservers=["10.0.0.2"],
        host_routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"}],
    )
    port = service.port(subnet, "10.0.0.7", name="port", mac_address="FA:16:3E:00:00:01", device_id="d")
    assert wire.to_wire(service.show(network)) == {
        "id": network.id,
        "project_id": "ann",
        "tenant_id": "ann",
        "name": "net",
        "description": "",
        "admin_state_up": True,
        "status": "ACTIVE",
        "mtu": 9000,
        "shared": False,
        "router:external": False,
        "provider:network_type": "local",
        "provider:physical_network": None,
        "provider:segmentation_id": None,
        "subnets": [subnet.id],
        "tags": [],
    }
    shown = wire.to_wire(service.show(subnet))
    assert shown["cidr"] == "10.0.0.0/24"
    assert shown["gateway_ip"] == "10.0.0.1"
    assert shown["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert shown["host_routes"] == [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"}]
    shown = wire.to_wire(service.show(port))
    assert shown["fixed_ips"] == [{"subnet_id": subnet.id, "ip_address": "10.0.0.7"}]
    assert (shown["mac_address"], shown["status"]) == ("fa:16:3e:00:00:01", "ACTIVE")


def test_addresses_are_given_from_the_pools_in_order_and_again_when_free(service: Service) -> None:
    pools = [{"start": "10.0.0.20", "end": "10.0.0.21"}, {"start": "10.0.0.10", "end": "10.0.0.11"}]
    subnet = service.subnet(allocation_pools=pools)
    made = [service.port(subnet) for _ in range(4)]
    assert [addresses(port)[0] for port in made] == ["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.21"]
    with refused(
        service,
        NoFreeAddress,
        "IpAddressGenerationFailure",
        f"No more IP addresses available on network {subnet.network_id}.",
    ):
        service.port(subnet)
    service.delete(made[1])
    assert addresses(service.port(subnet)) == ["10.0.0.11"]


def test_a_port_gets_an_address_of_each_ip_version_unless_it_asks_otherwise(service: Service) -> None:
    network = service.create(Network)
    tiny = service.subnet("10.0.0.0/30", network)
    service.subnet("10.1.0.0/24", network)
    service.subnet("2001:db8::/64", network)
    first, second = (service.create(Port, network_id=network.id) for _ in range(2))
    assert addresses(first) == ["10.0.0.2", "2001:db8::2"]
    assert addresses(second) == ["10.1.0.2", "2001:db8::3"], "the first subnet is full"
    assert addresses(service.create(Port, network_id=network.id, fixed_ips=[])) == []
    wish = [{"ip_address": "10.1.0.9"}, {"subnet_id": tiny.id, "ip_address": "10.0.0.1"}]
    assert addresses(service.create(Port, network_id=network.id, fixed_ips=wish)) == ["10.1.0.9", "10.0.0.1"]


def test_a_wish_for_any_address_leaves_those_named_beside_it(service: Service) -> None:
    subnet = service.subnet()
    wish = [{"subnet_id": subnet.id}, {"ip_address": "10.0.0.2"}, {"subnet_id": subnet.id}]
    port = service.create(Port, network_id=subnet.network_id, fixed_ips=wish)
    assert addresses(port) == ["10.0.0.3", "10.0.0.2", "10.0.0.4"]


def test_changing_the_addresses_of_a_port_keeps_what_is_still_wished(service: Service) -> None:
    subnet = service.subnet()
    port = service.port(subnet, "10.0.0.50")
    kept = service.update(port, fixed_ips=[{"subnet_id": subnet.id}, {"ip_address": "10.0.0.60"}])
    assert sorted(addresses(kept)) == ["10.0.0.50", "10.0.0.60"]
    assert addresses(service.update(port, fixed_ips=[{"ip_address": "10.0.0.60"}])) == ["10.0.0.60"]
    assert addresses(service.port(subnet, "10.0.0.50")) == ["10.0.0.50"], "it was freed"
    assert addresses(service.update(port, fixed_ips=[])) == []
    assert service.update(port, admin_state_up=False).status == "DOWN"


def test_addresses_in_use_stay_when_gateway_and_pools_change(service: Service) -> None:
    subnet = service.subnet()
    port = service.port(subnet, "10.0.0.200")
    changed = service.update(
        subnet, gateway_ip="10.0.0.254", allocation_pools=[{"start": "10.0.0.5", "end": "10.0.0.6"}]
    )
    assert changed.gateway_ip == "10.0.0.254"
    assert addresses(service.show(port)) == ["10.0.0.200"]
    assert addresses(service.port(subnet)) == ["10.0.0.5"]
    assert service.update(subnet, gateway_ip=None).gateway_ip is None


def test_taken_addresses_are_refused(service: Service) -> None:
    subnet = service.subnet()
    network_id = subnet.network_id
    service.port(subnet, "10.0.0.9", mac_address="fa:16:3e:00:00:01")
    unable = f"Unable to complete operation for network {network_id}."
    with refused(service, errors.InUse, "IpAddressInUse", f"{unable} The IP address 10.0.0.9 is in use."):
        service.port(subnet, "10.0.0.9")
    other = service.port(subnet)
    with refused(service, errors.InUse, "IpAddressInUse", f"{unable} The IP address 10.0.0.9 is in use."):
        service.update(other, fixed_ips=[{"ip_address": "10.0.0.9"}])
    with refused(
        service, errors.InUse, "MacAddressInUse", f"{unable} The mac address fa:16:3e:00:00:01 is in use."
    ):
        service.port(subnet, mac_address="FA:16:3E:00:00:01")


def test_impossible_addresses_are_refused(service: Service) -> None:
    subnet = service.subnet()
    network_id = subnet.network_id
    port = service.port(subnet)
    for address in ("10.0.1.1", "10.0.0.0", "10.0.0.255", "2001:db8::1"):
        with refused(
            service,
            errors.InvalidInput,
            "InvalidIpForSubnet",
            f"IP address {address} is not a valid IP for the specified subnet.",
        ):
            service.port(subnet, address)
        with refused(
            service,
            errors.InvalidInput,
            "InvalidIpForNetwork",
            f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
        ):
            service.create(Port, network_id=network_id, fixed_ips=[{"ip_address": address}])
    elsewhere = service.subnet("10.7.0.0/24")
    with refused(
        service,
        errors.InvalidInput,
        "InvalidInput",
        f"Invalid input for operation: Failed to create port on network {network_id}, because fixed_ips "
        f"included invalid subnet {elsewhere.id}.",
    ):
        service.create(Port, network_id=network_id, fixed_ips=[{"subnet_id": elsewhere.id}])
    with refused(
        service,
        errors.InvalidInput,
        "InvalidInput",
        "Invalid input for operation: IP allocation requires subnet_id or ip_address.",
    ):
        service.create(Port, network_id=network_id, fixed_ips=[{}])
    twice = [{"ip_address": "10.0.0.77"}] * 2
    with refused(
        service,
        errors.InvalidInput,
        "HTTPBadRequest",
        "Invalid input for fixed_ips. Reason: Duplicate IP address '10.0.0.77'.",
    ):
        service.create(Port, network_id=network_id, fixed_ips=twice)
    group = str(uuid.uuid4())
    with refused(service, errors.NotFound, "SecurityGroupNotFound", f"Security group {group} does not exist"):
        service.update(port, security_groups=[group])


def test_subnets_of_one_network_do_not_overlap(service: Service) -> None:
    network = service.create(Network)
    subnet = service.subnet("10.0.0.0/24", network)
    with refused(
        service,
        errors.InvalidInput,
        "InvalidInput",
        f"Invalid input for operation: Requested subnet with cidr: 10.0.0.128/25 for network: {network.id} "
        "overlaps with another subnet.",
    ):
        service.subnet("10.0.0.128/25", network)
    assert service.subnet("10.0.0.0/24").cidr == subnet.cidr, "another network may have the same block"


def test_a_gateway_does_not_move_into_a_pool(service: Service) -> None:
    subnet = service.subnet()
    with refused(
        service,
        errors.InUse,
        "GatewayConflictWithAllocationPools",
        "Gateway ip 10.0.0.9 conflicts with allocation pool 10.0.0.2-10.0.0.254.",
    ):
        service.update(subnet, gateway_ip="10.0.0.9")


def test_what_is_used_cannot_go(service: Service) -> None:
    subnet = service.subnet()
    network = service.network.show(ANN, Network, subnet.network_id)
    port = service.port(subnet)
    with refused(
        service,
        errors.InUse,
        "NetworkInUse",
        f"Unable to complete operation on network {network.id}. "
        "There are one or more ports still in use on the network.",
    ):
        service.delete(network)
    with refused(
        service,
        errors.InUse,
        "SubnetInUse",
        f"Unable to complete operation on subnet {subnet.id}: "
        "One or more ports have an IP allocation from this subnet.",
    ):
        service.delete(subnet)
    service.delete(port)
    service.delete(network)
    assert service.contents()[:6] == [[]] * 6, "the subnet went with its network"


def test_ipv6_needs_packets_of_1280_bytes(service: Service) -> None:
    network = service.create(Network, mtu=1279)
    message = f"MTU of {network.id} is not valid, subnet requires a minimum of 1280"
    with refused(service, errors.Conflict, "NetworkMTUSubnetConflict", message):
        service.subnet("2001:db8::/64", network)
    service.update(network, mtu=1280)
    service.subnet("2001:db8::/64", network)
    with refused(service, errors.Conflict, "NetworkMTUSubnetConflict", message):
        service.update(network, mtu=1279)


def test_ports_are_found_by_address_and_subnet(service: Service) -> None:
    subnet = service.subnet()
    one, two = service.port(subnet, "10.0.0.9"), service.port(subnet, "10.0.0.10")
    assert service.ids(Port, fixed_ips=["ip_address=10.0.0.9"]) == {one.id}
    assert service.ids(Port, fixed_ips=[f"subnet_id={subnet.id}"]) == {one.id, two.id}
    assert service.ids(Port, fixed_ips=[f"subnet_id={subnet.id}", "ip_address=10.0.0.10"]) == {two.id}
    assert service.ids(Port, fixed_ips=["ip_address=10.0.0.9"], name=["x"]) == set()
    for name, values in (("fixed_ips", ["x=y"]), ("allowed_address_pairs", ["x"]), ("created_at", ["1"])):
        with pytest.raises(errors.InvalidInput):
            service.ids(Port, **{name: values})
    page = service.network.list(ANN, Port, rows.ListQuery(sort=(("mac_address", True),), limit=1))
    assert len(page) == 1
    assert len(page[0].fixed_ips) == 1


def test_a_list_costs_the_same_number_of_statements_whatever_its_length(service: Service) -> None:
    counts = []
    for _ in range(2):
        subnet = service.subnet()
        for _ in range(5):
            service.port(subnet)
        with statements(service.database) as sent:
            for cls in (Network, Subnet, Port):
                service.network.list(ANN, cls, EVERYTHING)
        counts.append(len([one for one in sent if one.startswith("SELECT")]))
    assert counts[0] == counts[1] == 6


def test_each_of_these_tests_runs_on_the_database_that_it_names(
    database: Database, request: pytest.FixtureRequest
) -> None:
    name = {"mysql": "mariadb"}.get(database.engine.dialect.name, database.engine.dialect.name)
    assert f"[{name}]" in request.node.name
    if name == "mariadb":
        with database.engine.connect() as connection:
            assert connection.dialect.is_mariadb  # type: ignore[attr-defined]
