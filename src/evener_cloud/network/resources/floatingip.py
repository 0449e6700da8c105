"""A floating IP: an address of an external network that stands for the address of a port inside. Neutron's form."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict

from evener.resources.describe import CHANGEABLE, ONCE, SHOWN, Attr, Derived, Resource
from evener.resources.types import Description, IPAddress, ProjectId, Uuid
from evener_cloud.network.resources.network import LinkStatus
from evener_cloud.network.resources.tags import Tags


class PortDetails(BaseModel):
    """What a floating IP shows of the port that it stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: LinkStatus
    device_id: str
    device_owner: str


class FloatingIP(Resource):
    """The attributes of the Networking API's floating IPs, with its extension fip-port-details.

    `subnet_id` is a wish that goes with a POST. The router follows from the port; `status` is ACTIVE while there is
    one. Both addresses are IPv4.
    """

    KIND: ClassVar[str] = "floatingip"
    PLURAL: ClassVar[str] = "floatingips"
    LIMIT: ClassVar[int | None] = 50

    project_id: Annotated[ProjectId, ONCE]
    description: Annotated[Description, CHANGEABLE] = ""
    floating_network_id: Annotated[Uuid, Attr(create=True, references="networks")]
    """The external network that the floating IP is taken from."""
    floating_ip_address: Annotated[IPAddress | None, Attr(create=True, admin=True, nullable=True)] = None
    """Address that the floating IP is to have."""
    floating_port_id: Annotated[Uuid | None, Attr(visible=False, nullable=True, references="ports")] = None
    subnet_id: Annotated[Uuid | None, Attr(create=True, stored=False, visible=False, filtered=True)] = None
    """The subnet that the address is taken from."""
    port_id: Annotated[Uuid | None, Attr(create=True, update=True, nullable=True, references="ports")] = None
    """The port that the floating IP stands for."""
    fixed_ip_address: Annotated[IPAddress | None, Attr(create=True, update=True, nullable=True)] = None
    """Address of the port, where it has several."""
    router_id: Annotated[Uuid | None, Attr(nullable=True, references="routers")] = None
    status: Annotated[LinkStatus, SHOWN] = LinkStatus.DOWN
    tags: Tags = ()
    port_details: Annotated[PortDetails | None, Derived()] = None
