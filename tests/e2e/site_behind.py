"""A load balancer behind a router of the API with a floating address, and who calls it from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from standalone import Balancer, Cloud, Host, Thing

from evener.host import netns
from waiting import eventually


@dataclass(frozen=True)
class Site:
    """The load balancer, its router, a host outside, and the floating address."""

    cloud: Cloud
    balancer: Balancer
    outside: Host
    router: Thing
    address: str

    @property
    def namespace(self) -> str:
        return f"qrouter-{self.router['id']}"

    def interface(self, prefix: str) -> str:
        with netns.inside(self.namespace):
            names = Path("/proc/thread-self/net/dev").read_text().replace(":", " ").split()
        return next(name for name in names if name.startswith(prefix))

    def answers(self) -> bool:
        return self.outside.answers(self.address)


@dataclass(frozen=True)
class Outside:
    """An external network with a host on it, and the router between it and the cloud's subnet."""

    network: Thing
    host: Host
    router: Thing


@contextmanager
def with_an_outside(cloud: Cloud) -> Iterator[Outside]:
    """Make it; at the end remove all of it but the network, and see that the router is gone."""
    network = cloud.api.create("network", name="outer", **{"router:external": True})
    cidr = {"cidr": "198.51.100.0/24", "ip_version": 4, "gateway_ip": "198.51.100.254"}
    subnet = cloud.api.create("subnet", network_id=network["id"], **cidr)
    host = cloud.host("outside", subnet)
    gateway = {"network_id": network["id"]}
    router = cloud.api.create("router", name="router", external_gateway_info=gateway)
    leg = {"subnet_id": cloud.subnet["id"]}
    assert cloud.api.request("PUT", f"{router.path}/add_router_interface", leg).ok
    yield Outside(network, host, router)
    api = cloud.api  # it may be another by now
    assert api.request("PUT", f"{router.path}/remove_router_interface", leg).ok
    api.delete(router)
    cloud.hosts.remove(host)
    host.remove()
    eventually(lambda: not netns.exists(f"qrouter-{router['id']}"))


@contextmanager
def behind_a_router(cloud: Cloud) -> Iterator[Site]:
    """Make it all; at the end remove all of it but the networks, and see that the router is gone."""
    balancer = cloud.balancer("inside")
    with with_an_outside(cloud) as outside:
        ends = {"floating_network_id": outside.network["id"], "port_id": balancer.lb["vip_port_id"]}
        floating = cloud.api.create("floatingip", **ends)
        made = Site(cloud, balancer, outside.host, outside.router, floating["floating_ip_address"])
        eventually(made.answers)
        yield made
        cloud.delete(balancer)
        cloud.api.delete(floating)
