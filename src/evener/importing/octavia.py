"""Load balancers of an Octavia, from the objects that its API shows (or would show). All is pure.

Source: openstack/octavia, `octavia/api/v2/types`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evener.api.dialects import octavia
from evener.importing.found import Found, Json, Part, Source, Trouble
from evener.resources.describe import Attr, Resource, descriptors
from evener.resources.healthmonitor import HTTP_TYPES, ONLY_HTTP, HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import Topology
from evener.resources.wire import on_wire

FORM = octavia.FORM
MANNER = replace(octavia.OCTAVIA.manner, within_quotas=False)
GOING = frozenset({"PENDING_DELETE", "DELETED"})
# What the API shows of objects, by kind; members and rules say in `pool_id` and `l7policy_id` what they are below.
Shown = Mapping[type[Resource], Sequence[Json]]
KINDS: tuple[type[Resource], ...] = (Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule)


def found(shown: Shown) -> Source:
    """Return all load balancers of what an API shows."""
    owners = _Owners(shown)
    parts: dict[str, list[Part]] = {}
    left: list[Trouble] = []
    for cls in KINDS:
        for each in shown.get(cls, ()):
            if each.get("provisioning_status") in GOING:
                continue
            balancer = owners.of(cls, each)
            if balancer is None:
                left.append(Trouble(cls.KIND, each["id"], "it belongs to no load balancer"))
            else:
                parts.setdefault(balancer, []).append(_part(cls, each))
    balancers = [
        _balancer(each, parts.get(each["id"], []))
        for each in shown[LoadBalancer]
        if each.get("provisioning_status") != "DELETED"
    ]
    return Source(FORM, MANNER, balancers, left)


def _balancer(shown: Json, parts: list[Part]) -> Found:
    troubles = []
    if shown.get("provisioning_status") in GOING:
        troubles.append("it is being deleted")
    if (shown.get("vip_vnic_type") or "normal") != "normal":
        troubles.append(f"its VIP port is of vnic_type {shown['vip_vnic_type']}, which nobody serves here")
    paired = shown.get("topology") == "ACTIVE_STANDBY"
    return Found(
        id=shown["id"],
        project_id=shown["project_id"],
        vip_port_id=shown.get("vip_port_id"),
        provider=shown.get("provider"),
        body=_given(LoadBalancer, shown, frozenset({"vip_port_id", "provider", "project_id"}))
        | {"topology": Topology.SINGLE.value},
        parts=parts,
        troubles=[Trouble(LoadBalancer.KIND, shown["id"], each) for each in troubles],
        notes=["of topology ACTIVE_STANDBY; one agent serves it here"] if paired else [],
    )


def _given(cls: type[Resource], shown: Json, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what a POST can say of an object, as it is shown."""
    names = on_wire(cls, FORM)
    marks = descriptors(cls)
    return {
        names[name]: shown[names[name]]
        for name in names
        if name not in but
        and isinstance(mark := marks[name][1], Attr)
        and mark.create
        and shown.get(names[name]) is not None
    }


def _part(cls: type[Resource], shown: Json) -> Part:
    body = _given(cls, shown, frozenset({"project_id", "loadbalancer_id", "pool_id"}))
    above: dict[str, str] = {}
    if cls is Listener and shown.get("insert_headers") is not None:
        body["insert_headers"] = dict(shown["insert_headers"])
    if cls is Member:
        above = {"pool_id": shown["pool_id"]}
        if (shown.get("vnic_type") or "normal") != "normal":
            body["request_sriov"] = True
    elif cls is HealthMonitor:
        above = {"pool_id": _only(shown, "pools") or shown["pool_id"]}
        if shown.get("type") not in HTTP_TYPES:
            body = {name: value for name, value in body.items() if name not in ONLY_HTTP}
    elif cls is L7Rule:
        above = {"l7policy_id": shown["l7policy_id"]}
    elif cls is L7Policy and "URL" not in shown["action"] and "PREFIX" not in shown["action"]:
        body.pop("redirect_http_code", None)
    return Part(cls, shown["id"], body, above)


def _only(shown: Json, name: str) -> str | None:
    """Return the one object that a list of references names."""
    return next((str(each["id"]) for each in shown.get(name) or ()), None)


class _Owners:
    """Which load balancer each object is below."""

    def __init__(self, shown: Shown) -> None:
        self._balancers = {each["id"] for each in shown[LoadBalancer]}
        self._by_id: dict[type[Resource], dict[str, Json]] = {
            cls: {each["id"]: each for each in shown.get(cls, ())} for cls in (Listener, Pool, L7Policy)
        }

    def of(self, cls: type[Resource], each: Json) -> str | None:
        """Return the load balancer of an object, where there is one."""
        if cls in (Listener, Pool):
            balancer = _only(each, "loadbalancers")
            return balancer if balancer in self._balancers else None
        if cls is L7Rule:
            return self._above(L7Policy, each["l7policy_id"])
        if cls is L7Policy:
            return self._above(Listener, each["listener_id"])
        return self._above(Pool, each.get("pool_id") or _only(each, "pools"))

    def _above(self, cls: type[Resource], object_id: Any) -> str | None:
        above = self._by_id[cls].get(object_id)
        return None if above is None else self.of(cls, above)
