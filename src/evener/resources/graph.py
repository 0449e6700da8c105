"""The graph of a load balancer: it and all that belongs to it, as one immutable document.

This is what agents receive, keep and render. Objects on their way out (PENDING_DELETE) are not in it.
"""

from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool


class _Document(BaseModel):
    # A complaint about what was read must not quote it: there are keys in it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", ignored_types=(cached_property,), hide_input_in_errors=True
    )


class Route(_Document):
    """A way to `destination` (a CIDR) over `nexthop` (an address on the subnet)."""

    destination: str
    nexthop: str


class FixedIP(_Document):
    """An address of a port, with what its subnet says about the way out."""

    address: str
    prefix_length: int
    gateway: str | None = None
    routes: tuple[Route, ...] = ()


class VipPort(_Document):
    """The port that carries the VIP, as an interface driver needs it. `mtu` is in bytes."""

    id: str
    network_id: str
    mac_address: str
    mtu: int = 1500
    fixed_ips: tuple[FixedIP, ...]


class PoolNode(_Document):
    """A pool with its members and its monitor."""

    pool: Pool
    members: tuple[Member, ...] = ()
    healthmonitor: HealthMonitor | None = None


class PolicyNode(_Document):
    """An L7 policy with its rules."""

    policy: L7Policy
    rules: tuple[L7Rule, ...] = ()


class TlsCertificate(_Document):
    """A certificate as it is served.

    `bundle` is PEM: the leaf, its intermediates upwards, the key without a passphrase. `fingerprint` is the leaf's
    SHA-256 in hexadecimal digits; `names` are the host names it is for, wildcards as they stand.
    """

    bundle: str = Field(repr=False)
    fingerprint: str
    names: tuple[str, ...] = ()


class Graph(_Document):
    """A load balancer with everything below it, at one generation."""

    generation: int
    loadbalancer: LoadBalancer
    vip_port: VipPort
    listeners: tuple[Listener, ...] = ()
    pools: tuple[PoolNode, ...] = ()
    l7policies: tuple[PolicyNode, ...] = ()  # by position within each listener
    certificates: dict[str, TlsCertificate] = {}  # by reference
    unreadable: dict[str, str] = {}  # why a reference that is in use has no certificate here

    @property
    def id(self) -> str:
        """The load balancer's id."""
        return self.loadbalancer.id

    def policies_of(self, listener_id: str) -> tuple[PolicyNode, ...]:
        """Return the policies of a listener, in the order in which they are tried."""
        return tuple(node for node in self.l7policies if node.policy.listener_id == listener_id)

    @cached_property
    def pools_by_id(self) -> dict[str, PoolNode]:
        """The pools by their ids."""
        return {node.pool.id: node for node in self.pools}


class NetworkSpec(_Document):
    """A network that a host realises itself: its id, and the largest packet in bytes."""

    id: str
    mtu: int = 1500
