"""Graphs out of the database: a constant number of statements, however large the load balancer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Row, select

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
from evener.store.database import Transaction
from evener.store.rows import bare, table

# Everything below a load balancer; what refers to another kind comes before it, so that rows can go in this order.
BELOW: tuple[type[Resource], ...] = (L7Rule, L7Policy, Listener, Member, HealthMonitor, Pool)


@dataclass(frozen=True, slots=True)
class Family:
    """A load balancer's row and all rows below it that are not on their way out, oldest first."""

    balancer: Row[Any]
    below: Mapping[type[Resource], Sequence[Row[Any]]]

    def graph(self, port: VipPort, role: Role = Role.STANDALONE) -> Graph:
        """Return the rows as a graph for an agent of that role, with the load balancer's port."""
        return Graph(
            generation=self.balancer.generation,
            vip_port=port.wiring,
            security=port.security,
            role=role,
            **self._parts(),
        )

    def openings(self, port: WiredPort) -> tuple[PacketRule, ...]:
        """Return the packets that its listeners wait for at the addresses of `port`: what a filter has to let in."""
        versions = sorted({ip_address(each.address).version for each in port.fixed_ips})
        listeners = [row for row in self.below[Listener] if row.admin_state_up]
        return tuple(
            PacketRule(
                ip_version=4 if version == 4 else 6,
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
        nodes = arranged({cls: [bare(cls, row) for row in found] for cls, found in self.below.items()})
        return {
            "loadbalancer": bare(LoadBalancer, self.balancer),
            "listeners": nodes.listeners,
            "pools": nodes.pools,
            "l7policies": nodes.l7policies,
        }


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


def read_family(tx: Transaction, balancer: Row[Any]) -> Family:
    """Read everything below a load balancer.

    Its own row has been read before: should a change come between the statements, what is read is newer than the
    generation says, never older, and the next look finds the rest.
    """
    below = {}
    for cls in BELOW:
        rows = table(cls)
        statement = select(rows).where(
            rows.c.loadbalancer_id == balancer.id, rows.c.deleted_generation.is_(None)
        )
        below[cls] = list(tx.execute(statement.order_by(rows.c.created_at, rows.c.id)))
    return Family(balancer, below)


def load_family(tx: Transaction, loadbalancer_id: str) -> Family | None:
    """Return a load balancer with everything below it; None for one that is to go or is not."""
    rows = table(LoadBalancer)
    row = tx.execute(
        select(rows).where(rows.c.id == loadbalancer_id, rows.c.deleted_generation.is_(None))
    ).first()
    return None if row is None else read_family(tx, row)
