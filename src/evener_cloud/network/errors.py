"""What a network service answers where it must refuse, in the words and types of Neutron (neutron-lib)."""

from collections.abc import Iterable

from evener.resources.errors import Conflict, Forbidden, InUse, InvalidInput, NotFound
from evener_cloud.network.addresses import Refusal

# What Neutron calls them where that is not the kind with a capital, and how the sentence ends.
_MISSING = {
    "Router": ("Router", "RouterNotFound", "could not be found"),
    "Floatingip": ("Floating IP", "FloatingIPNotFound", "could not be found"),
    "Security_group": ("Security group", "SecurityGroupNotFound", "does not exist"),
    "Security_group_rule": ("Security group rule", "SecurityGroupRuleNotFound", "does not exist"),
}


def not_found(kind: str, object_id: str) -> NotFound:
    """There is no such `kind` (as on the wire, with a capital), or not for this caller."""
    name, type_name, end = _MISSING.get(kind, (kind, f"{kind}NotFound", "could not be found."))
    return NotFound(f"{name} {object_id} {end}", type_name)


def network_in_use(network_id: str) -> InUse:
    """The network has ports."""
    return InUse(
        f"Unable to complete operation on network {network_id}. "
        "There are one or more ports still in use on the network.",
        "NetworkInUse",
    )


def subnet_in_use(subnet_id: str) -> InUse:
    """The subnet has addresses in use."""
    return InUse(
        f"Unable to complete operation on subnet {subnet_id}: "
        "One or more ports have an IP allocation from this subnet.",
        "SubnetInUse",
    )


def address_in_use(network_id: str, address: str) -> InUse:
    """Another port has the address."""
    return InUse(
        f"Unable to complete operation for network {network_id}. The IP address {address} is in use.",
        "IpAddressInUse",
    )


def mac_in_use(network_id: str, mac_address: str) -> InUse:
    """Another port of the network has the MAC address."""
    return InUse(
        f"Unable to complete operation for network {network_id}. The mac address {mac_address} is in use.",
        "MacAddressInUse",
    )


FULL = "IpAddressGenerationFailure"


def no_address_left(network_id: str) -> Conflict:
    """All addresses of the pools are taken."""
    return Conflict(f"No more IP addresses available on network {network_id}.", FULL)


def address_refused(address: str, subnet_id: str, why: Refusal) -> InvalidInput | Forbidden:
    """The address is a host's, but not for who asks for it."""
    given = f"IP address {address} cannot be had on subnet {subnet_id}: {why.value}"
    if why is Refusal.OUT_OF_POOLS:
        rule = "create_port:fixed_ips:ip_address"
        return Forbidden(
            f"rule:{rule} is disallowed by policy: {given}, and only who owns the network, and administrators, "
            "have others",
            "PolicyNotAuthorized",
        )
    return InvalidInput(f"{given}; leave it out, or name another one", "InvalidIpForSubnet")


def invalid_for_subnet(address: str) -> InvalidInput:
    """The address is no host's address of the subnet."""
    return InvalidInput(
        f"IP address {address} is not a valid IP for the specified subnet.", "InvalidIpForSubnet"
    )


def invalid_for_network(address: str) -> InvalidInput:
    """The address is no host's address of any subnet of the network."""
    return InvalidInput(
        f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
        "InvalidIpForNetwork",
    )


def mtu_too_small(network_id: str, least: int) -> Conflict:
    """A subnet of the network needs packets of `least` bytes to pass."""
    return Conflict(
        f"MTU of {network_id} is not valid, subnet requires a minimum of {least}", "NetworkMTUSubnetConflict"
    )


def provider(reason: str) -> InvalidInput:
    """The provider attributes do not fit each other, or this cloud."""
    return InvalidInput(f"Invalid input for operation: {reason}.")


def flat_in_use(physical_network: str) -> InUse:
    """Another network is on the physical network."""
    return InUse(
        f"Unable to create the flat network. Physical network {physical_network} is in use.",
        "FlatNetworkInUse",
    )


def still_shared(network_name: str) -> Conflict:
    """Other projects use the network that is to be shared no more."""
    return Conflict(
        f"Unable to reconfigure sharing settings for network {network_name}. Multiple tenants are using it.",
        "InvalidSharedSetting",
    )


def service_port(port_id: str, device_owner: str) -> InUse:
    """The port belongs to a load balancer and goes with it."""
    return InUse(
        f"Port {port_id} cannot be deleted directly via the port API: has device owner {device_owner}.",
        "ServicePortInUse",
    )


def service_port_fixed(port_id: str, device_owner: str, attribute: str) -> InUse:
    """The load balancer that the port belongs to relies on `attribute`."""
    return InUse(
        f"Port {port_id} cannot be changed directly via the port API: {attribute} of a port with "
        f"device owner {device_owner}.",
        "ServicePortInUse",
    )


def own_port(device_owner: str) -> InvalidInput:
    """Somebody wants a port to be one that the service makes for itself."""
    return InvalidInput(
        f"Invalid input for device_owner. Reason: '{device_owner}' is for ports that come with a router or a "
        "floating IP.",
        "InvalidInput",
    )


def gateway_address_in_use(address: str, port_id: str) -> InUse:
    """A router has the address that is to be its subnet's gateway no more."""
    return InUse(
        f"Current gateway ip {address} already in use by port {port_id}. Unable to update.", "GatewayIpInUse"
    )


def external_network_in_use(network_id: str) -> InUse:
    """Gateways and floating IPs need the network to be external."""
    return InUse(
        f"External network {network_id} cannot be updated to be made non-external, since it has existing "
        "gateway ports.",
        "ExternalNetworkInUse",
    )


def bad_request(kind: str, why: str) -> InvalidInput:
    """What is asked of a "router" or "floatingip" makes no sense."""
    return InvalidInput(f"Bad {kind} request: {why}.", "BadRequest")


def router_in_use(router_id: str, port_ids: Iterable[str]) -> InUse:
    """The router is on subnets."""
    return InUse(f"Router {router_id} has ports still attached: {', '.join(port_ids)}", "RouterInUse")


def gateway_in_use(router_id: str, network_id: str) -> InUse:
    """Floating IPs need the router's gateway to that network."""
    return InUse(
        f"Gateway cannot be updated for router {router_id}, since a gateway to external network {network_id} is "
        "required by one or more floating IPs.",
        "RouterExternalGatewayInUseByFloatingIp",
    )


def port_attached(port_id: str, network_id: str, device_id: str) -> InUse:
    """The port that is to be a router's interface belongs to something."""
    return InUse(
        f"Unable to complete operation on port {port_id} for network {network_id}. Port already has an attached "
        f"device {device_id}.",
        "PortInUse",
    )


def no_interface(router_id: str, port_id: str) -> NotFound:
    """The port is no interface of the router."""
    return NotFound(
        f"Router {router_id} does not have an interface with id {port_id}", "RouterInterfaceNotFound"
    )


def no_interface_on(router_id: str, subnet_id: str) -> NotFound:
    """The router is not on the subnet."""
    return NotFound(
        f"Router {router_id} has no interface on subnet {subnet_id}", "RouterInterfaceNotFoundForSubnet"
    )


def subnet_mismatch(port_id: str, subnet_id: str) -> InvalidInput:
    """The interface that is to go is on another subnet."""
    return InvalidInput(
        f"Subnet on port {port_id} does not match the requested subnet {subnet_id}.", "SubnetMismatchForPort"
    )


def interface_needed(router_id: str, subnet_id: str, *, by_route: bool) -> InUse:
    """Floating IPs, or routes, need the interface that is to go."""
    return InUse(
        f"Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is required by "
        f"one or more {'routes' if by_route else 'floating IPs'}.",
        "RouterInterfaceInUseByRoute" if by_route else "RouterInterfaceInUseByFloatingIP",
    )


def invalid_routes(routes: str, why: str) -> InvalidInput:
    """The router cannot have these routes."""
    return InvalidInput(f"Invalid format for routes: {routes}, {why}", "InvalidRoutes")


def routes_exhausted(router_id: str, most: int) -> InvalidInput:
    """The router would have too many routes."""
    return InvalidInput(
        f"Unable to complete operation for {router_id}. The number of routes exceeds the maximum {most}.",
        "RoutesExhausted",
    )


def not_reachable(network_id: str, subnet_id: str, port_id: str) -> NotFound:
    """No router leads from the port's subnet to the floating IP's network."""
    return NotFound(
        f"External network {network_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
        f"Port {port_id} with a Floating IP.",
        "ExternalGatewayForFloatingIPNotFound",
    )


def already_associated(floating: str, port_id: str, fixed: str, network_id: str) -> InUse:
    """Another floating IP of the network stands for the address."""
    return InUse(
        f"Cannot associate floating IP {floating} with port {port_id} using fixed IP {fixed}, as that fixed IP "
        f"already has a floating IP on external network {network_id}.",
        "FloatingIPPortAlreadyAssociated",
    )


def external_exhausted(network_id: str) -> InvalidInput:
    """The address that was wished for a floating IP is none of IPv4."""
    return InvalidInput(
        f"Unable to find any IP address on external network {network_id}.", "ExternalIpAddressExhausted"
    )


def port_associated(port_id: str) -> InUse:
    """Another project's floating IP stands for the port that is to go."""
    return InUse(
        f"Unable to complete the operation on port {port_id} because the port still has an associated floating "
        "IP.",
        "FipAssociated",
    )


def associated_address(port_id: str) -> InvalidInput:
    """A floating IP stands for the address that the port is to lose."""
    return InvalidInput(
        f"Bad port request: Cannot update the fixed_ips of the port {port_id}, because its original fixed_ip has "
        "been associated to a floating ip.",
        "BadRequest",
    )


def no_tag(tag: str) -> NotFound:
    """The object does not have the tag."""
    return NotFound(f"Tag {tag} could not be found.", "TagNotFound")


def group_in_use(group_id: str) -> InUse:
    """Ports are in the security group."""
    return InUse(f"Security Group {group_id} in use.", "SecurityGroupInUse")


def default_group_exists() -> InUse:
    """The name is for the security group that every project has by itself."""
    return InUse("Default security group already exists.", "SecurityGroupDefaultAlreadyExists")


def default_group_fixed() -> InUse:
    """The default security group keeps its name."""
    return InUse("Updating default security group not allowed.", "SecurityGroupCannotUpdateDefault")


def default_group_stays() -> InUse:
    """Only administrators delete a default security group."""
    return InUse(
        "Insufficient rights for removing default security group.", "SecurityGroupCannotRemoveDefault"
    )


def rule_exists(rule_id: str) -> InUse:
    """The group has a rule that says the same."""
    return InUse(f"Security group rule already exists. Rule id is {rule_id}.", "SecurityGroupRuleExists")


def disallowed(rule: str) -> Forbidden:
    """The object is seen, but it is another project's."""
    return Forbidden(f"rule:{rule} is disallowed by policy", "PolicyNotAuthorized")


def other_project() -> Forbidden:
    """Only administrators make objects for other projects."""
    return Forbidden(
        "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
        "admin privileges",
        "AdminRequired",
    )
