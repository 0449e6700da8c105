"""An amphora, as Octavia calls it: one place where a load balancer is served, which here is an agent's host."""

from typing import Annotated, ClassVar

from evener.resources.describe import SHOWN, Derived, Resource
from evener.resources.types import Moment, Role, Uuid

ALLOCATED = "ALLOCATED"


class Amphora(Resource):
    """The attributes of Octavia's `api/v2/types/amphora.py`; what only a virtual machine has is null.

    `load` is ours: what it weighs there, in load balancers that have neither members nor connections. It is a row of
    `bindings`, and there while the agent has the load balancer.
    """

    KIND: ClassVar[str] = "amphora"
    PLURAL: ClassVar[str] = "amphorae"
    TABLE: ClassVar[str] = "bindings"
    LABEL: ClassVar[str] = "Amphora"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    loadbalancer_id: Annotated[Uuid, SHOWN]
    role: Annotated[Role, SHOWN] = Role.STANDALONE
    created_at: Annotated[Moment, SHOWN]
    updated_at: Annotated[Moment, SHOWN]
    status: Annotated[str, Derived(filtered=True)] = ALLOCATED
    lb_network_ip: Annotated[str | None, Derived(filtered=True)] = None
    cached_zone: Annotated[str | None, Derived(filtered=True)] = None
    ha_ip: Annotated[str | None, Derived(filtered=True)] = None
    ha_port_id: Annotated[str | None, Derived(filtered=True)] = None
    vrrp_ip: Annotated[str | None, Derived(filtered=True)] = None
    vrrp_port_id: Annotated[str | None, Derived(filtered=True)] = None
    cert_busy: Annotated[bool, Derived(filtered=True)] = False
    cert_expiration: Annotated[str | None, Derived(filtered=True)] = None
    compute_flavor: Annotated[str | None, Derived(filtered=True)] = None
    compute_id: Annotated[str | None, Derived(filtered=True)] = None
    image_id: Annotated[str | None, Derived(filtered=True)] = None
    vrrp_id: Annotated[int | None, Derived(filtered=True)] = None
    vrrp_interface: Annotated[str | None, Derived(filtered=True)] = None
    vrrp_priority: Annotated[int | None, Derived(filtered=True)] = None
    load: Annotated[float, Derived(filtered=True)] = 1.0
