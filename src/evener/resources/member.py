"""A member: one server of a pool."""

from typing import Annotated, ClassVar

from evener.resources.describe import (
    CHANGEABLE,
    ONCE,
    UNLIMITED,
    Attr,
    KeptMoment,
    Operating,
    Provisioning,
    Resource,
)
from evener.resources.tags import Tags
from evener.resources.types import Between, IPAddress, Name, PortNumber, ProjectId, Uuid


class Member(Resource):
    """The attributes of Neutron-LBaaS's `extensions/loadbalancerv2.py` (rocky)."""

    KIND: ClassVar[str] = "member"
    PLURAL: ClassVar[str] = "members"
    LIMIT: ClassVar[int | None] = UNLIMITED
    PARENT: ClassVar[str | None] = "pool_id"

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    pool_id: Annotated[Uuid, Attr(visible=False, references="pools")]
    loadbalancer_id: Annotated[Uuid, Attr(visible=False, references="loadbalancers")]
    subnet_id: Annotated[Uuid | None, Attr(create=True, nullable=True)] = None
    """The subnet the member is reached on."""
    address: Annotated[IPAddress, ONCE]
    """IP address of the member."""
    protocol_port: Annotated[PortNumber, ONCE]
    """Port the member listens on."""
    weight: Annotated[int, Between(0, 256), CHANGEABLE] = 1
    """Share of the traffic relative to the other members, 0 to 256; 1 where not given."""
    backup: Annotated[bool, CHANGEABLE] = False
    """Whether it is asked only while all others are out."""
    monitor_address: Annotated[IPAddress | None, Attr(create=True, update=True, nullable=True)] = None
    """IP address that health monitors ask, where that is another one."""
    monitor_port: Annotated[PortNumber | None, Attr(create=True, update=True, nullable=True)] = None
    """Port that health monitors ask, where that is another one."""
    vnic_type: Annotated[str, Attr(stored=False)] = "normal"
    request_sriov: Annotated[bool, Attr(create=True, stored=False, visible=False)] = False
    """Whether a part of a network card is to be the member's own; nobody here can do that."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
