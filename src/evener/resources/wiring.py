"""What a host realises of networks, as the documents that agents receive: networks, routers, packet filters.

Like the graph: immutable, whole, and nothing of it is asked for twice.
"""

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Something an agent receives and keeps."""

    # A complaint about what was read must not quote it: there may be keys in it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", ignored_types=(cached_property,), hide_input_in_errors=True
    )


class Route(Document):
    """A way to `destination` (a CIDR) over `nexthop` (an address on the subnet)."""

    destination: str
    nexthop: str


class FixedIP(Document):
    """An address of a port, with what its subnet says about the way out."""

    address: str
    prefix_length: int
    gateway: str | None = None
    routes: tuple[Route, ...] = ()


class WiredPort(Document):
    """A port as an interface driver plugs it into a namespace. `mtu` is in bytes.

    `prefix`, before the first 11 characters of the id, names the interface inside the namespace: `ns-` for a load
    balancer, `qr-` for a router on a subnet, `qg-` for its gateway, as Neutron's agents name them.
    `physical_network` is that of the network (see `NetworkSpec`): a driver that plugs makes a missing network.
    With `wired_elsewhere`, another agent on the host connects the port with its network: a driver makes the pair of
    interfaces alone, and leaves the rest to that. Addresses that are `moving` may be on it or not: who has them is
    decided elsewhere.
    """

    id: str
    network_id: str
    physical_network: str | None = None
    mac_address: str
    mtu: int = 1500
    fixed_ips: tuple[FixedIP, ...]
    prefix: Literal["ns-", "qr-", "qg-"] = "ns-"
    wired_elsewhere: bool = False
    moving: tuple[str, ...] = ()


class NetworkSpec(Document):
    """A network that a host realises itself: its id, and the largest packet in bytes.

    `physical_network` is the operator's name (of `bridge_mappings` or `physical_interface_mappings`) for what it is
    a part of; None where it is of this host alone.
    """

    id: str
    mtu: int = 1500
    physical_network: str | None = None


class FloatingAddress(Document):
    """An address outside that stands for one inside. Both IPv4, without prefix."""

    floating: str
    fixed: str


class RouterSpec(Document):
    """A router that a host realises in the namespace `qrouter-ID`.

    `ports` lead to subnets: their addresses are those subnets' gateways, and have neither gateway nor routes of
    their own. `gateway` leads outside, and has the outer subnets' gateways. With `snat`, what comes from inside and
    belongs to no floating address leaves under the gateway port's own IPv4 address. `routes` are the ones that the
    user set. A router whose admin_state_up is false is `enabled` false: it has its interfaces, and passes nothing.
    """

    id: str
    enabled: bool = True
    ports: tuple[WiredPort, ...] = ()
    gateway: WiredPort | None = None
    snat: bool = True
    floating_ips: tuple[FloatingAddress, ...] = ()
    routes: tuple[Route, ...] = ()


class PacketRule(Document):
    """Lets packets in: those that match all that is not None.

    `protocol` is None (any), "tcp", "udp", "icmp", "icmpv6" or a number as text. `first_port` and `last_port` are
    destination ports, or ICMP's type and code. `remotes` are CIDRs of which the source is in one; None is anywhere,
    and () is nowhere.
    """

    ip_version: Literal[4, 6]
    protocol: str | None = None
    first_port: int | None = None
    last_port: int | None = None
    remotes: tuple[str, ...] | None = None
