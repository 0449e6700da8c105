"""What can be wrong with one object of the network's. Each type is called as Neutron calls it (neutron-lib)."""

from evener.resources import errors
from evener.resources.errors import Conflict, InUse


class GatewayConflictWithAllocationPools(InUse):
    """The gateway's address is in a range."""


class InvalidAllocationPool(errors.InvalidInput):
    """It is no range of addresses of the subnet's IP version."""


class InvalidCIDR(errors.InvalidInput):
    """It is no block of addresses."""


class InvalidInput(errors.InvalidInput):
    """What an operation is given makes no sense to it: Neutron has a name for that."""


class OutOfBoundsAllocationPool(errors.InvalidInput):
    """The range is not all of the subnet's."""


class OverlappingAllocationPools(Conflict):
    """Two ranges have addresses in common."""


class SecurityGroupEthertypeConflictWithProtocol(errors.InvalidInput):
    """The protocol is of another IP version."""


class SecurityGroupInvalidIcmpValue(errors.InvalidInput):
    """It is no type or code of ICMP."""


class SecurityGroupInvalidPortRange(errors.InvalidInput):
    """The range runs backwards."""


class SecurityGroupInvalidPortValue(errors.InvalidInput):
    """It is no port."""


class SecurityGroupInvalidProtocolForPort(errors.InvalidInput):
    """The protocol has no ports."""


class SecurityGroupMissingIcmpType(errors.InvalidInput):
    """A code of ICMP needs its type."""


class SecurityGroupProtocolRequiredWithPorts(errors.InvalidInput):
    """A range of ports needs a protocol."""


class SecurityGroupRemoteGroupAndRemoteIpPrefix(errors.InvalidInput):
    """A rule has one of the two."""


class SecurityGroupRuleInvalidEtherType(errors.InvalidInput):
    """There is no such Ethernet type."""


class SecurityGroupRuleInvalidProtocol(errors.InvalidInput):
    """There is no such protocol."""


class SecurityGroupRuleParameterConflict(errors.InvalidInput):
    """The block of addresses is of another IP version."""
