"""What a network service answers where it must refuse, in the words and types of Neutron (neutron-lib)."""

from evener.resources.errors import Conflict, Forbidden, InUse, InvalidInput, NotFound


def not_found(kind: str, object_id: str) -> NotFound:
    """There is no such `kind` ("Network", "Subnet", "Port"), or not for this caller."""
    return NotFound(f"{kind} {object_id} could not be found.", f"{kind}NotFound")


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


def no_address_left(network_id: str) -> Conflict:
    """All addresses of the pools are taken."""
    return Conflict(f"No more IP addresses available on network {network_id}.", "IpAddressGenerationFailure")


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


def no_security_group(group_id: str) -> NotFound:
    """The builtin network has no security groups."""
    return NotFound(f"Security group {group_id} does not exist", "SecurityGroupNotFound")


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
