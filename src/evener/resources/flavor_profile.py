"""A flavor profile: a service profile as Octavia shows it, with a provider and what that one is told, as JSON."""

from typing import Annotated, ClassVar

from evener.resources.describe import CHANGEABLE, Attr, Resource
from evener.resources.types import Characters, Name, Text


class FlavorProfile(Resource):
    """The attributes of Octavia's `api/v2/types/flavor_profile.py`; it is kept as a `ServiceProfile`."""

    KIND: ClassVar[str] = "flavorprofile"
    PLURAL: ClassVar[str] = "flavorprofiles"
    TABLE: ClassVar[str] = "service_profiles"
    LABEL: ClassVar[str] = "Flavor Profile"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    name: Annotated[str, Text(255, min_length=1, characters=Characters.ONE_LINE), CHANGEABLE]
    """Name, which others may have as well."""
    provider_name: Annotated[Name, CHANGEABLE]
    """Provider that it is for."""
    flavor_data: Annotated[str, Text(4096), Attr(create=True, update=True, filtered=True)]
    """What the provider is told, as JSON: {"maxconn": 1000}."""
