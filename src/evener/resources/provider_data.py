"""What a provider can be told in a flavor profile and an availability zone profile: JSON in, checked values out."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evener.resources.errors import InvalidInput, Unsupported
from evener.resources.types import Topology

D = TypeVar("D", bound=BaseModel)
MEGABYTES = 1_048_576  # the most that anybody writes


class FlavorData(BaseModel):
    """What a load balancer is served with; None is what the agent's operator says.

    `maxconn` are connections at once, `cpu_weight` is the share of processors that many want, `memory_max_mb` are
    megabytes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topology: Topology | None = None
    maxconn: int | None = None
    cpu_weight: int | None = None
    memory_max_mb: int | None = None


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Flavor(_Told):
    loadbalancer_topology: Annotated[
        Literal["SINGLE", "ACTIVE_STANDBY"] | None,
        Field(
            description="The load balancer topology. One of: SINGLE - One agent serves it. ACTIVE_STANDBY - Two do, "
            "in different failure domains, of which the other takes over at once."
        ),
    ] = None
    maxconn: Annotated[
        int | None, Field(ge=1, le=10_000_000, description="Connections that it takes at once, at most.")
    ] = None
    connection_limit: Annotated[
        int | None, Field(ge=1, le=10_000_000, description="Another name of maxconn.")
    ] = None
    cpu_weight: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="Its share of processors that many want; 100 is usual."),
    ] = None
    memory_max_mb: Annotated[
        int | None, Field(ge=64, le=MEGABYTES, description="Megabytes of memory that it takes, at most.")
    ] = None
    compute_flavor: Annotated[
        str | None, Field(description="Accepted, and means nothing: there are no virtual machines.")
    ] = None
    amp_image_tag: Annotated[
        str | None, Field(description="Accepted, and means nothing: there are no images.")
    ] = None
    sriov_vip: Annotated[bool, Field(description="When false, the VIP is on an ordinary port.")] = False
    allow_member_sriov: Annotated[
        bool, Field(description="When false, members are reached over ordinary ports.")
    ] = False


class ZoneData(_Told):
    """What an availability zone is; `compute_zone` names its agents by their availability_zone."""

    compute_zone: Annotated[
        str | None, Field(description="The availability_zone of the agents that are in it.")
    ] = None
    valid_vip_networks: Annotated[
        tuple[str, ...] | None, Field(strict=False, description="Ids of the networks that VIPs may be on.")
    ] = None
    management_network: Annotated[
        str | None, Field(description="Accepted, and means nothing: agents are reached over the bus.")
    ] = None
    volume_zone: Annotated[
        str | None, Field(description="Accepted, and means nothing: there are no volumes.")
    ] = None


# What only virtual machines can do.
_NOT_YET: Mapping[str, Any] = {
    "sriov_vip": True,
    "allow_member_sriov": True,
}


def flavor_data(text: str) -> FlavorData:
    """Return what the data of a flavor profile says.

    Raises:
        InvalidInput: when it is no JSON object, or a value makes no sense.
        Unsupported: for what no agent here can do.
    """
    given = _told(_Flavor, text, "flavor_data")
    for name, value in _NOT_YET.items():
        if getattr(given, name) == value:
            raise Unsupported(f"{name} {value}")
    return FlavorData(
        topology=None if given.loadbalancer_topology is None else Topology(given.loadbalancer_topology),
        maxconn=given.maxconn or given.connection_limit,
        cpu_weight=given.cpu_weight,
        memory_max_mb=given.memory_max_mb,
    )


def zone_data(text: str) -> ZoneData:
    """Return what the data of an availability zone profile says; raises as `flavor_data`."""
    return _told(ZoneData, text, "availability_zone_data")


def _told(kind: type[D], text: str, what: str) -> D:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInput(
            f"Invalid input for field/attribute {what}. Value: '{text[:80]}'. It is no JSON object"
        )
    unknown = sorted(str(name) for name in given if name not in kind.model_fields)
    if unknown:
        raise Unsupported(", ".join(unknown)[:200])
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"Invalid input for field/attribute {what}. {where}: {first['msg']}") from None


def capabilities(kind: Literal["flavor", "availability_zone"]) -> dict[str, str]:
    """Return what can be said in the data of profiles of a kind, with what it means."""
    told: type[BaseModel] = _Flavor if kind == "flavor" else ZoneData
    return {name: str(field.description) for name, field in told.model_fields.items()}
