"""Graphs out of the database: a constant number of statements, however large the load balancer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from evener.network.base import Network
from evener.resources.describe import Resource
from evener.resources.graph import Graph, PolicyNode, PoolNode
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wiring import PacketRule, WiredPort
from evener.store.database import Transaction
from evener.store.rows import bare, table

# Everything below a load balancer; what refers to another kind comes before it, so that rows can go in this order.
BELOW: tuple[type[Resource], ...] = (L7Rule, L7Policy, Listener, Member, HealthMonitor, Pool)


@dataclass(frozen=True, slots=True)
class Family:
    """A load balancer's row and all rows below it that are not on their way out, oldest first."""

    balancer: Row[Any]
    below: Mapping[type[Resource], Sequence[Row[Any]]]

    def graph(self, port: WiredPort, security: tuple[PacketRule, ...] | None = None) -> Graph:
        """Return the rows as a graph."""
        monitors = {row.pool_id: bare(HealthMonitor, row) for row in self.below[HealthMonitor]}
        members: dict[str, list[Member]] = defaultdict(list)
        for row in self.below[Member]:
            members[row.pool_id].append(bare(Member, row))
        return Graph(
            generation=self.balancer.generation,
            loadbalancer=bare(LoadBalancer, self.balancer),
            vip_port=port,
            security=security,
            listeners=tuple(bare(Listener, row) for row in self.below[Listener]),
            pools=tuple(
                PoolNode(
                    pool=bare(Pool, row), members=tuple(members[row.id]), healthmonitor=monitors.get(row.id)
                )
                for row in self.below[Pool]
            ),
            l7policies=self._policies(),
        )

    def _policies(self) -> tuple[PolicyNode, ...]:
        rules: dict[str, list[L7Rule]] = defaultdict(list)
        for row in self.below[L7Rule]:
            rules[row.l7policy_id].append(bare(L7Rule, row))
        in_order = sorted(self.below[L7Policy], key=lambda row: (row.listener_id, row.position))
        return tuple(PolicyNode(policy=bare(L7Policy, row), rules=tuple(rules[row.id])) for row in in_order)


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


def load_graph(tx: Transaction, network: Network, loadbalancer_id: str) -> Graph | None:
    """Return the graph as it should be, without certificates; None for a load balancer that is to go or is not."""
    rows = table(LoadBalancer)
    row = tx.execute(
        select(rows).where(rows.c.id == loadbalancer_id, rows.c.deleted_generation.is_(None))
    ).first()
    if row is None:
        return None
    port = network.vip_port(tx, row.vip_port_id)
    if port is None:
        return None
    return read_family(tx, row).graph(port, network.vip_security(tx, port.id))
