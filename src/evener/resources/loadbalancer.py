"""A load balancer: a VIP address on a port of a subnet."""

from typing import Annotated, Any, ClassVar

from evener.resources.describe import (
    CHANGEABLE,
    HIDDEN,
    ONCE,
    Attr,
    Children,
    Derived,
    KeptMoment,
    Operating,
    Provisioning,
    Resource,
)
from evener.resources.provider_data import FlavorData
from evener.resources.tags import Tags
from evener.resources.types import (
    Description,
    IPAddress,
    Name,
    ProjectId,
    Topology,
    Uuid,
)


class LoadBalancer(Resource):
    """The attributes of Neutron-LBaaS's `extensions/loadbalancerv2.py` and `sharedpools.py` (rocky)."""

    KIND: ClassVar[str] = "loadbalancer"
    PLURAL: ClassVar[str] = "loadbalancers"
    LIMIT: ClassVar[int | None] = 10
    LABEL: ClassVar[str] = "Load Balancer"

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    vip_subnet_id: Annotated[Uuid, Attr(create=True, computed=True)]
    """The subnet the VIP is on."""
    vip_address: Annotated[IPAddress | None, Attr(create=True, nullable=True)] = None
    """IP address for the VIP; one of the subnet's free ones where not given."""
    vip_port_id: Annotated[Uuid | None, Attr(create=True, nullable=True)] = None
    """A port of the project's to be the VIP's, which stays when the load balancer goes."""
    vip_network_id: Annotated[Uuid | None, Attr(create=True, nullable=True)] = None
    """The network the VIP is on, where no subnet is given."""
    provider: Annotated[Name, ONCE] = ""
    """Name of the provider that is to serve the load balancer."""
    flavor_id: Annotated[Name | None, Attr(create=True, nullable=True)] = None
    """The flavor."""
    availability_zone: Annotated[Name | None, Attr(create=True, nullable=True)] = None
    """The availability zone, whose agents may serve it."""
    vip_sg_ids: Annotated[tuple[Uuid, ...], Attr(create=True, update=True)] = ()
    """Security groups of the VIP's port."""
    vip_qos_policy_id: Annotated[Uuid | None, Attr(create=True, update=True, nullable=True, stored=False)] = (
        None
    )
    """A policy for the traffic of the VIP's port; nobody here has any."""
    vip_vnic_type: Annotated[str, Attr(stored=False)] = "normal"
    additional_vips: Annotated[tuple[dict[str, Any], ...], Attr(create=True, stored=False)] = ()
    """More VIPs; there is one."""
    topology: Annotated[Topology, Attr(create=True, update=True, computed=True)] = Topology.SINGLE
    """How many agents serve it: one, or two of which the other takes over at once."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    generation: Annotated[int, HIDDEN] = 0
    flavor_data: Annotated[FlavorData | None, Attr(visible=False, nullable=True)] = None
    failovers: Annotated[int, HIDDEN] = 0
    listeners: Annotated[tuple[str, ...], Children("listeners", "loadbalancer_id")] = ()
    pools: Annotated[tuple[str, ...], Children("pools", "loadbalancer_id")] = ()
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    provisioning_error: Annotated[str | None, Derived(when_set=True)] = None
