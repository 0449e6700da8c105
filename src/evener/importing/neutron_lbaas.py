"""Load balancers out of the tables that Neutron-LBaaS had in Neutron's database (up to stein), as rows. All is pure.

Source: openstack/neutron-lbaas, `neutron_lbaas/db/loadbalancer/models.py` and `agent_scheduler.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from evener.api.dialects import lbaas
from evener.importing.found import Found, Part, Source, Trouble
from evener.importing.tables import Row, Rows, by
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HTTP_TYPES, ONLY_HTTP, HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

MARK = "lbaas_loadbalancers"  # who has this table is a Neutron-LBaaS
# The table of each kind of object, and which columns a POST gives under the same name.
_KINDS: Mapping[type[Resource], tuple[str, tuple[str, ...]]] = {
    Listener: (
        "lbaas_listeners",
        ("name", "description", "protocol", "protocol_port", "connection_limit", "default_pool_id"),
    ),
    Pool: ("lbaas_pools", ("name", "description", "protocol", "lb_algorithm")),
    Member: ("lbaas_members", ("name", "address", "protocol_port", "weight", "subnet_id")),
    HealthMonitor: (
        "lbaas_healthmonitors",
        (
            *("name", "type", "delay", "timeout", "max_retries", "max_retries_down"),
            *("http_method", "url_path", "expected_codes"),
        ),
    ),
    L7Policy: (
        "lbaas_l7policies",
        (
            *("name", "description", "listener_id", "action", "redirect_pool_id", "redirect_url"),
            "position",
        ),
    ),
    L7Rule: ("lbaas_l7rules", ("type", "compare_type", "invert", "key", "value")),
}
TABLES = frozenset(
    {
        *(table for table, _ in _KINDS.values()),
        *(MARK, "lbaas_sni", "lbaas_sessionpersistences", "lbaas_loadbalanceragentbindings"),
        *("agents", "providerresourceassociations"),
    }
)
# LBaaS v2 as its rows have it: null is nothing, and members may be on no subnet of their own.
FORM = replace(lbaas.FORM, nulls=True, defaults={}, types={**lbaas.FORM.types, Member: {}}, null_is={})
MANNER = replace(lbaas.LBAAS.manner, within_quotas=False)


def found(rows: Rows) -> Source:
    """Return all load balancers of these rows, by the names of their tables."""
    parts, left = _parts(rows)
    hosts = {row["id"]: row["host"] for row in rows.get("agents", ())}
    served = {
        row["loadbalancer_id"]: hosts.get(row["agent_id"])
        for row in rows.get("lbaas_loadbalanceragentbindings", ())
    }
    providers = {
        row["resource_id"]: row["provider_name"] for row in rows.get("providerresourceassociations", ())
    }
    balancers = [
        _balancer(row, parts.get(row["id"], []), served.get(row["id"]), providers.get(row["id"]))
        for row in rows[MARK]
    ]
    return Source(FORM, MANNER, balancers, left)


def _balancer(row: Row, parts: list[Part], host: str | None, provider: str | None) -> Found:
    names = ("name", "description", "vip_subnet_id", "vip_address", "flavor_id")
    body = {name: row.get(name) for name in names} | {"admin_state_up": bool(row["admin_state_up"])}
    going = row["provisioning_status"] == "PENDING_DELETE"
    return Found(
        id=row["id"],
        project_id=row.get("project_id") or row["tenant_id"],  # which it was before newton
        vip_port_id=row["vip_port_id"],
        provider=provider,
        body=body,
        parts=parts,
        host=host,
        troubles=[Trouble(LoadBalancer.KIND, row["id"], "it is being deleted")] if going else [],
    )


def _parts(rows: Rows) -> tuple[dict[str, list[Part]], list[Trouble]]:
    """Return what is below each load balancer, by its id, and what is below none."""
    owner = _Owners(rows)
    persistence = {row["pool_id"]: row for row in rows.get("lbaas_sessionpersistences", ())}
    sni = by(rows.get("lbaas_sni", ()), "listener_id")
    parts: dict[str, list[Part]] = {}
    left: list[Trouble] = []
    for cls, (table, names) in _KINDS.items():
        for row in rows.get(table, ()):
            if row["provisioning_status"] == "PENDING_DELETE":
                continue
            balancer = owner.of(cls, row)
            if balancer is None:
                left.append(Trouble(cls.KIND, row["id"], "it belongs to no load balancer"))
                continue
            body: dict[str, Any] = {name: row.get(name) for name in names}
            body |= {"admin_state_up": bool(row["admin_state_up"])}
            if cls is Listener:
                body |= _certificates(row, sni.get(row["id"], ()))
            elif cls is Pool and row["id"] in persistence:
                kept = persistence[row["id"]]
                body["session_persistence"] = {"type": kept["type"], "cookie_name": kept["cookie_name"]}
            elif cls is HealthMonitor and row["type"] not in HTTP_TYPES:
                body = {name: value for name, value in body.items() if name not in ONLY_HTTP}
            elif cls is L7Rule:
                body["invert"] = bool(row["invert"])
            parts.setdefault(balancer, []).append(Part(cls, row["id"], body, owner.above(cls, row)))
    return parts, left


def _certificates(row: Row, sni: Iterable[Row]) -> dict[str, Any]:
    ordered = sorted(sni, key=lambda each: each["position"] or 0)
    return {
        "default_tls_container_ref": row["default_tls_container_id"],
        "sni_container_refs": [each["tls_container_id"] for each in ordered],
    }


class _Owners:
    """Which load balancer each object is below, and what its place says."""

    def __init__(self, rows: Rows) -> None:
        self._balancers = {row["id"] for row in rows[MARK]}
        self._listeners = {row["id"]: row for row in rows.get("lbaas_listeners", ())}
        self._pools = {row["id"]: row for row in rows.get("lbaas_pools", ())}
        self._policies = {row["id"]: row for row in rows.get("lbaas_l7policies", ())}
        # Before mitaka a pool was a listener's.
        self._users = {row["default_pool_id"]: row for row in self._listeners.values()}
        self._monitored = {row["healthmonitor_id"]: row["id"] for row in self._pools.values()}

    def of(self, cls: type[Resource], row: Row) -> str | None:
        """Return the load balancer of an object, where there is one."""
        if cls is L7Rule:
            policy = self._policies.get(row["l7policy_id"])
            return None if policy is None else self.of(L7Policy, policy)
        if cls is L7Policy:
            above = self._listeners.get(row["listener_id"])
        elif cls in (Member, HealthMonitor):
            above = self._pools.get(self.above(cls, row).get("pool_id"))
        else:
            above = row
        balancer = None if above is None else above.get("loadbalancer_id")
        if cls is not Listener and balancer is None and above is not None:
            balancer = self._users.get(above["id"], {}).get("loadbalancer_id")
        return balancer if balancer in self._balancers else None

    def above(self, cls: type[Resource], row: Row) -> dict[str, Any]:
        """Return what the place of an object says of it."""
        if cls is Member:
            return {"pool_id": row["pool_id"]}
        if cls is HealthMonitor:
            return {"pool_id": self._monitored[row["id"]]} if row["id"] in self._monitored else {}
        return {"l7policy_id": row["l7policy_id"]} if cls is L7Rule else {}
