"""An availability zone profile: which agents are in an availability zone."""

from typing import Annotated, ClassVar

from evener.resources.describe import CHANGEABLE, Resource
from evener.resources.types import Characters, Name, Text


class AvailabilityZoneProfile(Resource):
    """The attributes of Octavia's `api/v2/types/availability_zone_profile.py`."""

    KIND: ClassVar[str] = "availability_zone_profile"
    PLURAL: ClassVar[str] = "availability_zone_profiles"
    PATH: ClassVar[str] = "availabilityzoneprofiles"
    LABEL: ClassVar[str] = "Availability Zone Profile"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    name: Annotated[str, Text(255, min_length=1, characters=Characters.ONE_LINE), CHANGEABLE]
    """Name, which others may have as well."""
    provider_name: Annotated[Name, CHANGEABLE]
    """Provider that it is for."""
    availability_zone_data: Annotated[str, Text(4096), CHANGEABLE]
    """What it says of the zone, as JSON: {"compute_zone": NAME} for agents with that availability_zone."""
