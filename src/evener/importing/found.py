"""What a source holds of load balancers, as bodies of its own dialect, and what of it can be read here. All is pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evener.control import single_call
from evener.control.manner import Manner
from evener.control.takeover import Foreign
from evener.resources.describe import Resource
from evener.resources.errors import EvenerError
from evener.resources.l7policy import L7Policy
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.pool import Pool
from evener.resources.types import validate_uuid
from evener.resources.wire import complete, parse_create
from evener.resources.wire_form import WireForm

Json = Mapping[str, Any]
# What a load balancer's place says of what is below it, which no body has to.
_PLACED = frozenset({"loadbalancer_id", "listener_id"})
# The attributes below a load balancer that name another object below it.
NAMES: Mapping[str, type[Resource]] = {
    "default_pool_id": Pool,
    "redirect_pool_id": Pool,
    "pool_id": Pool,
    "listener_id": Listener,
    "l7policy_id": L7Policy,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an object cannot come."""

    kind: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """An object below a load balancer: what a POST says of it, and what its place says, in our names."""

    cls: type[Resource]
    id: str
    body: Json
    above: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A load balancer of a source. `troubles` are what no body could say; `notes` what will be otherwise here."""

    id: str
    project_id: str
    vip_port_id: str | None
    provider: str | None
    body: Json
    parts: Sequence[Part] = ()
    host: str | None = None
    troubles: Sequence[Trouble] = ()
    notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What its user calls it."""
        return str(self.body.get("name") or "")


@dataclass(frozen=True, slots=True)
class Source:
    """All load balancers of one service, in which dialect they are, and what of it belongs to none of them."""

    form: WireForm
    manner: Manner
    balancers: Sequence[Found]
    left: Sequence[Trouble] = ()


def foreign(source: Source, found: Found) -> Foreign | tuple[Trouble, ...]:
    """Return a load balancer as control takes it over, or all that keeps it from coming."""
    troubles = list(found.troubles)
    values = _tried(troubles, LoadBalancer, found.id, lambda: _balancer(source, found))
    below: dict[type[Resource], list[dict[str, Any]]] = {cls: [] for cls in single_call.ORDER}
    for part in found.parts:
        read = _tried(troubles, part.cls, part.id, lambda part=part: _part(source, found, part))
        if read is not None:
            below[part.cls].append(read)
    troubles += _dangling(found.parts)
    if found.vip_port_id is None:
        troubles.append(Trouble(LoadBalancer.KIND, found.id, "it has no VIP port"))
    if troubles or values is None or found.vip_port_id is None:
        return tuple(troubles)
    _number(below[L7Policy])
    return Foreign(found.id, found.project_id, found.vip_port_id, values, below, found.host)


def _tried(troubles: list[Trouble], cls: type[Resource], object_id: str, read: Any) -> dict[str, Any] | None:
    try:
        return dict(read())
    except EvenerError as error:
        troubles.append(Trouble(cls.KIND, object_id, error.message))
    except ValueError as error:
        troubles.append(Trouble(cls.KIND, object_id, f"its id {error}"))
    return None


def _balancer(source: Source, found: Found) -> Mapping[str, Any]:
    validate_uuid(found.id)
    values = parse_create(LoadBalancer, {LoadBalancer.KIND: found.body}, source.form)
    source.manner.check(LoadBalancer, values)
    return {**values, "provider": found.provider}


def _part(source: Source, found: Found, part: Part) -> Mapping[str, Any]:
    """Return what a POST would have made, by all rules that one object has to obey alone."""
    validate_uuid(part.id)
    cls = part.cls
    values = parse_create(cls, {cls.KIND: part.body}, source.form, _PLACED | part.above.keys())
    values |= {**part.above, "id": part.id}
    full = complete(cls, {**values, "project_id": found.project_id, "loadbalancer_id": found.id})
    cls.check(full)
    source.manner.check(cls, {**values, **full})
    return values


def _dangling(parts: Iterable[Part]) -> list[Trouble]:
    parts = tuple(parts)
    there = {(part.cls, part.id) for part in parts}
    return [
        Trouble(part.cls.KIND, part.id, f"its {name} is {value}, which is not of the same load balancer")
        for part in parts
        for name, value in {**part.body, **part.above}.items()
        if name in NAMES and value is not None and (NAMES[name], value) not in there
    ]


def _number(policies: Iterable[dict[str, Any]]) -> None:
    """Let positions on each listener count from 1 without gaps."""
    last: dict[str, int] = {}
    for policy in sorted(policies, key=lambda each: (each["position"], each["id"])):
        last[policy["listener_id"]] = policy["position"] = last.get(policy["listener_id"], 0) + 1
