"""A security group: rules about packets, for all ports that are in the group. In Neutron's form."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from evener.resources.describe import CHANGEABLE, ONCE, Attr, Derived, Resource
from evener.resources.types import Description, Name, ProjectId
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.tags import Tags

DEFAULT = "default"  # the name of the group that every project has, and no other


def _stateful(value: object) -> object:
    if not value:
        raise ValueError("is not supported: security groups are stateful")
    return value


class SecurityGroup(Resource):
    """The attributes of the Networking API's security groups, with what clients want to see of its extensions."""

    KIND: ClassVar[str] = "security_group"
    PLURAL: ClassVar[str] = "security_groups"
    LIMIT: ClassVar[int | None] = 10
    PATH: ClassVar[str] = "security-groups"

    project_id: Annotated[ProjectId, ONCE]
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    stateful: Annotated[bool, AfterValidator(_stateful), Attr(create=True, update=True, stored=False)] = True
    """Whether answers to what may pass may pass."""
    shared: Annotated[bool, Attr(stored=False)] = False
    tags: Tags = ()
    security_group_rules: Annotated[tuple[SecurityGroupRule, ...], Derived()] = ()
