"""The graph of a load balancer: it and all that belongs to it, as one immutable document.

This is what agents receive, keep and render. Objects on their way out (PENDING_DELETE) are not in it.
"""

from functools import cached_property

from pydantic import Field

from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import Role
from evener.resources.wiring import Document, PacketRule, WiredPort


class PoolNode(Document):
    """A pool with its members and its monitor."""

    pool: Pool
    members: tuple[Member, ...] = ()
    healthmonitor: HealthMonitor | None = None


class PolicyNode(Document):
    """An L7 policy with its rules."""

    policy: L7Policy
    rules: tuple[L7Rule, ...] = ()


class TlsCertificate(Document):
    """A certificate as it is served.

    `bundle` is PEM: the leaf, its intermediates upwards, the key without a passphrase. `fingerprint` is the leaf's
    SHA-256 in hexadecimal digits; `names` are the host names it is for, wildcards as they stand; `key_type` is "RSA"
    or "ECDSA", or empty where an older version has written it down; `not_after` is when it ends, in seconds since 1970,
    0 where an older version has.
    """

    bundle: str = Field(repr=False)
    fingerprint: str
    names: tuple[str, ...] = ()
    key_type: str = ""
    not_after: int = 0


class Tree(Document):
    """A load balancer with everything below it."""

    loadbalancer: LoadBalancer
    listeners: tuple[Listener, ...] = ()
    pools: tuple[PoolNode, ...] = ()
    l7policies: tuple[PolicyNode, ...] = ()  # by position within each listener

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


PEER_PORT = 1024  # TCP; below those that connections to members have


class Pair(Document):
    """What a host knows of the other one that serves a load balancer with it: they have its addresses in turn.

    `port` is this host's own, with an address of each version that the VIP's port has; that one is plugged nowhere.
    `peer` is the other's address, of the VIP's version. Who has the higher `priority` keeps the VIP where both have it.
    On `peer_port` of its own address each tells the other which clients belong to which members. `peer_ready` says
    whether the other one has applied this generation, and is heard of.
    """

    port: WiredPort
    peer: str
    priority: int = Field(ge=1, le=254)
    peer_port: int = PEER_PORT
    peer_ready: bool = False


class Graph(Tree):
    """A load balancer as a host realises it: at one generation, on its port, with its certificates.

    `role` is what its agent is among those that serve it, `pair` what it knows of the other one, where there is one.
    `served` says whether any of it was before, anywhere; `binding`, how many hosts have been told to serve it in that
    role, this one included: where it was another one before, that may still have its addresses.
    """

    generation: int
    vip_port: WiredPort  # the addresses that it is called by
    pair: Pair | None = None
    role: Role = Role.STANDALONE
    served: bool = False
    binding: int = 1
    security: tuple[PacketRule, ...] | None = (
        None  # what the port's security groups let in; None where it has none
    )
    certificates: dict[str, TlsCertificate] = Field(default_factory=dict)  # by reference
    authorities: dict[str, str] = Field(default_factory=dict)  # by reference: their certificates, in PEM
    revoked: dict[str, str] = Field(
        default_factory=dict
    )  # by reference: lists of what these have revoked, in PEM
    unreadable: dict[str, str] = Field(
        default_factory=dict
    )  # why a reference that is in use has no certificate here

    @property
    def port(self) -> WiredPort:
        """The port that its host plugs."""
        return self.vip_port if self.pair is None else self.pair.port
