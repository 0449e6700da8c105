"""A port: a place to plug something into a network, with a MAC address and addresses of the network's subnets."""

import uuid
from typing import Annotated, Any, ClassVar

from annotated_types import MaxLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from evener.resources.describe import CHANGEABLE, ONCE, SHOWN, Attr, Resource
from evener.resources.types import Cidr, Description, IPAddress, MacAddress, Name, Role, Text, Uuid
from evener_cloud.network.resources.network import LinkStatus
from evener_cloud.network.resources.tags import Tags

LOADBALANCER_OWNER = "neutron:LOADBALANCERV2"
ROUTER_INTERFACE_OWNER = "network:router_interface"
ROUTER_GATEWAY_OWNER = "network:router_gateway"
FLOATINGIP_OWNER = "network:floatingip"
ROUTER_OWNERS = frozenset({ROUTER_INTERFACE_OWNER, ROUTER_GATEWAY_OWNER})
# The service makes these ports for itself, and nobody else does.
SERVICE_OWNERS = ROUTER_OWNERS | {FLOATINGIP_OWNER}
MAX_FIXED_IPS = 5  # Neutron's max_fixed_ips_per_port
MAX_PAIRS = 10  # Neutron's max_allowed_address_pair
MAX_GROUPS = 100  # ours


HOST_ROLES = (Role.MASTER, Role.BACKUP)
_OF_BALANCERS = uuid.UUID("7d5e2f0b-4f7c-4c55-9f5d-0e6a1c8b3d92")


def vip_port_id(loadbalancer_id: str) -> str:
    """Return the id that the port of a load balancer has, or would have.

    So it is known as what the service has made: users give ports any device id and owner, but choose no id.
    """
    return str(uuid.uuid5(_OF_BALANCERS, loadbalancer_id))


def host_port_id(loadbalancer_id: str, role: Role) -> str:
    """Return the id that the port of one of two hosts of a load balancer has, or would have."""
    return str(uuid.uuid5(_OF_BALANCERS, f"{loadbalancer_id} {role}"))


def service_port_ids(loadbalancer_id: str) -> frozenset[str]:
    """Return the ids of the ports that the service makes for a load balancer."""
    hosts = (host_port_id(loadbalancer_id, role) for role in HOST_ROLES)
    return frozenset({vip_port_id(loadbalancer_id), *hosts})


def _unicast(value: str) -> str:
    if int(value[:2], 16) & 1 or value == "00:00:00:00:00:00":
        raise ValueError("is not the MAC address of a single interface")
    return value


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


def _no_doubles(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("has duplicate items")
    return value


class PortAddress(BaseModel):
    """An address of a port. In a request either part may be missing: the service fills it in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subnet_id: Uuid | None = None
    ip_address: IPAddress | None = None


class AddressPair(BaseModel):
    """An address (or CIDR) that the port's owner may use besides its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ip_address: IPAddress | Cidr
    mac_address: MacAddress | None = None


class Port(Resource):
    """The attributes of the Networking API's ports.

    `fixed_ips` has no column: the table of allocations is the one truth. Where the user does not give it, the
    port gets an address of each IP version that the network has. So it is with `security_groups`: where the user
    gives none, the port is in the project's default group, unless a service relies on it. The ports of gateways and
    floating IPs belong to no project: theirs is the empty string.
    """

    KIND: ClassVar[str] = "port"
    PLURAL: ClassVar[str] = "ports"
    LIMIT: ClassVar[int | None] = 500

    project_id: Annotated[str, Text(255), ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    network_id: Annotated[Uuid, Attr(create=True, references="networks")]
    """The network."""
    mac_address: Annotated[MacAddress, AfterValidator(_unicast), Attr(create=True, computed=True)]
    """MAC address."""
    fixed_ips: Annotated[
        tuple[PortAddress, ...],
        MaxLen(MAX_FIXED_IPS),
        Attr(create=True, update=True, computed=True, stored=False, filtered=True),
    ] = ()
    """Subnet and/or address the port is to have."""
    device_id: Annotated[Name, CHANGEABLE] = ""
    """Id of the device that uses the port."""
    device_owner: Annotated[str, Text(255), CHANGEABLE] = ""
    """Kind of the device that uses the port."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    status: Annotated[LinkStatus, SHOWN] = LinkStatus.ACTIVE
    security_groups: Annotated[
        tuple[Uuid, ...],
        MaxLen(MAX_GROUPS),
        BeforeValidator(_none_is_empty),
        AfterValidator(_no_doubles),
        Attr(create=True, update=True, computed=True, stored=False, filtered=True),
    ] = ()
    """A security group."""
    allowed_address_pairs: Annotated[tuple[AddressPair, ...], MaxLen(MAX_PAIRS), CHANGEABLE] = ()
    """Another address that may use the port."""
    tags: Tags = ()
