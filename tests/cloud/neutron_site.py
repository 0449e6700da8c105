"""What the tests of Evener's network service in a real Neutron share: that service, and what it asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from cloud.conftest import Tenant
from evener.services.neutron import NeutronNetwork
from evener.services.neutron_api import Neutron
from evener.services.sessions import Service


class Counted(Neutron):
    """A Neutron that counts what it is asked."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.asked: list[str] = []

    def _call(self, method: str, path: str, token: str | None, **more: Any) -> Any:
        self.asked.append(f"{method} {path}")
        return super()._call(method, path, token, **more)


@contextmanager
def balancer(network: NeutronNetwork, tenant: Tenant, address: str | None = None) -> Iterator[Any]:
    """Yield the id of a load balancer and what was reserved for it."""
    loadbalancer_id = str(uuid4())
    try:
        subnets = [tenant.subnet_id]
        yield (
            loadbalancer_id,
            network.reserve_vip_port(tenant.caller, loadbalancer_id, tenant.project_id, subnets, address),
        )
    finally:
        network.release_vip_port(loadbalancer_id)
