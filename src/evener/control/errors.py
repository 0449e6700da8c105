"""What control refuses, and why. How that is called and shown is a dialect's business; so no status is here."""

from evener.resources.describe import Resource
from evener.resources.errors import Conflict, InUse, InvalidInput, NotFound, Unavailable


class UsedBy(InUse):
    """An object of ours that another one of ours needs: the `user_id` of a kind."""

    KIND = ""

    def __init__(
        self, object_id: str, user: type[Resource], user_id: str, advice: str = "delete its"
    ) -> None:
        super().__init__(f"{self.KIND} {object_id} is in use: {advice} {user.KIND} {user_id} first")
        self.object_id, self.user_id = object_id, user_id


class AgentInUse(InUse):
    """The agent serves load balancers, or is alive."""


class AgentNotFound(NotFound):
    """There is no such agent, or none serves the load balancer."""


class AmphoraInUse(InUse):
    """The amphora serves a load balancer."""


class AvailabilityZoneDisabled(InvalidInput):
    """The availability zone is not for new load balancers."""


class AvailabilityZoneExists(Conflict):
    """There is an availability zone of that name."""


class AvailabilityZoneInUse(InUse):
    """A load balancer is in the availability zone."""


class AvailabilityZoneInvalid(InvalidInput):
    """There is no such availability zone, or it is another provider's."""


class AvailabilityZoneProfileInUse(InUse):
    """An availability zone has the profile."""


class AvailabilityZoneProfileInvalid(InvalidInput):
    """There is no such availability zone profile."""


class BeingDeleted(Conflict):
    """The object was told to go."""


class DefaultPoolAlreadySet(InUse):
    """The listener has another default pool."""


class DefaultServiceProviderNotFound(InvalidInput):
    """No provider is the default."""


class FlavorExists(Conflict):
    """There is a flavor of that name."""


class FlavorInvalid(InvalidInput):
    """There is no such flavor, it is not for new load balancers, or it is another provider's."""


class FlavorProfileInvalid(InvalidInput):
    """There is no such flavor profile."""


class FlavorDisabled(Unavailable):
    """The flavor is not for new load balancers."""


class FlavorInUse(InUse):
    """A load balancer has the flavor."""


class FlavorNotFound(NotFound):
    """There is no such flavor."""


class FlavorServiceProfileBindingExists(Conflict):
    """The flavor has the profile."""


class FlavorServiceProfileBindingNotFound(NotFound):
    """The flavor does not have the profile."""


class ListenerInUse(UsedBy):
    """The listener has L7 policies."""

    KIND = "listener"


class ListenerWithoutLoadBalancer(InvalidInput):
    """Nothing says where the listener belongs."""


class LoadBalancerInUse(UsedBy):
    """The load balancer has listeners or pools."""

    KIND = "loadbalancer"


class MemberExists(Conflict):
    """The pool has a member with this address and port."""


class MemberIsListener(Conflict):
    """The member would be a listener of its own load balancer."""


class MemberOffSubnet(InvalidInput):
    """The member's address is not of its subnet's IP version."""


class NamedNotFound(NotFound):
    """There is no such thing of the network's, or not for this caller, and the request's body names it."""

    WHAT = ""

    def __init__(self, message: str, object_id: str) -> None:
        super().__init__(message)
        self.object_id = object_id


class NetworkNotFound(NamedNotFound):
    """The VIP is to be on it."""

    WHAT = "Network"


class NoActiveAgent(Conflict):
    """No agent gets new load balancers."""


class NoAgentHeard(Unavailable):
    """No agent is heard of that could get the load balancer: they, or the bus, are away."""


class NoEligibleAgent(Conflict):
    """No agent that is heard of can serve the load balancer."""


class PolicyNeedsHttp(Conflict):
    """The listener's protocol knows no requests that a policy could look at."""


class PoolInUse(UsedBy):
    """Something below the pool, or that names it, has to go first."""

    KIND = "pool"


class PoolOfAnotherLoadBalancer(InvalidInput):
    """Listener and pool are of two load balancers."""


class PoolWithoutLoadBalancer(InvalidInput):
    """Nothing says where the pool belongs."""


class SecurityGroupNotFound(NamedNotFound):
    """The VIP's port is to be in it."""

    WHAT = "Security Group"


class PortNotFound(NamedNotFound):
    """The VIP is to be on it."""

    WHAT = "Port"


class PortTaken(Conflict):
    """Another listener of the load balancer is on the port."""


class ProtocolMismatch(Conflict):
    """The pool's protocol does not fit the listener's."""


class ProviderNotEnabled(InvalidInput):
    """No provider is called so."""


class ProviderFlavorConflict(Conflict):
    """Both say who serves the load balancer."""


class QuotaNotFound(NotFound):
    """The project has the default limits, or there is none."""


class SecondHealthMonitor(InUse):
    """The pool has a health monitor."""


class ServiceProfileDisabled(Unavailable):
    """None of the flavor's profiles is enabled."""


class ServiceProfileDriverNotFound(NotFound):
    """There is no such driver."""


class ServiceProfileInUse(InUse):
    """A flavor has the profile."""


class ServiceProfileNotFound(NotFound):
    """There is no such profile, or not for this caller."""


class ServiceProviderNotFound(InvalidInput):
    """There is no such provider."""


class SubnetNotFound(NamedNotFound):
    """The VIP or a member is to be on it."""

    WHAT = "Subnet"


class VipMissing(InvalidInput):
    """Nothing says where the VIP is to be."""


class VipNetworkInvalid(InvalidInput):
    """No subnet of the network can hold the VIP."""


class VipSubnetInvalid(InvalidInput):
    """The VIP's subnet is not on the network named with it."""
