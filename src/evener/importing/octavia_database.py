"""The rows of an Octavia database as its API would show them. All is pure.

Source: openstack/octavia, `octavia/db/models.py` (2025.1); what came later than a database is nothing.
"""

import io
import pickle
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from evener.importing.octavia import Shown
from evener.importing.tables import Row, Rows, by
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

MARK = "load_balancer"  # who has this table is an Octavia
TABLES = frozenset(
    {
        *(MARK, "vip", "additional_vip", "vip_security_group", "tags"),
        *("listener", "sni", "listener_cidr", "pool", "session_persistence", "member", "health_monitor"),
        *("l7policy", "l7rule"),
    }
)
# Columns that the API calls otherwise.
_CALLED: Mapping[type[Resource], Mapping[str, str]] = {
    Listener: {
        "default_tls_container_ref": "tls_certificate_id",
        "client_ca_tls_container_ref": "client_ca_tls_certificate_id",
        "client_crl_container_ref": "client_crl_container_id",
    },
    Pool: {
        "tls_container_ref": "tls_certificate_id",
        "ca_tls_container_ref": "ca_tls_certificate_id",
        "crl_container_ref": "crl_container_id",
    },
    Member: {"address": "ip_address"},
    HealthMonitor: {"max_retries": "rise_threshold", "max_retries_down": "fall_threshold"},
}
_FLAGS = frozenset({"enabled", "backup", "invert", "tls_enabled", "hsts_include_subdomains", "hsts_preload"})
_LISTS = frozenset({"tls_versions", "alpn_protocols"})


def shown(rows: Rows) -> Shown:
    """Return what the API of these rows, by the names of their tables, shows of each kind."""
    tags = by(rows.get("tags", ()), "resource_id")

    def of(cls: type[Resource], row: Row, **more: Any) -> dict[str, Any]:
        found = _renamed(cls, row) | {"tags": sorted(each["tag"] for each in tags.get(row["id"], ()))}
        return {**found, **more}

    balancer = partial(_balancer, rows)
    persistence = {row["pool_id"]: row for row in rows.get("session_persistence", ())}
    sni, cidrs = (by(rows.get(table, ()), "listener_id") for table in ("sni", "listener_cidr"))
    return {
        LoadBalancer: [of(LoadBalancer, row, **more) for row, more in balancer()],
        Listener: [
            of(Listener, row, **_of_listener(row, sni.get(row["id"], ()), cidrs.get(row["id"], ())))
            for row in rows.get("listener", ())
        ],
        Pool: [
            of(
                Pool,
                row,
                loadbalancers=_ref(row),
                session_persistence=_persistence(persistence.get(row["id"])),
            )
            for row in rows.get("pool", ())
        ],
        Member: [of(Member, row) for row in rows.get("member", ())],
        HealthMonitor: [
            of(HealthMonitor, row, pools=[{"id": row["pool_id"]}], http_version=_version(row))
            for row in rows.get("health_monitor", ())
        ],
        L7Policy: [of(L7Policy, row) for row in rows.get("l7policy", ())],
        L7Rule: [of(L7Rule, row) for row in rows.get("l7rule", ())],
    }


def _renamed(cls: type[Resource], row: Row) -> dict[str, Any]:
    found = {
        name: bool(value) if name in _FLAGS and value is not None else value for name, value in row.items()
    }
    for name in _LISTS & found.keys():
        found[name] = [each.strip() for each in str(found[name] or "").split(",") if each.strip()] or None
    for ours, theirs in _CALLED.get(cls, {}).items():
        found[ours] = found.pop(theirs, None)
    found["admin_state_up"] = found.pop("enabled", True)
    return found


def _balancer(rows: Rows) -> Iterable[tuple[Row, dict[str, Any]]]:
    vips = {row["load_balancer_id"]: row for row in rows.get("vip", ())}
    more, groups = (
        by(rows.get(table, ()), "load_balancer_id") for table in ("additional_vip", "vip_security_group")
    )
    for row in rows[MARK]:
        vip = vips.get(row["id"], {})
        yield (
            row,
            {
                "vip_address": vip.get("ip_address"),
                "vip_port_id": vip.get("port_id"),
                "vip_subnet_id": vip.get("subnet_id"),
                "vip_network_id": vip.get("network_id"),
                "vip_qos_policy_id": vip.get("qos_policy_id"),
                "vip_vnic_type": vip.get("vnic_type"),
                "vip_sg_ids": [each["sg_id"] for each in groups.get(row["id"], ())],
                "additional_vips": [
                    {"subnet_id": each["subnet_id"], "ip_address": each["ip_address"]}
                    for each in more.get(row["id"], ())
                ],
            },
        )


def _ref(row: Row) -> list[dict[str, str]]:
    return [{"id": row["load_balancer_id"]}] if row["load_balancer_id"] else []


def _of_listener(row: Row, sni: Iterable[Row], cidrs: Iterable[Row]) -> dict[str, Any]:
    ordered = sorted(sni, key=lambda each: each["position"] or 0)
    return {
        "loadbalancers": _ref(row),
        "insert_headers": _unpickled(row.get("insert_headers")),
        "sni_container_refs": [each["tls_container_id"] for each in ordered],
        "allowed_cidrs": [each["cidr"] for each in cidrs] or None,
    }


def _persistence(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    names = ("type", "cookie_name", "persistence_timeout", "persistence_granularity")
    return {name: row.get(name) for name in names if row.get(name) is not None}


def _version(row: Row) -> float | None:
    """Return a version of HTTP, of which a database may keep seven digits."""
    version = row.get("http_version")
    return None if version is None else round(float(version), 1)


class _OnlyPlain(pickle.Unpickler):
    """Reads what is made of Python's own plain types, and calls nothing."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def _unpickled(value: bytes | None) -> Any:
    """Return the headers that a listener inserts, which Octavia keeps pickled; what is none of that, as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return _OnlyPlain(io.BytesIO(value)).load()
    except Exception:  # noqa: BLE001 - whatever a damaged one brings
        return {"insert_headers": "unreadable"}
