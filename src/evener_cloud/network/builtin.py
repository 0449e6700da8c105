"""The network service of standalone: networks, routers and all on them in our own database, realised by our agents.

Implements `evener.services.network.Network` for control, and the operations behind the Networking API. Which roles
may call them at all is the API's business; whose objects they may touch is decided here.
"""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all services behind the API take

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import Role
from evener.resources.wiring import NetworkSpec, PacketRule, RouterSpec
from evener.services.network import (
    Footing,
    HostPort,
    Onlooker,
    SubnetInfo,
    Surroundings,
    VipAllocation,
    VipPort,
)
from evener.store import departures, quota_counts, rows
from evener.store.database import Database, Transaction, retried
from evener_cloud.network import (
    adopted,
    associations,
    errors,
    gateways,
    host_ports,
    hosting,
    interfaces,
    networks,
    placement,
    port_groups,
    provider,
    router_specs,
    routers,
    security_group_rules,
    security_groups,
    subnets,
    tags,
    vip_filters,
    vips,
)
from evener_cloud.network.interfaces import Interface
from evener_cloud.network.kinds import OPERATIONS
from evener_cloud.network.listing import listed
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port, vip_port_id
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import HostRoute, Subnet
from evener_cloud.network.visibility import find, find_subnet, owns

R = TypeVar("R", bound=Resource)


# What agents realise of their own accord; ports come with load balancers and routers.
_REALISED = frozenset({Network, Router, FloatingIP})


@dataclass(frozen=True, slots=True)
class _PortsChanged:
    """Tells of these load balancers; two that tell of the same are equal."""

    onlooker: Onlooker
    balancers: Collection[str]

    def __call__(self) -> None:
        self.onlooker.ports_changed(self.balancers)


class BuiltinNetwork:
    """What projects have of networks. `onlooker` is told after something has changed that agents realise.

    `physical_networks` are the names of those that networks can be made on.
    """

    def __init__(
        self, database: Database, onlooker: Onlooker, physical_networks: Collection[str] = ()
    ) -> None:
        self._database = database
        self._onlooker = onlooker
        self._physical_networks = frozenset(physical_networks)

    # What the Networking API needs, called like control's operations; `parent_id` is None, as no kind has a parent.

    def list(
        self, caller: Caller, cls: type[R], query: rows.ListQuery, parent_id: str | None = None
    ) -> Sequence[R]:
        """Return the objects that the caller sees and `query` asks for.

        Ports can also be filtered by `fixed_ips`, with values like `ip_address=192.0.2.1` or `subnet_id=ID`, and by
        `security_groups`. Who asks for security groups has the default one from then on.

        Raises:
            InvalidInput: for a filter or sort key that is no attribute, or a value of the wrong type.
        """
        if cls.KIND in (SecurityGroup.KIND, SecurityGroupRule.KIND):
            self._ensure_default_group(security_groups.project_asked_for(caller, query))
        with self._database.read() as tx:
            return listed(tx, cls, query, caller.scope)

    @retried
    def _ensure_default_group(self, project_id: str) -> None:
        with self._database.read() as tx:
            known = security_groups.has_default(tx, project_id)
        if not known:
            with self._database.write() as tx:
                security_groups.ensure_default(tx, project_id)

    def show(self, caller: Caller, cls: type[R], object_id: str, parent_id: str | None = None) -> R:
        """Return one object.

        Raises:
            NotFound: when there is none that the caller sees.
        """
        with self._database.read() as tx:
            return _shown(tx, cls, object_id, caller.scope)

    @retried
    def create(
        self, caller: Caller, cls: type[R], values: Mapping[str, Any], parent_id: str | None = None
    ) -> R:
        """Make an object of `values` from `wire.parse_create`, for the caller's project if they name no other.

        Raises:
            Forbidden: when it is for another project, or on another's network, and the caller no administrator.
            NotFound, InvalidInput, Conflict: as the object's module says.
        """
        with self._database.write() as tx:
            return _shown(tx, cls, self._create(tx, caller, cls, values), None)

    @retried
    def create_all(
        self, caller: Caller, cls: type[R], all_values: Sequence[Mapping[str, Any]]
    ) -> Sequence[R]:
        """Make all of these objects, or none, and return them in the same order.

        Raises:
            EvenerError: as `create`.
        """
        with self._database.write() as tx:
            ids = [self._create(tx, caller, cls, values) for values in all_values]
            found = {each.id: each for each in listed(tx, cls, rows.ListQuery(filters={"id": ids}), None)}
            return [found[each] for each in ids]

    def _create(self, tx: Transaction, caller: Caller, cls: type[Resource], values: Mapping[str, Any]) -> str:
        project_id = values.get("project_id", caller.project_id)
        if not project_id:  # which only ports have that the service makes for itself
            raise InvalidInput("Invalid input for project_id. Reason: it is empty.")
        if project_id != caller.project_id and not caller.is_admin:
            raise errors.other_project()
        if cls is Network:
            named = values.get("physical_network") is not None
            provider.check(values, self._physical_networks | (hosting.reached(tx) if named else frozenset()))
        if cls.KIND == SecurityGroupRule.KIND:
            project_id = security_group_rules.project_of(tx, caller.scope, values)
        quota_counts.take(tx, cls, project_id)
        object_id = OPERATIONS[cls.KIND].create(tx, caller.scope, {**values, "project_id": project_id})
        outside = cls is Subnet and gateways.take_in(tx, object_id)
        self._place(tx, cls, object_id)
        self._tell(tx, Router if outside else cls)
        self._tell_balancers(tx, vip_filters.NOTHING, vip_filters.effect_of(tx, cls, object_id))
        return object_id

    @retried
    def update(
        self,
        caller: Caller,
        cls: type[R],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> R:
        """Change an object by `values` from `wire.parse_update`.

        Raises:
            Forbidden: when the caller sees the object, but it is another project's.
            NotFound, InvalidInput, Conflict: as the object's module says.
        """
        change = OPERATIONS[cls.KIND].update
        if change is None:  # the API has no such operation
            raise TypeError(f"A {cls.KIND} is made and deleted, never changed")
        with self._database.write() as tx:
            _check_owner(tx, caller, cls, object_id, "update")
            before = vip_filters.effect_of(tx, cls, object_id)
            change(tx, caller.scope, object_id, values)
            self._place(tx, cls, object_id)
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, cls, object_id))
            # What a subnet says about the way out is part of the routers that lead there.
            self._tell(tx, Network if cls is Subnet else cls)
            return _shown(tx, cls, object_id, None)

    @retried
    def delete(
        self, caller: Caller, cls: type[Resource], object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete an object.

        Raises:
            Forbidden: when the caller sees the object, but it is another project's.
            NotFound, InUse: as the object's module says.
        """
        with self._database.write() as tx:
            found = _check_owner(tx, caller, cls, object_id, "delete")
            associated = cls is Port and associations.exist_on_port(tx, object_id)
            before = vip_filters.effect_of(tx, cls, object_id)
            OPERATIONS[cls.KIND].delete(tx, caller.scope, object_id)
            if cls in (Network, Router):
                departures.note(tx, [object_id])
            self._tell_balancers(tx, before, vip_filters.NOTHING)
            quota_counts.give_back(tx, cls, found.project_id)  # type: ignore[attr-defined]
            self._tell(tx, Router if associated else cls)

    @retried
    def change_tags(
        self, caller: Caller, cls: type[Resource], object_id: str, new: tags.Change
    ) -> tuple[str, ...]:
        """Give an object the tags that `new` makes of those it has, and return them.

        Raises:
            Forbidden: when the caller sees the object, but it is another project's.
            NotFound: when there is none, or from `new`.
            InvalidInput: when they are too many.
        """
        with self._database.write() as tx:
            _check_owner(tx, caller, cls, object_id, "update")
            return tags.change(tx, cls, object_id, new)

    @retried
    def add_interface(
        self, caller: Caller, router_id: str, subnet_id: str | None, port_id: str | None
    ) -> Interface:
        """Put a router on a subnet, or make a port its interface: one of them is named.

        Raises:
            NotFound, InvalidInput, Conflict: as `interfaces` says.
        """
        with self._database.write() as tx:
            _check_owner(tx, caller, Router, router_id, "update")
            self._tell(tx, Router)
            before = vip_filters.effect_of(tx, Router, router_id)
            if port_id is not None:
                added = interfaces.add_by_port(tx, caller.scope, router_id, port_id)
            else:
                added = interfaces.add_by_subnet(tx, caller.scope, router_id, str(subnet_id))
            self._place(tx, Router, router_id)
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, Router, router_id))
            return added

    @retried
    def remove_interface(
        self, caller: Caller, router_id: str, subnet_id: str | None, port_id: str | None
    ) -> Interface:
        """Take a router off a subnet, or off those of an interface; with both, the interface is on the subnet.

        Raises:
            NotFound, InvalidInput, Conflict: as `interfaces` says.
        """
        with self._database.write() as tx:
            _check_owner(tx, caller, Router, router_id, "update")
            self._tell(tx, Router)
            before = vip_filters.effect_of(tx, Router, router_id)
            if port_id is not None:
                removed = interfaces.remove_by_port(tx, router_id, port_id, subnet_id)
            else:
                removed = interfaces.remove_by_subnet(tx, router_id, str(subnet_id))
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, Router, router_id))
            return removed

    def add_routes(self, caller: Caller, router_id: str, routes: tuple[HostRoute, ...]) -> Router:
        """Give a router more routes; those that it has stay.

        Raises:
            NotFound, InvalidInput: as `routers` says.
        """
        return self._change_routes(caller, router_id, partial(routers.add_routes, routes=routes))

    def remove_routes(self, caller: Caller, router_id: str, routes: tuple[HostRoute, ...]) -> Router:
        """Take routes from a router; those that it has not are no error.

        Raises:
            NotFound: when there is no such router.
        """
        return self._change_routes(caller, router_id, partial(routers.remove_routes, routes=routes))

    @retried
    def _change_routes(self, caller: Caller, router_id: str, change: Callable[..., None]) -> Router:
        with self._database.write() as tx:
            _check_owner(tx, caller, Router, router_id, "update")
            change(tx, router_id)
            self._tell(tx, Router)
            return _shown(tx, Router, router_id, None)

    def _place(self, tx: Transaction, cls: type[Resource], object_id: str) -> None:
        """See that a router is on an agent that all its networks are under, if it is on any."""
        if cls is Router:
            placement.place(tx, object_id)

    def _tell(self, tx: Transaction, cls: type[Resource]) -> None:
        if cls in _REALISED:
            tx.after_commit(self._onlooker.networks_changed)

    def _tell_balancers(self, tx: Transaction, before: vip_filters.Effect, after: vip_filters.Effect) -> None:
        balancers = vip_filters.concerned(before, after)
        if balancers:
            tx.after_commit(_PortsChanged(self._onlooker, balancers))

    # What control needs.

    @retried
    def reserve_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        project_id: str,
        subnet_ids: Sequence[str],
        address: str | None,
    ) -> VipAllocation:
        """Make the port of a load balancer."""
        with self._database.write() as tx:
            return vips.create(tx, caller.scope, loadbalancer_id, project_id, subnet_ids, address)

    @retried
    def adopt_vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        port_id: str,
        subnet_id: str | None,
        address: str | None,
    ) -> VipAllocation:
        """Give a port of the caller's to a load balancer."""
        with self._database.write() as tx:
            return adopted.adopt(tx, caller.scope, loadbalancer_id, port_id, subnet_id, address)

    @retried
    def release_vip_port(self, loadbalancer_id: str) -> None:
        """Remove the ports of a load balancer, for which floating IPs stand no more, or leave it to its user."""
        port_id = vip_port_id(loadbalancer_id)
        with self._database.read() as tx:
            if not vips.is_reserved(tx, loadbalancer_id):
                return
        with self._database.write() as tx:
            host_ports.remove(tx, loadbalancer_id)
            if adopted.leave(tx, loadbalancer_id):
                return
            if associations.exist_on_port(tx, port_id):
                self._tell(tx, Router)
            before = vip_filters.effect_of(tx, Port, port_id)
            vips.delete(tx, port_id)
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, Port, port_id))

    @retried
    def reserve_host_ports(self, loadbalancer_id: str, vip_port_id: str) -> Mapping[Role, HostPort]:
        """Make a port for each of two hosts of a load balancer, where there is none, and return them."""
        with self._database.write() as tx:
            return host_ports.ensure(tx, loadbalancer_id, vip_port_id)

    @retried
    def release_host_ports(self, loadbalancer_id: str) -> None:
        """Remove these, if there are any."""
        with self._database.write() as tx:
            host_ports.remove(tx, loadbalancer_id)

    @retried
    def with_host_ports(self) -> Collection[str]:
        """Return the load balancers, by their ids, for whose hosts there are ports."""
        with self._database.read() as tx:
            return host_ports.every(tx)

    @retried
    def set_vip_groups(self, caller: Caller, port_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
        """Put a load balancer's port into these security groups alone, and return those it was in."""
        with self._database.write() as tx:
            before, had = vip_filters.effect_of(tx, Port, port_id), port_groups.groups_of(tx, [port_id])
            port_groups.change(tx, caller.scope, port_id, group_ids)
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, Port, port_id))
            return had.get(port_id, ())

    @retried
    def reserved(self) -> Collection[str]:
        """Return the load balancers that have a port of their own, by their ids."""
        with self._database.read() as tx:
            return vips.reserved(tx)

    @retried
    def reach_from_vip_port(self, port_id: str, subnet: SubnetInfo | None, member: str) -> tuple[str, ...]:
        """Give the port of a load balancer an address of a member's IP version, where it has none, and return it."""
        version = ip_address(member).version
        with self._database.read() as tx:
            if there := vips.of_version(tx, port_id, version):
                return there
        with self._database.write() as tx:
            before = vip_filters.effect_of(tx, Port, port_id)
            if not vips.of_version(tx, port_id, version):  # else somebody else was quicker
                vips.reach(tx, port_id, subnet, member)
            self._tell_balancers(tx, before, vip_filters.effect_of(tx, Port, port_id))
            return vips.of_version(tx, port_id, version)

    @retried
    def addresses_of_vip_port(self, port_id: str) -> frozenset[str]:
        """Return by which addresses a load balancer is called: its port's, and floating IPs that stand for them."""
        with self._database.read() as tx:
            return associations.called_by(tx, port_id)

    @retried
    def vip_port(self, port_id: str, _host: str | None) -> VipPort | None:
        """Return what a host needs to have the port, or None when it is gone; it can be on any."""
        with self._database.read() as tx:
            wiring = vips.describe(tx, port_id)
            return None if wiring is None else VipPort(wiring, vip_filters.packet_rules(tx, port_id))

    def let_in(self, _loadbalancer_id: str, _port_id: str, _rules: Sequence[PacketRule]) -> None:
        """Do nothing: the only filter is the one in the load balancer's namespace, which its agent sets."""

    def has_flavor(self, flavor_id: str) -> bool:
        """Say no: there are no flavors but those of load balancing."""
        return False

    def look_around(self) -> Surroundings:
        """Return nothing: agents are told at once."""
        return Surroundings()

    @retried
    def footings(self, port_ids: Collection[str]) -> Mapping[str, Footing]:
        """Return what the agents need that serve the load balancers with these ports."""
        with self._database.read() as tx:
            return {port_id: hosting.footing_of_port(tx, port_id) for port_id in port_ids}

    @retried
    def subnet(self, caller: Caller, subnet_id: str) -> SubnetInfo:
        """Return a subnet that the caller sees.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as tx:
            return find_subnet(tx, subnet_id, caller.scope)

    @retried
    def subnets(self, caller: Caller, network_id: str) -> tuple[SubnetInfo, ...]:
        """Return the subnets of a network that the caller sees, those of IPv4 first, oldest first.

        Raises:
            NotFound: when there is no such network.
        """
        with self._database.read() as tx:
            find(tx, Network, network_id, caller.scope)
            return subnets.of_network(tx, network_id)

    @retried
    def realised_networks(self) -> tuple[NetworkSpec, ...]:
        """Return all networks: our agents realise them."""
        with self._database.read() as tx:
            return networks.specs(tx)

    @retried
    def realised_routers(self, agent_id: str | None = None) -> tuple[RouterSpec, ...]:
        """Return the routers that an agent realises, or all."""
        with self._database.read() as tx:
            return router_specs.router_specs(tx, agent_id)

    @retried
    def place_waiting_routers(self) -> None:
        """Give the routers that no agent realises to those that can."""
        with self._database.read() as tx:
            if not hosting.waiting(tx):
                return
        with self._database.write() as tx:
            placement.place_waiting(tx)

    @retried
    def known(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of `ids` that are networks or routers."""
        with self._database.read() as tx:
            return hosting.known(tx, ids)


def _shown(tx: Transaction, cls: type[R], object_id: str, scope: str | None) -> R:
    found = listed(tx, cls, rows.ListQuery(filters={"id": (object_id,)}), scope)
    if not found:
        raise errors.not_found(cls.KIND.capitalize(), object_id)
    return found[0]


def _check_owner(tx: Transaction, caller: Caller, cls: type[R], object_id: str, verb: str) -> R:
    found = find(tx, cls, object_id, caller.scope)
    if not owns(tx, caller.scope, found):
        raise errors.disallowed(f"{verb}_{cls.KIND}")
    return found
