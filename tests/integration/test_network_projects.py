"""Whose networks, subnets and ports a project sees, uses and changes."""

import pytest
from network_service import ADMIN, ANN, BOB, NOBODYS, Service, refused

from evener.resources import errors
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet


def test_another_project_s_objects_are_not_found(service: Service) -> None:
    subnet = service.subnet()
    network = service.network.show(ANN, Network, subnet.network_id)
    port = service.port(subnet)
    for found in (network, subnet, port):
        kind = type(found).__name__
        for attempt in (
            lambda found=found: service.show(found, BOB),
            lambda found=found: service.update(found, BOB, name="x"),
            lambda found=found: service.delete(found, BOB),
        ):
            with refused(
                service, errors.NotFound, f"{kind}NotFound", f"{kind} {found.id} could not be found."
            ):
                attempt()
        assert service.ids(type(found), BOB) == set()
        assert service.ids(type(found)) == service.ids(type(found), ADMIN) == {found.id}
    missing = f"Network {network.id} could not be found."
    with refused(service, errors.NotFound, "NetworkNotFound", missing):
        service.create(Port, BOB, network_id=network.id)
    with refused(service, errors.NotFound, "NetworkNotFound", missing):
        service.create(Subnet, BOB, network_id=network.id, cidr="10.5.0.0/24", ip_version=4)


def test_an_id_that_no_database_takes_is_not_found(service: Service) -> None:
    for odd in ("", "x", "\x00", "\ud800", "é" * 300):
        for cls in (Network, Subnet, Port, Router, FloatingIP):
            with pytest.raises(errors.NotFound):
                service.network.show(ANN, cls, odd)
            with pytest.raises(errors.NotFound):
                service.network.update(ANN, cls, odd, {})
            with pytest.raises(errors.NotFound):
                service.network.delete(ANN, cls, odd)
        with pytest.raises(errors.NotFound):
            service.network.add_interface(ANN, odd, NOBODYS, None)


def test_a_shared_network_is_used_by_all_and_changed_by_its_owner(service: Service) -> None:
    network = service.create(Network, ADMIN, shared=True, name="common")
    subnet = service.create(Subnet, ADMIN, network_id=network.id, cidr="10.0.0.0/24", ip_version=4)
    assert service.ids(Network, ANN) == {network.id}
    assert service.ids(Subnet, ANN) == {subnet.id}
    port = service.create(Port, ANN, network_id=network.id)
    assert service.ids(Port, BOB) == set()
    for found in (network, subnet):
        kind = type(found).KIND
        for verb, attempt in (
            ("update", lambda found=found: service.update(found, ANN, name="x")),
            ("delete", lambda found=found: service.delete(found, ANN)),
        ):
            with refused(
                service,
                errors.Forbidden,
                "PolicyNotAuthorized",
                f"rule:{verb}_{kind} is disallowed by policy",
            ):
                attempt()
    with refused(
        service, errors.Forbidden, "PolicyNotAuthorized", "rule:create_subnet is disallowed by policy"
    ):
        service.create(Subnet, ANN, network_id=network.id, cidr="10.5.0.0/24", ip_version=4)
    with refused(
        service,
        errors.Conflict,
        "InvalidSharedSetting",
        "Unable to reconfigure sharing settings for network common. Multiple tenants are using it.",
    ):
        service.update(network, ADMIN, shared=False)
    service.delete(port)
    assert service.update(network, ADMIN, shared=False).shared is False
    assert service.ids(Network, ANN) == set()


def test_an_external_network_is_seen_but_not_used(service: Service) -> None:
    network = service.create(Network, ADMIN, router__external=True)
    subnet = service.create(Subnet, ADMIN, network_id=network.id, cidr="10.0.0.0/24", ip_version=4)
    assert service.ids(Network, ANN, router_external=["true"]) == {network.id}
    assert service.ids(Network, ANN, router_external=["false"]) == set()
    assert service.ids(Subnet, ANN) == {subnet.id}
    for attempt in (
        lambda: service.create(Port, ANN, network_id=network.id),
        lambda: service.loadbalancer(subnet),
    ):
        with refused(
            service, errors.Forbidden, "PolicyNotAuthorized", "rule:create_port is disallowed by policy"
        ):
            attempt()
    assert service.loadbalancer(subnet, project=None).address == "10.0.0.2"


def test_only_an_administrator_makes_objects_for_another_project(service: Service) -> None:
    assert service.create(Network, ADMIN, tenant_id="ann").project_id == "ann"
    assert service.create(Network, ANN, project_id="ann").project_id == "ann"
    with refused(
        service,
        errors.Forbidden,
        "AdminRequired",
        "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
        "admin privileges",
    ):
        service.create(Network, ANN, project_id="bob")
