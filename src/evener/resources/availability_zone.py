"""An availability zone: agents that fail together, by a name under which users choose them."""

from typing import Annotated, ClassVar

from evener.resources.describe import CHANGEABLE, ONCE, Attr, Resource
from evener.resources.types import Characters, Description, Text, Uuid


class AvailabilityZone(Resource):
    """The attributes of Octavia's `api/v2/types/availability_zones.py`; its name is what it is found by."""

    KIND: ClassVar[str] = "availability_zone"
    PLURAL: ClassVar[str] = "availability_zones"
    PATH: ClassVar[str] = "availabilityzones"
    LABEL: ClassVar[str] = "Availability Zone"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    name: Annotated[str, Text(255, min_length=1, characters=Characters.ONE_LINE), ONCE]
    """Name by which users choose it."""
    description: Annotated[Description, CHANGEABLE] = ""
    enabled: Annotated[bool, CHANGEABLE] = True
    """Whether new load balancers may be in it."""
    availability_zone_profile_id: Annotated[Uuid, Attr(create=True, references="availability_zone_profiles")]
    """Profile that says which agents are in it."""
