"""Graphs out of the database: a constant number of statements, however large the load balancer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from sqlalchemy import Row, Select, bindparam, select

from evener.resources.describe import Resource
from evener.resources.graph import Graph, PolicyNode, PoolNode, Tree
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import Role
from evener.resources.wiring import PacketRule, WiredPort
from evener.services.network import VipPort
from evener.store import rows
from evener.store.database import Transaction

# Everything below a load balancer; what refers to another kind comes before it, so that rows can go in this order.
BELOW: tuple[type[Resource], ...] = (L7Rule, L7Policy, Listener, Member, HealthMonitor, Pool)

# Requests for an echo: RFC 792 and RFC 4443, section 4.1.
PING: Mapping[int, PacketRule] = {
    4: PacketRule(ip_version=4, protocol="icmp", first_port=8),
    6: PacketRule(ip_version=6, protocol="icmpv6", first_port=128),
}


@dataclass(frozen=True, slots=True)
class Family:
    """A load balancer's row and all rows below it that are not on their way out, oldest first.

    Those of a family that is read to be `told` have what agents are told, and nothing else.
    """

    balancer: Row[Any]
    below: Mapping[type[Resource], Sequence[Row[Any]]]
    told: bool = False

    def graph(
        self, port: VipPort, role: Role = Role.STANDALONE, *, served: bool = False, binding: int = 1
    ) -> Graph:
        """Return the rows as a graph for an agent of that role, with the load balancer's port.

        `served` says whether any of it was before, anywhere, and `binding` how many agents have had that role.
        """
        return Graph(
            generation=self.balancer.generation,
            vip_port=port.wiring,
            security=port.security,
            role=role,
            served=served,
            binding=binding,
            **self._parts(),
        )

    def openings(self, port: WiredPort) -> tuple[PacketRule, ...]:
        """Return what a filter has to let in to the addresses of `port`: pings, and what its listeners wait for."""
        versions: list[Literal[4, 6]] = sorted({ip_address(each.address).version for each in port.fixed_ips})
        listeners = [row for row in self.below[Listener] if row.admin_state_up]
        return tuple(PING[version] for version in versions) + tuple(
            PacketRule(
                ip_version=version,
                protocol="tcp",
                first_port=row.protocol_port,
                last_port=row.protocol_port,
                remotes=None if sources is None else tuple(each for each in sources if _is_of(version, each)),
            )
            for row in listeners
            for version in versions
            for sources in [row.allowed_cidrs or None]
        )

    def tree(self) -> Tree:
        """Return the rows as a tree."""
        return Tree(**self._parts())

    def _parts(self) -> dict[str, Any]:
        nodes = arranged({cls: self._made(cls) for cls in self.below})
        return {
            "loadbalancer": rows.bare(LoadBalancer, self.balancer),
            "listeners": nodes.listeners,
            "pools": nodes.pools,
            "l7policies": nodes.l7policies,
        }

    def _made(self, cls: type[Resource]) -> list[Any]:
        found = self.below[cls]
        return rows.told(cls, found) if self.told else [rows.bare(cls, row) for row in found]


def _is_of(version: int, block: str) -> bool:
    return ip_network(block, strict=False).version == version


@dataclass(frozen=True, slots=True)
class Nodes:
    """What is below a load balancer: each with what it holds, the policies by position within each listener."""

    listeners: tuple[Listener, ...]
    pools: tuple[PoolNode, ...]
    l7policies: tuple[PolicyNode, ...]


def arranged(below: Mapping[type[Resource], Sequence[Any]]) -> Nodes:
    """Arrange everything below a load balancer, given by kind, oldest first."""
    monitors = {monitor.pool_id: monitor for monitor in below[HealthMonitor]}
    members: dict[str, list[Member]] = defaultdict(list)
    for member in below[Member]:
        members[member.pool_id].append(member)
    rules: dict[str, list[L7Rule]] = defaultdict(list)
    for rule in below[L7Rule]:
        rules[rule.l7policy_id].append(rule)
    policies = sorted(below[L7Policy], key=lambda policy: (policy.listener_id, policy.position))
    return Nodes(
        listeners=tuple(below[Listener]),
        pools=tuple(
            PoolNode(pool=pool, members=tuple(members[pool.id]), healthmonitor=monitors.get(pool.id))
            for pool in below[Pool]
        ),
        l7policies=tuple(PolicyNode(policy=policy, rules=tuple(rules[policy.id])) for policy in policies),
    )


def read_family(tx: Transaction, balancer: Row[Any], *, told: bool = False) -> Family:
    """Read everything below a load balancer.

    Its own row has been read before: should a change come between the statements, what is read is newer than the
    generation says, never older, and the next look finds the rest.
    """
    wanted = {"wanted": balancer.id}
    below = {cls: list(tx.execute(_below(cls, told=told), wanted)) for cls in BELOW}
    return Family(balancer, below, told)


@cache
def _below(cls: type[Resource], *, told: bool) -> Select[Any]:
    """Return the statement of all of a kind below a load balancer, built once."""
    below = rows.table(cls)
    statement = select(*rows.told_columns(cls)) if told else select(below)
    of_it = (below.c.loadbalancer_id == bindparam("wanted"), below.c.deleted_generation.is_(None))
    return statement.where(*of_it).order_by(below.c.created_at, below.c.id)


def load_family(tx: Transaction, loadbalancer_id: str) -> Family | None:
    """Return a load balancer with everything below it, to be told; None for one that is to go or is not."""
    balancers = rows.table(LoadBalancer)
    row = tx.execute(
        select(balancers).where(balancers.c.id == loadbalancer_id, balancers.c.deleted_generation.is_(None))
    ).first()
    return None if row is None else read_family(tx, row, told=True)
