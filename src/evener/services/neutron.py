"""The network service of a cloud with Neutron: `evener.services.network.Network` by Neutron's REST API.

Neutron realises networks and routers, and its agents wire ports. What a caller may is decided by Neutron, asked with
the caller's token; what only the service may, such as to bind a port to a host, with its own credentials.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial

from oslo_config import cfg

from evener.resources.agent import AGENT_TYPE
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError, NotFound
from evener.resources.types import Role
from evener.resources.wiring import NetworkSpec, PacketRule, RouterSpec
from evener.services.network import Footing, HostPort, SubnetInfo, Surroundings, VipAllocation, VipPort
from evener.services.neutron_api import Json, Neutron, batched
from evener.services.neutron_groups import VipGroups
from evener.services.neutron_hosts import Hosts
from evener.services.neutron_pairs import HostPorts
from evener.services.neutron_ports import VipPorts, addresses
from evener.services.neutron_watch import Watch
from evener.services.neutron_wiring import Wiring
from evener.services.sessions import Service, open_session

GROUP = "neutron"
AT_ONCE = 8
QUOTAS = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy")
OPTS = [
    cfg.StrOpt(
        "security_groups",
        default="listeners",
        choices=[
            (
                "listeners",
                "a group that Evener keeps lets in what listeners wait for, where a user has chosen none",
            ),
            (
                "user",
                "users choose them, as with Neutron-LBaaS; a new port is in its project's default group",
            ),
        ],
        help="Which security groups the ports of load balancers are in.",
    ),
]


def make(conf: cfg.ConfigOpts, installation: str = "") -> "NeutronNetwork":
    """Return the network service that `[neutron]` and `[service_auth]` describe; nothing is asked yet.

    `installation` tells this Evener from others that use the same Neutron: the id of its database.

    Raises:
        SystemExit: when the settings do not suffice.
    """
    neutron = Neutron(Service(conf, open_session(conf), "network", GROUP, "Neutron"))
    return NeutronNetwork(neutron, installation, keeps_groups=conf[GROUP].security_groups == "listeners")


class NeutronNetwork:
    """Implements `evener.services.network.Network`, where that says what each call does."""

    def __init__(self, neutron: Neutron, installation: str, *, keeps_groups: bool) -> None:
        self._neutron = neutron
        self._keeps_groups = keeps_groups
        self._ports = VipPorts(neutron, installation, closed=keeps_groups)
        self._groups = VipGroups(neutron, installation)
        self._host_ports = HostPorts(neutron, installation)
        # What is asked while Neutron is busy with a change, which takes it many times as long.
        self._meanwhile = ThreadPoolExecutor(AT_ONCE, "neutron")
        self._hosts = Hosts(neutron)
        self._wiring = Wiring(neutron, self._hosts, self._meanwhile)
        self._watch = Watch(neutron, self._wiring)
        # The port that a thread has just asked for, and its groups where it did: what it lets in is set next.
        self._just_seen = threading.local()

    def reserve_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        project_id: str,
        subnet_ids: Sequence[str],
        address: str | None,
    ) -> VipAllocation:
        """Make the port of a load balancer, as the caller."""
        network_id = self._neutron.show("subnet", subnet_ids[0], caller.token)["network_id"]
        footing = self._meanwhile.submit(self._footing, network_id)
        prepared = self._meanwhile.submit(self._prepare, loadbalancer_id)
        try:
            made = self._ports.reserve(caller, loadbalancer_id, project_id, network_id, subnet_ids, address)
        finally:
            wait([prepared])  # else it could come after what was made is undone
        return replace(made, footing=footing.result())

    def _prepare(self, loadbalancer_id: str) -> None:
        """Make a load balancer's group, where we keep it; what fails is tried again, and told, when it is bound."""
        if self._keeps_groups:
            with suppress(EvenerError):
                self._groups.prepare(loadbalancer_id)

    def adopt_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        port_id: str,
        subnet_id: str | None,
        address: str | None,
    ) -> VipAllocation:
        """Give a port of the caller's to a load balancer, as the caller."""
        made = self._ports.adopt(caller, loadbalancer_id, port_id, subnet_id, address)
        return replace(made, footing=self._footing(made.network_id))

    def set_vip_groups(self, caller: Caller, port_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
        """Put a load balancer's port into these security groups alone, and return those it was in."""
        return self._groups.choose(caller, port_id, group_ids)

    def release_vip_port(self, loadbalancer_id: str) -> None:
        """Remove the ports of a load balancer, or leave the VIP's to its user, and remove its security groups."""
        self._host_ports.remove(loadbalancer_id)
        self._ports.release(loadbalancer_id)
        self._groups.release(loadbalancer_id)

    def reserve_host_ports(self, loadbalancer_id: str, vip_port_id: str) -> Mapping[Role, HostPort]:
        """Make the ports of two hosts, as ourselves."""
        return self._host_ports.ensure(loadbalancer_id, vip_port_id)

    def release_host_ports(self, loadbalancer_id: str) -> None:
        """Remove the ports of two hosts, and their security group."""
        self._host_ports.remove(loadbalancer_id)

    def with_host_ports(self) -> Collection[str]:
        """Return the load balancers for whose hosts this Evener has ports or a security group."""
        return self._host_ports.every()

    def reserved(self) -> Collection[str]:
        """Return the load balancers for which this Evener has a port or a security group, beside those of hosts."""
        return {*self._ports.reserved(), *self._groups.reserved()}

    def reach_from_vip_port(self, port_id: str, subnet: SubnetInfo | None, member: str) -> tuple[str, ...]:
        """Give the port of a load balancer an address of a member's IP version, where it has none, and return it."""
        found = self._ports.reach(port_id, subnet, member)
        self._host_ports.extend(port_id)
        return found

    def addresses_of_vip_port(self, port_id: str) -> frozenset[str]:
        """Return by which addresses a load balancer is called: its port's, and floating IPs that stand for them."""
        own = addresses(self._neutron.show("port", port_id))
        try:
            floating = self._neutron.list("floatingip", port_id=port_id, fields="floating_ip_address")
        except NotFound:  # a Neutron without routers
            return frozenset(own)
        return frozenset(own) | {str(each["floating_ip_address"]) for each in floating}

    def vip_port(self, port_id: str, host: str | None) -> VipPort | None:
        """Return what `host` needs to have the port, which is bound there from now on; None when it is gone."""
        groups: list[Json] = []
        if host is None:
            port = self._host_ports.vip(port_id)
        else:
            also = partial(self._groups.at_binding, groups) if self._keeps_groups else None
            port = self._wiring.bound(port_id, host, also)
        if port is None:
            return None
        if self._host_ports.is_one(port):
            self._host_ports.follow(port)
        else:
            self._just_seen.port, self._just_seen.groups = port, groups
        return VipPort(self._wiring.describe(port))

    def let_in(self, loadbalancer_id: str, port_id: str, rules: Sequence[PacketRule]) -> None:
        """Have the port's security group let these packets in, where we keep it."""
        seen = self._just_seen.__dict__
        port, groups = seen.pop("port", None), seen.pop("groups", ())
        if not self._keeps_groups:
            return
        if port is None or port["id"] != port_id:
            port, groups = self._neutron.show("port", port_id), ()
        self._groups.let_in(loadbalancer_id, port, rules, groups)

    def changed_ports(self) -> frozenset[str]:
        """Return the load balancers to look at again: somebody has changed or deleted their ports since last time."""
        return self._watch.changed()

    def look_around(self) -> Surroundings:
        """Return what others have done to ports, and set of agents and quotas; -1 is Neutron's own default of these."""
        agents = self._neutron.list(
            "agent", agent_type=AGENT_TYPE, fields=("host", "agent_type", "admin_state_up")
        )
        limits = {
            str(row.get("project_id") or row["tenant_id"]): {
                kind: row[kind] for kind in QUOTAS if row.get(kind, -1) != -1
            }
            for row in self._neutron.quotas()
        }
        return Surroundings(self._watch.changed(), agents, limits, self._watch.ports)

    def footings(self, port_ids: Collection[str]) -> Mapping[str, Footing]:
        """Return on which hosts Neutron can bind each of these ports."""
        ports = [
            port
            for some in batched(sorted(port_ids))
            for port in self._neutron.list("port", id=some, fields=("id", "network_id"))
        ]
        networks = {port["network_id"] for port in ports}
        found = {network_id: self._footing(network_id) for network_id in networks}
        return {port["id"]: found[port["network_id"]] for port in ports}

    def _footing(self, network_id: str) -> Footing:
        return Footing(hosts=self._hosts.reaching(network_id))

    def subnet(self, caller: Caller, subnet_id: str) -> SubnetInfo:
        """Return a subnet that the caller sees; one without a token is a program of ours."""
        return _subnet(self._neutron.show("subnet", subnet_id, caller.token or None))

    def foreign_vip_port(
        self, loadbalancer_id: str, port_id: str, subnet_id: str | None, address: str | None
    ) -> VipAllocation:
        """Return the port that a load balancer of another service has; see `services.takeover`."""
        return self._ports.foreign(loadbalancer_id, port_id, subnet_id, address)

    def take_over_vip_port(self, loadbalancer_id: str, port_id: str) -> None:
        """Make that port this Evener's; see `services.takeover`."""
        self._ports.take_over(loadbalancer_id, port_id)

    def subnets(self, caller: Caller, network_id: str) -> tuple[SubnetInfo, ...]:
        """Return the subnets of a network that the caller sees, those of IPv4 first, oldest first."""
        found = self._neutron.list("subnet", caller.token, network_id=network_id)
        if not found:
            self._neutron.show("network", network_id, caller.token)
        found.sort(key=lambda each: (each["ip_version"], each.get("created_at", ""), each["id"]))
        return tuple(map(_subnet, found))

    def has_flavor(self, flavor_id: str) -> bool:
        """Say whether it is one of the flavors of Neutron's core."""
        try:
            return bool(self._neutron.list("flavor", id=flavor_id, fields="id"))
        except NotFound:  # a Neutron without flavors
            return False

    def realised_networks(self) -> tuple[NetworkSpec, ...] | None:
        """Return that networks are Neutron's work."""
        return None

    def realised_routers(self, agent_id: str | None = None) -> tuple[RouterSpec, ...] | None:  # noqa: ARG002
        """Return that routers are Neutron's work."""
        return None

    def place_waiting_routers(self) -> None:
        """Do nothing: Neutron does."""

    def known(self, ids: Sequence[str]) -> Collection[str]:  # noqa: ARG002
        """Return none: whatever of Neutron's is on a host is not ours to remove."""
        return ()


def _subnet(found: Json) -> SubnetInfo:
    return SubnetInfo(found["id"], found["network_id"], found["cidr"], found["ip_version"])
