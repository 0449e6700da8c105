"""A network: a link layer that ports are plugged into, in Neutron's form."""

from enum import StrEnum
from typing import Annotated, ClassVar

from evener.resources.describe import CHANGEABLE, ONCE, SHOWN, Attr, Children, Resource
from evener.resources.types import Between, Description, Name, ProjectId

MIN_MTU_IPV6 = 1280  # RFC 8200 section 5


class LinkStatus(StrEnum):
    """Whether a network or port carries packets."""

    ACTIVE = "ACTIVE"
    DOWN = "DOWN"


class Network(Resource):
    """The attributes of the Networking API's networks, with its extensions net-mtu-writable and external-net.

    `mtu` is in bytes. A `shared` network may be used by every project; an external one is seen by every project.
    """

    KIND: ClassVar[str] = "network"
    PLURAL: ClassVar[str] = "networks"

    project_id: Annotated[ProjectId, ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    status: Annotated[LinkStatus, SHOWN] = LinkStatus.ACTIVE
    mtu: Annotated[int, Between(68, 65535), CHANGEABLE] = 1500  # RFC 791 section 3.2 names the least
    shared: Annotated[bool, Attr(create=True, update=True, admin=True)] = False
    router_external: Annotated[bool, Attr(create=True, update=True, admin=True, wire="router:external")] = (
        False
    )
    subnets: Annotated[tuple[str, ...], Children("subnets", "network_id", plain=True)] = ()
