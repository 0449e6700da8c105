"""An agent: the daemon on a network node that serves load balancers, in Neutron's form."""

from typing import Annotated, Any, ClassVar

from evener.resources.describe import SHOWN, Attr, Derived, Resource
from evener.resources.types import Description, Moment, Name

AGENT_TYPE = "Loadbalancerv2 agent"
BINARY = "neutron-lbaasv2-agent"
TOPIC = "n-lbaasv2_agent"


class Agent(Resource):
    """The attributes of neutron-lib's `api/definitions/agent.py`.

    Agents register themselves. One whose `admin_state_up` is false keeps its load balancers and gets no new ones.
    """

    KIND: ClassVar[str] = "agent"
    PLURAL: ClassVar[str] = "agents"
    LABEL: ClassVar[str] = "Agent"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    agent_type: Annotated[Name, SHOWN] = AGENT_TYPE
    binary: Annotated[Name, SHOWN] = BINARY
    topic: Annotated[Name, SHOWN] = TOPIC
    host: Annotated[Name, SHOWN]
    availability_zone: Annotated[Name | None, Attr(nullable=True)] = None
    admin_state_up: Annotated[bool, Attr(update=True)] = True
    """Whether load balancers may be placed on the agent from now on."""
    description: Annotated[Description | None, Attr(update=True, nullable=True)] = None
    configurations: Annotated[dict[str, Any], SHOWN]
    created_at: Annotated[Moment, SHOWN]
    started_at: Annotated[Moment, SHOWN]
    heartbeat_at: Annotated[Moment, Attr(wire="heartbeat_timestamp")]
    alive: Annotated[bool, Derived(filtered=True)] = False
