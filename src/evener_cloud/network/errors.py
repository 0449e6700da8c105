"""What a network service answers where it must refuse, in the words and types of Neutron (neutron-lib)."""

from collections.abc import Iterable, Mapping

from evener.resources.errors import Conflict, Forbidden, InUse, InvalidInput, NotFound, RuleForbids
from evener.services.network import NoFreeAddress
from evener_cloud.network.addresses import Refusal
from evener_cloud.network.resources import errors as nouns


class AdminRequired(Forbidden):
    """Only administrators make objects for other projects."""


class BadRequest(InvalidInput):
    """What is asked of a "router" or "floatingip" makes no sense."""


class ExternalGatewayForFloatingIPNotFound(NotFound):
    """No router leads from the port's subnet to the floating IP's network."""


class ExternalIpAddressExhausted(InvalidInput):
    """The address that was wished for a floating IP is none of IPv4."""


class ExternalNetworkInUse(InUse):
    """Gateways and floating IPs need the network to be external."""


class FipAssociated(InUse):
    """Another project's floating IP stands for the port that is to go."""


class FlatNetworkInUse(InUse):
    """Another network is on the physical network."""


class FloatingIPNotFound(NotFound):
    """There is no such floating IP, or not for this caller."""


class FloatingIPPortAlreadyAssociated(InUse):
    """Another floating IP of the network stands for the address."""


class GatewayIpInUse(InUse):
    """A router has the address that is to be its subnet's gateway no more."""


class InvalidIpForNetwork(InvalidInput):
    """The address is no host's address of any subnet of the network."""


class InvalidIpForSubnet(InvalidInput):
    """The address is a host's, but not for who asks for it."""


class InvalidRoutes(InvalidInput):
    """The router cannot have these routes."""


class InvalidSharedSetting(Conflict):
    """Other projects use the network that is to be shared no more."""


class IpAddressGenerationFailure(NoFreeAddress):
    """All addresses of the pools are taken."""


class IpAddressInUse(InUse):
    """Another port has the address."""


class MacAddressInUse(InUse):
    """Another port of the network has the MAC address."""


class NoEligibleL3Agent(Conflict):
    """No agent can serve the router."""


class NetworkInUse(InUse):
    """The network has ports."""


class NetworkMTUSubnetConflict(Conflict):
    """A subnet of the network needs packets of `least` bytes to pass."""


class NetworkNotFound(NotFound):
    """There is no such network, or not for this caller."""


class PortInUse(InUse):
    """The port that is to be a router's interface belongs to something."""


class PortNotFound(NotFound):
    """There is no such port, or not for this caller."""


class RouterExternalGatewayInUseByFloatingIp(InUse):
    """Floating IPs need the router's gateway to that network."""


class RouterInUse(InUse):
    """The router is on subnets."""


class RouterInterfaceInUseByFloatingIP(InUse):
    """Floating IPs need the interface that is to go."""


class RouterInterfaceInUseByRoute(InUse):
    """Routes need the interface that is to go."""


class RouterInterfaceNotFound(NotFound):
    """The port is no interface of the router."""


class RouterInterfaceNotFoundForSubnet(NotFound):
    """The router is not on the subnet."""


class RouterNotFound(NotFound):
    """There is no such router, or not for this caller."""


class RoutesExhausted(InvalidInput):
    """The router would have too many routes."""


class SecurityGroupCannotRemoveDefault(InUse):
    """Only administrators delete a default security group."""


class SecurityGroupCannotUpdateDefault(InUse):
    """The default security group keeps its name."""


class SecurityGroupDefaultAlreadyExists(InUse):
    """The name is for the security group that every project has by itself."""


class SecurityGroupInUse(InUse):
    """Ports are in the security group."""


class SecurityGroupNotFound(NotFound):
    """There is no such security group, or not for this caller."""


class SecurityGroupRuleExists(InUse):
    """The group has a rule that says the same."""


class SecurityGroupRuleNotFound(NotFound):
    """There is no such rule, or not for this caller."""


class ServicePortInUse(InUse):
    """The port belongs to a load balancer and goes with it."""


class SubnetInUse(InUse):
    """The subnet has addresses in use."""


class SubnetMismatchForPort(InvalidInput):
    """The interface that is to go is on another subnet."""


class SubnetNotFound(NotFound):
    """There is no such subnet, or not for this caller."""


class TagNotFound(NotFound):
    """The object does not have the tag."""


# What a missing object is called, and how the sentence ends.
_MISSING: Mapping[str, tuple[type[NotFound], str, str]] = {
    "Network": (NetworkNotFound, "Network", "could not be found."),
    "Subnet": (SubnetNotFound, "Subnet", "could not be found."),
    "Port": (PortNotFound, "Port", "could not be found."),
    "Router": (RouterNotFound, "Router", "could not be found"),
    "Floatingip": (FloatingIPNotFound, "Floating IP", "could not be found"),
    "Security_group": (SecurityGroupNotFound, "Security group", "does not exist"),
    "Security_group_rule": (SecurityGroupRuleNotFound, "Security group rule", "does not exist"),
}


def not_found(kind: str, object_id: str) -> NotFound:
    """There is no such `kind` (as on the wire, with a capital), or not for this caller."""
    missing, name, end = _MISSING[kind]
    return missing(f"{name} {object_id} {end}")


def network_in_use(network_id: str) -> InUse:
    """The network has ports."""
    return NetworkInUse(
        f"Unable to complete operation on network {network_id}. "
        "There are one or more ports still in use on the network.",
    )


def subnet_in_use(subnet_id: str) -> InUse:
    """The subnet has addresses in use."""
    return SubnetInUse(
        f"Unable to complete operation on subnet {subnet_id}: "
        "One or more ports have an IP allocation from this subnet.",
    )


def address_in_use(network_id: str, address: str) -> InUse:
    """Another port has the address."""
    return IpAddressInUse(
        f"Unable to complete operation for network {network_id}. The IP address {address} is in use.",
    )


def mac_in_use(network_id: str, mac_address: str) -> InUse:
    """Another port of the network has the MAC address."""
    return MacAddressInUse(
        f"Unable to complete operation for network {network_id}. The mac address {mac_address} is in use.",
    )


def no_address_left(network_id: str) -> Conflict:
    """All addresses of the pools are taken."""
    return IpAddressGenerationFailure(f"No more IP addresses available on network {network_id}.")


def address_refused(address: str, subnet_id: str, why: Refusal) -> InvalidInput | Forbidden:
    """The address is a host's, but not for who asks for it."""
    given = f"IP address {address} cannot be had on subnet {subnet_id}: {why.value}"
    if why is Refusal.OUT_OF_POOLS:
        return RuleForbids(
            "create_port:fixed_ips:ip_address",
            f": {given}, and only who owns the network, and administrators, have others",
        )
    return InvalidIpForSubnet(f"{given}; leave it out, or name another one")


def invalid_for_subnet(address: str) -> InvalidInput:
    """The address is no host's address of the subnet."""
    return InvalidIpForSubnet(f"IP address {address} is not a valid IP for the specified subnet.")


def invalid_for_network(address: str) -> InvalidInput:
    """The address is no host's address of any subnet of the network."""
    return InvalidIpForNetwork(
        f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
    )


def mtu_too_small(network_id: str, least: int) -> Conflict:
    """A subnet of the network needs packets of `least` bytes to pass."""
    return NetworkMTUSubnetConflict(f"MTU of {network_id} is not valid, subnet requires a minimum of {least}")


def provider(reason: str) -> InvalidInput:
    """The provider attributes do not fit each other, or this cloud."""
    return InvalidInput(f"Invalid input for operation: {reason}.")


def flat_in_use(physical_network: str) -> InUse:
    """Another network is on the physical network."""
    return FlatNetworkInUse(
        f"Unable to create the flat network. Physical network {physical_network} is in use.",
    )


def still_shared(network_name: str) -> Conflict:
    """Other projects use the network that is to be shared no more."""
    return InvalidSharedSetting(
        f"Unable to reconfigure sharing settings for network {network_name}. Multiple tenants are using it.",
    )


def service_port(port_id: str, device_owner: str) -> InUse:
    """The port belongs to a load balancer and goes with it."""
    return ServicePortInUse(
        f"Port {port_id} cannot be deleted directly via the port API: has device owner {device_owner}.",
    )


def service_port_fixed(port_id: str, device_owner: str, attribute: str) -> InUse:
    """The load balancer that the port belongs to relies on `attribute`."""
    return ServicePortInUse(
        f"Port {port_id} cannot be changed directly via the port API: {attribute} of a port with "
        f"device owner {device_owner}.",
    )


def own_port(device_owner: str) -> InvalidInput:
    """Somebody wants a port to be one that the service makes for itself."""
    return nouns.InvalidInput(
        f"Invalid input for device_owner. Reason: '{device_owner}' is for ports that come with a router or a "
        "floating IP.",
    )


def gateway_address_in_use(address: str, port_id: str) -> InUse:
    """A router has the address that is to be its subnet's gateway no more."""
    return GatewayIpInUse(f"Current gateway ip {address} already in use by port {port_id}. Unable to update.")


def external_network_in_use(network_id: str) -> InUse:
    """Gateways and floating IPs need the network to be external."""
    return ExternalNetworkInUse(
        f"External network {network_id} cannot be updated to be made non-external, since it has existing "
        "gateway ports.",
    )


def bad_request(kind: str, why: str) -> InvalidInput:
    """What is asked of a "router" or "floatingip" makes no sense."""
    return BadRequest(f"Bad {kind} request: {why}.")


def router_in_use(router_id: str, port_ids: Iterable[str]) -> InUse:
    """The router is on subnets."""
    return RouterInUse(f"Router {router_id} has ports still attached: {', '.join(port_ids)}")


def gateway_in_use(router_id: str, network_id: str) -> InUse:
    """Floating IPs need the router's gateway to that network."""
    return RouterExternalGatewayInUseByFloatingIp(
        f"Gateway cannot be updated for router {router_id}, since a gateway to external network {network_id} is "
        "required by one or more floating IPs.",
    )


def port_attached(port_id: str, network_id: str, device_id: str) -> InUse:
    """The port that is to be a router's interface belongs to something."""
    return PortInUse(
        f"Unable to complete operation on port {port_id} for network {network_id}. Port already has an attached "
        f"device {device_id}.",
    )


def no_interface(router_id: str, port_id: str) -> NotFound:
    """The port is no interface of the router."""
    return RouterInterfaceNotFound(f"Router {router_id} does not have an interface with id {port_id}")


def no_interface_on(router_id: str, subnet_id: str) -> NotFound:
    """The router is not on the subnet."""
    return RouterInterfaceNotFoundForSubnet(f"Router {router_id} has no interface on subnet {subnet_id}")


def subnet_mismatch(port_id: str, subnet_id: str) -> InvalidInput:
    """The interface that is to go is on another subnet."""
    return SubnetMismatchForPort(f"Subnet on port {port_id} does not match the requested subnet {subnet_id}.")


def interface_needed(router_id: str, subnet_id: str, *, by_route: bool) -> InUse:
    """Floating IPs, or routes, need the interface that is to go."""
    needed = RouterInterfaceInUseByRoute if by_route else RouterInterfaceInUseByFloatingIP
    return needed(
        f"Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is required by "
        f"one or more {'routes' if by_route else 'floating IPs'}."
    )


def invalid_routes(routes: str, why: str) -> InvalidInput:
    """The router cannot have these routes."""
    return InvalidRoutes(f"Invalid format for routes: {routes}, {why}")


def routes_exhausted(router_id: str, most: int) -> InvalidInput:
    """The router would have too many routes."""
    return RoutesExhausted(
        f"Unable to complete operation for {router_id}. The number of routes exceeds the maximum {most}.",
    )


def not_reachable(network_id: str, subnet_id: str, port_id: str) -> NotFound:
    """No router leads from the port's subnet to the floating IP's network."""
    return ExternalGatewayForFloatingIPNotFound(
        f"External network {network_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
        f"Port {port_id} with a Floating IP.",
    )


def already_associated(floating: str, port_id: str, fixed: str, network_id: str) -> InUse:
    """Another floating IP of the network stands for the address."""
    return FloatingIPPortAlreadyAssociated(
        f"Cannot associate floating IP {floating} with port {port_id} using fixed IP {fixed}, as that fixed IP "
        f"already has a floating IP on external network {network_id}.",
    )


def external_exhausted(network_id: str) -> InvalidInput:
    """The address that was wished for a floating IP is none of IPv4."""
    return ExternalIpAddressExhausted(f"Unable to find any IP address on external network {network_id}.")


def port_associated(port_id: str) -> InUse:
    """Another project's floating IP stands for the port that is to go."""
    return FipAssociated(
        f"Unable to complete the operation on port {port_id} because the port still has an associated floating "
        "IP.",
    )


def associated_address(port_id: str) -> InvalidInput:
    """A floating IP stands for the address that the port is to lose."""
    return BadRequest(
        f"Bad port request: Cannot update the fixed_ips of the port {port_id}, because its original fixed_ip has "
        "been associated to a floating ip.",
    )


def no_tag(tag: str) -> NotFound:
    """The object does not have the tag."""
    return TagNotFound(f"Tag {tag} could not be found.")


def group_in_use(group_id: str) -> InUse:
    """Ports are in the security group."""
    return SecurityGroupInUse(f"Security Group {group_id} in use.")


def default_group_exists() -> InUse:
    """The name is for the security group that every project has by itself."""
    return SecurityGroupDefaultAlreadyExists("Default security group already exists.")


def default_group_fixed() -> InUse:
    """The default security group keeps its name."""
    return SecurityGroupCannotUpdateDefault("Updating default security group not allowed.")


def default_group_stays() -> InUse:
    """Only administrators delete a default security group."""
    return SecurityGroupCannotRemoveDefault("Insufficient rights for removing default security group.")


def rule_exists(rule_id: str) -> InUse:
    """The group has a rule that says the same."""
    return SecurityGroupRuleExists(f"Security group rule already exists. Rule id is {rule_id}.")


def disallowed(rule: str) -> Forbidden:
    """The object is seen, but it is another project's."""
    return RuleForbids(rule)


def other_project() -> Forbidden:
    """Only administrators make objects for other projects."""
    return AdminRequired(
        "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
        "admin privileges",
    )
