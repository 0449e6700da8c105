"""A service profile: the driver behind a flavor, and what that driver is to be told."""

from typing import Annotated, Any, ClassVar

from evener.resources.describe import CHANGEABLE, Resource
from evener.resources.errors import ServiceProfileEmpty
from evener.resources.types import LongDescription, Name, Text


class ServiceProfile(Resource):
    """The attributes of neutron-lib's `api/definitions/flavors.py`."""

    KIND: ClassVar[str] = "service_profile"
    PLURAL: ClassVar[str] = "service_profiles"
    LABEL: ClassVar[str] = "Service Profile"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    description: Annotated[LongDescription, CHANGEABLE] = ""
    driver: Annotated[str, Text(1024), CHANGEABLE] = ""
    """Driver that the profile selects, as service-provider-list calls it."""
    enabled: Annotated[bool, CHANGEABLE] = True
    """Whether the profile may be used."""
    metainfo: Annotated[str, Text(4096), CHANGEABLE] = ""
    """Settings for the driver."""
    name: Annotated[Name, CHANGEABLE] = ""
    """Name, which others may have as well."""
    provider_name: Annotated[Name, CHANGEABLE] = ""
    """Provider with that driver, as it was asked for."""

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """A profile says something: a driver, or what to tell one."""
        if not values["driver"] and not values["metainfo"]:
            raise ServiceProfileEmpty("Service Profile needs either a driver or metainfo.")
