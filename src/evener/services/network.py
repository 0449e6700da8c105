"""What control needs of a network service. Every implementation carries exactly these calls.

Each may take as long as a request to another service, and fail like one: none is made inside a transaction of
control's. What is made for a load balancer is found again by the load balancer's id.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evener.resources.caller import Caller
from evener.resources.errors import Conflict, Unavailable
from evener.resources.types import Role
from evener.resources.wiring import NetworkSpec, PacketRule, RouterSpec, WiredPort


@dataclass(frozen=True, slots=True)
class Footing:
    """What a load balancer or router needs of the agent that serves it.

    `physical` are the names of the physical networks that it has to reach, by the ids of the networks that are on them.
    `homes` says of networks of one host alone, by their ids, which agents (their ids) are on them already: it has to be
    one of these. `alone` are the networks of one host that nobody is on yet. `hosts` are the names of the hosts that it
    can be on; None is any.
    """

    physical: Mapping[str, str] = field(default_factory=dict)
    homes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None


ANYWHERE = Footing()


@dataclass(frozen=True, slots=True)
class VipAllocation:
    """A port made for a load balancer, and the address it got; `footing` is what its agent needs."""

    port_id: str
    address: str
    subnet_id: str
    network_id: str
    footing: Footing = ANYWHERE


@dataclass(frozen=True, slots=True)
class SubnetInfo:
    """What control needs to know of a subnet."""

    id: str
    network_id: str
    cidr: str
    ip_version: int


@dataclass(frozen=True, slots=True)
class VipPort:
    """What a host needs to know of a load balancer's port.

    `security` is what the port's security groups let in, None where it has none.
    """

    wiring: WiredPort
    security: tuple[PacketRule, ...] | None = None


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port that one of two hosts of a load balancer has of its own, and its address of the VIP's version."""

    port_id: str
    address: str


class NoFreeAddress(Conflict):
    """All addresses are taken that the service gives out, of the subnet or the network that was named."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What others have done in the network service.

    `changed` are the load balancers whose ports are others than at the last look; `agents` our agents as the service
    lists them (Neutron's `GET /v2.0/agents`), `limits` what projects may have of load balancing, by project and kind,
    where it has such lists. `ports` are the ids of all ports that load balancers have there.
    """

    changed: frozenset[str] = frozenset()
    agents: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ports: frozenset[str] | None = None


class PortUnbound(Unavailable):
    """The network service cannot have a port on the host that is to serve it; the message says why."""


class PortClosed(Unavailable):
    """The network service cannot let in to a port what it is to; the message says why."""


class Network(Protocol):
    """A network service, as control sees it. Whatever is done again by a load balancer's id is fine."""

    def reserve_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        project_id: str,
        subnet_ids: Sequence[str],
        address: str | None,
    ) -> VipAllocation:
        """Make the port of a load balancer on the first of these subnets with room, with `address` or one that is free.

        There is one subnet at least, and they are of one network.

        Raises:
            NotFound: when the caller does not see the subnet.
            Forbidden: when the caller sees the subnet, but may not use its network: an external one.
            InvalidInput: when the address is no host's address of the subnet.
            Conflict: when the address is taken (an InUse), or none is free.
            QuotaExceeded: when the project has no room for a port.
        """

    def adopt_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        port_id: str,
        subnet_id: str | None,
        address: str | None,
    ) -> VipAllocation:
        """Give a load balancer a port of the caller's that no device has; the VIP is its address, or that of several.

        Raises:
            NotFound: when the caller does not see the port.
            Forbidden: when it is not the caller's.
            InvalidInput: when a device has it, or it has not exactly one address on that subnet, or that one.
        """

    def set_vip_groups(self, caller: Caller, port_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
        """Put the port of a load balancer into these security groups and no others, and return those it was in.

        Raises:
            NotFound: naming groups that it was not in and the caller does not see.
        """

    def release_vip_port(self, loadbalancer_id: str) -> None:
        """Remove the port that was made for a load balancer, or leave the one that it was given to its user.

        One that is gone, or never was, is fine. Ports of hosts go too.
        """

    def reserve_host_ports(self, loadbalancer_id: str, vip_port_id: str) -> Mapping[Role, HostPort]:
        """Make a port for each of two hosts of a load balancer, where there is none, and return them.

        Each has an address on each of the subnets that the VIP's port is on, and may use that one's addresses.

        Raises:
            Unsupported: where the service does not do that.
            Conflict: when no address is free.
        """

    def release_host_ports(self, loadbalancer_id: str) -> None:
        """Remove these, if there are any."""

    def with_host_ports(self) -> Collection[str]:
        """Return the load balancers, by their ids, for whose hosts there are ports."""

    def reserved(self) -> Collection[str]:
        """Return the load balancers, by their ids, for which there is a port that was made for or given to them."""

    def reach_from_vip_port(self, port_id: str, subnet: SubnetInfo | None, member: str) -> tuple[str, ...]:
        """Give the port of a load balancer an address of the IP version of `member`, where it has none, and return it.

        On that subnet, or on another one of the port's network, and never `member`, which is to be reached; where
        that has none, nothing is done. Ports of hosts get one, too.

        Raises:
            Conflict: when none is free.
        """

    def addresses_of_vip_port(self, port_id: str) -> frozenset[str]:
        """Return by which addresses a load balancer is called: its port's, and floating IPs that stand for them."""

    def vip_port(self, port_id: str, host: str | None) -> VipPort | None:
        """Return what `host` needs to have the port, which is bound there from now on; None when it is gone.

        With None, it is bound nowhere: hosts have other ports, and its addresses in turn.

        Raises:
            PortUnbound: when the service cannot have the port there, with its reason.
        """

    def let_in(self, loadbalancer_id: str, port_id: str, rules: Sequence[PacketRule]) -> None:
        """Have the service let these packets in to the port, and no others, where it has a filter that we keep.

        Not where the port is in security groups that a user has chosen.

        Raises:
            PortClosed: when the service has no room for what has to be said to it.
        """

    def look_around(self) -> Surroundings:
        """Return what others have done that the service tells nobody of."""

    def footings(self, port_ids: Collection[str]) -> Mapping[str, Footing]:
        """Return what the agents need that serve the load balancers with these ports; their own do not count."""

    def subnet(self, caller: Caller, subnet_id: str) -> SubnetInfo:
        """Return a subnet that the caller sees.

        Raises:
            NotFound: when there is none.
        """

    def subnets(self, caller: Caller, network_id: str) -> tuple[SubnetInfo, ...]:
        """Return the subnets of a network that the caller sees, those of IPv4 first, oldest first.

        Raises:
            NotFound: when there is no such network.
        """

    def has_flavor(self, flavor_id: str) -> bool:
        """Say whether the service has a flavor of that id among flavors of its own, which say nothing here."""

    def realised_networks(self) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that our own agents realise, or None when they are another service's work."""

    def realised_routers(self, agent_id: str | None = None) -> tuple[RouterSpec, ...] | None:
        """Return the routers that an agent realises, or all that our own do; None: they are another service's work."""

    def place_waiting_routers(self) -> None:
        """Give the routers that no agent realises to those that can."""

    def known(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of `ids` that are networks or routers, wherever they are realised."""


class Onlooker(Protocol):
    """Who is told, after the commit, that agents have to look again."""

    def networks_changed(self) -> None:
        """A network or router is another one, or has come, or gone."""

    def ports_changed(self, loadbalancer_ids: Collection[str]) -> None:
        """What these load balancers' ports let in is another thing."""
