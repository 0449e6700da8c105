"""A bridge that a host has already, as libvirt makes one, and a cloud whose network it is."""

import ipaddress

from standalone import Cloud, Host, Thing, ip

BRIDGE = "virbr0"


def make_bridge() -> None:
    """Make a bridge as libvirt makes one."""
    ip(
        f"link add {BRIDGE} address 52:54:00:aa:bb:cc type bridge mcast_snooping 1",
        f"link set {BRIDGE} addrgenmode none",
        f"link set {BRIDGE} up",
        f"address add 10.44.0.1/24 dev {BRIDGE}",
    )


class Machine(Host):
    """A virtual machine of somebody else's, on the host's bridge."""

    def join(self) -> None:
        self.bridge = BRIDGE
        self.rejoin()


class Existing(Cloud):
    """A cloud whose network is the host's bridge."""

    def make_subnet(self, name: str, cidr: str) -> Thing:
        network = self.api.create("network", name=name, **flat("virt"))
        pools = [{"start": "10.44.0.100", "end": str(ipaddress.ip_network(cidr)[-36])}]
        given = {"cidr": cidr, "ip_version": 4, "gateway_ip": "10.44.0.1", "allocation_pools": pools}
        return self.api.create("subnet", network_id=network["id"], **given)


def flat(name: str) -> dict[str, str]:
    return {"provider:network_type": "flat", "provider:physical_network": name}
