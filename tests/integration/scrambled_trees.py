"""Many load balancers with all below them, in any state that changes, failures and reports may leave them in."""

import random
import uuid
from typing import Any

from api_cloud import HOST, Cloud
from sqlalchemy import Table, delete, select, update

from evener.control import reached
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.facts import Counters
from evener.store.database import Transaction, now
from evener.store.schema import (
    agents,
    bindings,
    counters,
    healthmonitors,
    l7policies,
    l7rules,
    listeners,
    loadbalancers,
    member_health,
    members,
    pools,
)

Json = dict[str, Any]
BELOW = (listeners, pools, members, healthmonitors, l7policies, l7rules)
TABLES = (loadbalancers, *BELOW)


def everything(cloud: Cloud, trees: int) -> None:
    """Make load balancers with everything below them, by the dozen."""
    for _ in range(trees):
        tree = cloud.tree(cloud.bob)
        second_pool = cloud.pool(tree.loadbalancer, cloud.bob)["id"]
        for pool in (tree.pool, second_pool):
            for last in (20, 21):
                values = {"subnet_id": tree.subnet, "address": f"10.0.0.{last}", "protocol_port": 80}
                cloud.bob.create("member", in_pool=pool, **values)
        values = {"pool_id": second_pool, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        cloud.bob.create("healthmonitor", **values)
        policy = {"listener_id": tree.listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": second_pool}
        made = cloud.bob.ok("POST", "/lbaas/l7policies", {"l7policy": policy})["l7policy"]["id"]
        rule = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}
        cloud.bob.ok("POST", f"/lbaas/l7policies/{made}/rules", {"rule": rule})


def scramble(tx: Transaction, r: random.Random) -> None:
    """Bring every object into a state that changes, failures and reports may leave it in, any of them."""
    known = {table: tx.execute(select(table)).mappings().all() for table in TABLES}
    for table, found in known.items():
        for row in found:
            tx.execute(update(table).where(table.c.id == row["id"]).values(**_state(r, table)))
    for row in known[l7policies]:
        values = {"redirect_pool_id": r.choice([None, row["redirect_pool_id"]])}
        tx.execute(update(l7policies).where(l7policies.c.id == row["id"]).values(**values))
    served = tx.execute(select(bindings)).mappings().all()
    for row in served:
        mine = [
            each["id"]
            for table in BELOW
            for each in known[table]
            if each["loadbalancer_id"] == row["loadbalancer_id"]
        ]
        named = r.choice([None, r.sample(mine, 3)])
        failed = r.choice([None, r.randint(1, 6)])
        values = {
            "applied_generation": r.choice([0, 3, 3, 5]),
            "failed_generation": failed,
            "failure": None if failed is None else "no",
            "failed_objects": None if failed is None else named,
        }
        which = (bindings.c.agent_id == row["agent_id"], bindings.c.loadbalancer_id == row["loadbalancer_id"])
        tx.execute(update(bindings).where(*which).values(**values))
    for agent in tx.scalar_ids(select(agents.c.id)):
        late = r.choice([0, 0, 0, 2]) * AGENT_DOWN_AFTER
        tx.execute(update(agents).where(agents.c.id == agent).values(heartbeat_at=now() - late))
    _observations(tx, r, served, known)
    nobodys = r.choice([0, 0, 0.5])  # as before tables are contracted
    for row in known[loadbalancers]:
        kept = {"reached_generation": None if r.random() < nobodys else 0, "failing_generation": None}
        mine = loadbalancers.c.id == row["id"]
        tx.execute(update(loadbalancers).where(mine).values(**kept, standing=None))
        reached.keep(tx, row["id"])


def _state(r: random.Random, table: Table) -> Json:
    created = r.choice([1, 1, 2, 4])
    changed = max(created, r.choice([1, 3, 5]))
    own = {"weight": r.choice([0, 1])} if table is members else {}
    return {
        **own,
        "admin_state_up": r.random() < 0.85,
        "created_generation": created,
        "generation" if table is loadbalancers else "changed_generation": changed,
        "deleted_generation": None if r.random() < 0.9 else changed,
    }


def _observations(tx: Transaction, r: random.Random, served: Any, known: Any) -> None:
    tx.execute(delete(member_health))
    tx.execute(delete(counters))
    for row in served:
        of_it = {"agent_id": row["agent_id"], "loadbalancer_id": row["loadbalancer_id"]}
        for each in known[members]:
            if each["loadbalancer_id"] == row["loadbalancer_id"] and r.random() < 0.9:
                status = r.choice(["ONLINE", "ONLINE", "OFFLINE", "OFFLINE", "NO_MONITOR"])
                values = {"member_id": each["id"], "status": status, "changed_at": now(), **of_it}
                tx.execute(member_health.insert().values(**values))
        for each in known[listeners]:
            if each["loadbalancer_id"] == row["loadbalancer_id"]:
                values = {"owner_id": each["id"], **dict.fromkeys(Counters.model_fields, 0), **of_it}
                tx.execute(counters.insert().values(**{**values, "active_connections": r.choice([0, 3])}))
                limit = r.choice([-1, 5, 6, 100])
                tx.execute(
                    update(listeners).where(listeners.c.id == each["id"]).values(connection_limit=limit)
                )


def served_by_two(cloud: Cloud) -> None:
    """Let another agent serve all load balancers but one as well."""
    cloud.controller.heartbeat("node-2", {})
    with cloud.database.write() as tx:
        (other,) = tx.scalar_ids(select(agents.c.id).where(agents.c.host != HOST))
        for row in tx.execute(select(bindings)).mappings().all()[1:]:
            tx.execute(bindings.insert().values(**{**row, "id": str(uuid.uuid4()), "agent_id": other}))
