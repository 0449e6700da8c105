"""A service profile: the driver behind a flavor, and what that driver is to be told."""

from typing import Annotated, Any, ClassVar

from evener.resources.describe import CHANGEABLE, Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import LongDescription, Text


class ServiceProfile(Resource):
    """The attributes of neutron-lib's `api/definitions/flavors.py`."""

    KIND: ClassVar[str] = "service_profile"
    PLURAL: ClassVar[str] = "service_profiles"
    LABEL: ClassVar[str] = "Service Profile"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    description: Annotated[LongDescription, CHANGEABLE] = ""
    driver: Annotated[str, Text(1024), CHANGEABLE] = ""
    enabled: Annotated[bool, CHANGEABLE] = True
    metainfo: Annotated[str, Text(4096), CHANGEABLE] = ""

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """A profile says something: a driver, or what to tell one."""
        if not values["driver"] and not values["metainfo"]:
            raise InvalidInput("Service Profile needs either a driver or metainfo.", "ServiceProfileEmpty")
