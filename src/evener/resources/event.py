"""An event: something that happened to a load balancer, by whom or where, and when. Ours; neither API has them."""

from enum import StrEnum
from typing import Annotated, ClassVar

from evener.resources.describe import SHOWN, Attr, KeptMoment, Resource
from evener.resources.types import Name, ProjectId, Text, Uuid

LONGEST_REASON = 2000
MAYBE = Attr(nullable=True)


class EventType(StrEnum):
    """What happened: first what users do, then what control does, then what agents say."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    FAILED_OVER = "FAILED_OVER"  # somebody had it served anew
    MOVED = "MOVED"  # its agent was removed, another one serves it
    APPLIED = "APPLIED"
    FAILED = "FAILED"  # a generation could not be applied
    MEMBER_OUT = "MEMBER_OUT"
    MEMBER_IN = "MEMBER_IN"
    VIP_TAKEN = "VIP_TAKEN"  # of two agents, this one has the VIP now


class Event(Resource):
    """What happened. It stays when its load balancer goes, until it is too old; nobody changes it.

    `resource_…` say which object it is about; where many came at once, the one they are below, and `reason` says how
    many. Who did it stands in `user_id`, `user_project_id` and `request_id`, where it happened in `host`.
    """

    KIND: ClassVar[str] = "event"
    PLURAL: ClassVar[str] = "events"
    PARENT: ClassVar[str | None] = "loadbalancer_id"
    NEWEST_FIRST: ClassVar[bool] = True

    created_at: KeptMoment = None
    type: Annotated[EventType, SHOWN]
    resource_type: Annotated[Name, SHOWN]
    resource_id: Annotated[Uuid, SHOWN]
    resource_name: Annotated[Name, SHOWN] = ""
    attributes: Annotated[tuple[str, ...], SHOWN] = ()
    reason: Annotated[Annotated[str, Text(LONGEST_REASON)] | None, MAYBE] = None
    generation: Annotated[int | None, MAYBE] = None
    host: Annotated[Name | None, MAYBE] = None
    user_id: Annotated[Name | None, MAYBE] = None
    user_project_id: Annotated[Name | None, MAYBE] = None
    request_id: Annotated[Name | None, MAYBE] = None
    loadbalancer_id: Annotated[Uuid, SHOWN]
    project_id: Annotated[ProjectId, SHOWN]
