"""A network: a link layer that ports are plugged into, in Neutron's form."""

from enum import StrEnum
from typing import Annotated, ClassVar

from evener.resources.describe import CHANGEABLE, ONCE, SHOWN, Attr, Children, Resource
from evener.resources.types import Between, Description, Name, ProjectId, Text
from evener_cloud.network.resources.tags import Tags

MIN_MTU_IPV6 = 1280  # RFC 8200 section 5
PhysicalNetworkName = Annotated[str, Text(64, min_length=1)]  # the length that neutron-lib allows


class LinkStatus(StrEnum):
    """Whether a network or port carries packets."""

    ACTIVE = "ACTIVE"
    DOWN = "DOWN"


class NetworkType(StrEnum):
    """What a network is underneath: of one host alone, or all of a physical network, without tags."""

    LOCAL = "local"
    FLAT = "flat"


PROVIDER = {"create": True, "admin": True, "private": True}


class Network(Resource):
    """The attributes of the Networking API's networks, with its extensions net-mtu-writable, external-net, provider.

    `mtu` is in bytes. A `shared` network may be used by every project; an external one is seen by every project.
    `segmentation_id` means something for other types than ours: it is always null.
    """

    KIND: ClassVar[str] = "network"
    PLURAL: ClassVar[str] = "networks"
    LIMIT: ClassVar[int | None] = 100

    project_id: Annotated[ProjectId, ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    status: Annotated[LinkStatus, SHOWN] = LinkStatus.ACTIVE
    mtu: Annotated[int, Between(68, 65535), CHANGEABLE] = 1500  # RFC 791 section 3.2 names the least
    """Largest packet in bytes."""
    shared: Annotated[bool, Attr(create=True, update=True, admin=True)] = False
    """Whether all projects may use the network."""
    router_external: Annotated[bool, Attr(create=True, update=True, admin=True, wire="router:external")] = (
        False
    )
    """Whether routers may have it as their way out."""
    network_type: Annotated[NetworkType, Attr(**PROVIDER, wire="provider:network_type")] = NetworkType.LOCAL
    """Kind of the network underneath."""
    physical_network: Annotated[
        PhysicalNetworkName | None, Attr(**PROVIDER, nullable=True, wire="provider:physical_network")
    ] = None
    """Physical network underneath."""
    segmentation_id: Annotated[
        Annotated[int, Between(0, 2**24 - 1)] | None,
        Attr(**PROVIDER, stored=False, wire="provider:segmentation_id"),
    ] = None
    """VLAN or tunnel id underneath."""
    tags: Tags = ()
    subnets: Annotated[tuple[str, ...], Children("subnets", "network_id", plain=True)] = ()
