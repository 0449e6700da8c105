"""A flavor: what a user may ask of a service in the operator's words, instead of naming a provider."""

from typing import Annotated, Any, ClassVar

from evener.resources.describe import CHANGEABLE, ONCE, Attr, Derived, Resource
from evener.resources.errors import InvalidServiceType
from evener.resources.provider import LOADBALANCERV2
from evener.resources.types import LongDescription, Name, Uuid


class Flavor(Resource):
    """The attributes of neutron-lib's `api/definitions/flavors.py`."""

    KIND: ClassVar[str] = "flavor"
    PLURAL: ClassVar[str] = "flavors"
    LABEL: ClassVar[str] = "Flavor"
    FOR_ADMINISTRATORS: ClassVar[bool] = True

    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[LongDescription, CHANGEABLE] = ""
    service_type: Annotated[Name, ONCE]
    """Service type it is for: LOADBALANCERV2 (service-provider-list shows which there are)."""
    enabled: Annotated[bool, CHANGEABLE] = True
    """Whether the flavor may be used."""
    service_profiles: Annotated[tuple[str, ...], Derived()] = ()
    flavor_profile_id: Annotated[
        Uuid | None, Attr(create=True, nullable=True, stored=False, filtered=True, shown_as="first_profile")
    ] = None
    """Profile that says what a load balancer of the flavor is served with."""

    @property
    def first_profile(self) -> str | None:
        """The oldest of its profiles: where there is one alone, that one."""
        return next(iter(self.service_profiles), None)

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """There is one type of service."""
        if values["service_type"] != LOADBALANCERV2:
            raise InvalidServiceType(
                f"Invalid service type: {values['service_type']}. Only {LOADBALANCERV2} is served here.",
            )
