"""A router: joins subnets, and leads outside through its gateway on an external network. In Neutron's form."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from annotated_types import MaxLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from evener.resources.describe import CHANGEABLE, HIDDEN, ONCE, SHOWN, Attr, Resource
from evener.resources.types import Description, Name, ProjectId, Uuid
from evener_cloud.network.resources.network import LinkStatus
from evener_cloud.network.resources.port import MAX_FIXED_IPS, PortAddress
from evener_cloud.network.resources.subnet import HostRoute
from evener_cloud.network.resources.tags import Tags

MAX_ROUTES = 30  # Neutron's max_routes
_ADMINISTRATORS = Attr(create=True, update=True, admin=True)


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


class ExternalGateway(BaseModel):
    """The way outside: a port of the router on an external network, which takes any address where none is wished.

    With `enable_snat`, what comes from inside and has no floating IP leaves under the port's IPv4 address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network_id: Uuid
    enable_snat: Annotated[bool, _ADMINISTRATORS] = True
    external_fixed_ips: Annotated[
        tuple[PortAddress, ...], MaxLen(MAX_FIXED_IPS), BeforeValidator(_none_is_empty), _ADMINISTRATORS
    ] = ()


def _nothing(value: Any) -> Any:
    return None if value == {} else value  # what clients send to clear the gateway


def _unlike(routes: Sequence[HostRoute]) -> Sequence[HostRoute]:
    if len(set(routes)) != len(routes):
        raise ValueError("the same route is given twice")
    return routes


def _never(value: bool) -> bool:  # noqa: FBT001 - a validator takes its value
    if value:
        raise ValueError("is not supported; leave it out, or give false")
    return value


_NEVER = Attr(create=True, update=True, stored=False)


class Router(Resource):
    """The attributes of the Networking API's routers, with its extensions ext-gw-mode and extraroute.

    `external_gateway_info` has no column: the port is the one truth. Routers are neither distributed nor made highly
    available.
    """

    KIND: ClassVar[str] = "router"
    PLURAL: ClassVar[str] = "routers"
    LIMIT: ClassVar[int | None] = 10

    project_id: Annotated[ProjectId, ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    status: Annotated[LinkStatus, SHOWN] = LinkStatus.ACTIVE
    external_gateway_info: Annotated[
        ExternalGateway | None, BeforeValidator(_nothing), Attr(create=True, update=True, stored=False)
    ] = None
    """The way outside."""
    enable_snat: Annotated[bool, HIDDEN] = True
    routes: Annotated[
        tuple[HostRoute, ...],
        MaxLen(MAX_ROUTES),
        AfterValidator(_unlike),
        Attr(update=True),
    ] = ()
    """Route of the router."""
    distributed: Annotated[bool, AfterValidator(_never), _NEVER] = False
    """Whether the router is on every host."""
    ha: Annotated[bool, AfterValidator(_never), _NEVER] = False
    """Whether the router is highly available."""
    tags: Tags = ()
