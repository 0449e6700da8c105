"""What the tests of Evener's network service in a real Neutron share: that service, and what it asked for."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from cloud.conftest import Tenant
from evener.host import netns
from evener.host.linuxbridge import LinuxBridgeDriver
from evener.services.neutron import NeutronNetwork
from evener.services.neutron_api import Neutron
from evener.services.sessions import Service
from waiting import eventually

AGENT_S = 60.0  # that Neutron's agent may take on a busy machine
Plug = Callable[[str], str]


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


@contextmanager
def plugging(network: NeutronNetwork, host: str) -> Iterator[Plug]:
    """Yield what plugs a port into a namespace of its own, whose name it returns."""
    driver, there = LinuxBridgeDriver(), []

    def plug(port_id: str) -> str:
        namespace = f"test-{port_id[:8]}"
        port = network.vip_port(port_id, host)
        assert port is not None
        there.append((namespace, port.wiring))
        netns.ensure(namespace)
        driver.plug(namespace, port.wiring)
        return namespace

    try:
        yield plug
    finally:
        for namespace, wiring in there:
            driver.unplug(namespace, wiring.id)
            netns.delete(namespace)


@contextmanager
def web_servers(namespace: str, *ports: int) -> Iterator[None]:
    """Have a web server at each of these ports of a namespace."""
    quiet, started = subprocess.DEVNULL, []
    try:
        for port in ports:
            words = ["ip", "netns", "exec", namespace, "python3", "-m", "http.server", str(port)]
            started.append(subprocess.Popen(words, stderr=quiet, stdout=quiet))
        yield
    finally:
        for each in started:
            each.terminate()
            each.wait()


def answered(namespace: str, address: str, port: int) -> bool:
    """Say whether a web server answers who asks from a namespace."""
    words = ["ip", "netns", "exec", namespace, "curl", "-s", "-m", "2", f"http://{address}:{port}/"]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def becomes(what: Callable[[], bool]) -> bool:
    """Wait until it is so, as long as Neutron's agent may take."""
    return bool(eventually(what, AGENT_S))
