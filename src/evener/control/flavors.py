"""Flavors and service profiles: administrators make them, users ask for a flavor and get the provider behind it."""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all operations behind the API take

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, delete, select

from evener.control.errors import (
    FlavorDisabled,
    FlavorInUse,
    FlavorNotFound,
    FlavorServiceProfileBindingExists,
    FlavorServiceProfileBindingNotFound,
    ProviderFlavorConflict,
    ServiceProfileDisabled,
    ServiceProfileDriverNotFound,
    ServiceProfileInUse,
    ServiceProfileNotFound,
    ServiceProviderNotFound,
)
from evener.control.providers import usual
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput, NotFound, Unsupported
from evener.resources.flavor import Flavor
from evener.resources.provider import LOADBALANCERV2, Provider, by_driver
from evener.resources.provider_data import FlavorData, flavor_data
from evener.resources.service_profile import ServiceProfile
from evener.resources.wire import complete
from evener.store import rows
from evener.store.database import Database, Transaction, now, retried
from evener.store.rows import ListQuery
from evener.store.schema import flavor_profiles, loadbalancers, service_profiles

R = TypeVar("R", bound=Resource)


class Flavors:
    """Implements the API's operations on flavors, which all users see, and service profiles, which they do not."""

    def __init__(self, database: Database, providers: Sequence[Provider]) -> None:
        self._database = database
        self._providers = providers

    def list(
        self, caller: Caller, cls: type[R], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[R]:
        """Return the objects of one kind that the caller sees."""
        if not _sees(caller, cls):
            return []
        with self._database.read() as tx:
            found = rows.listing(tx, cls, query)
            return with_profiles(tx, found)

    def show(self, caller: Caller, cls: type[R], object_id: str, parent_id: str | None = None) -> R:
        """Return one object.

        Raises:
            NotFound: when the caller can see none with that id.
        """
        with self._database.read() as tx:
            return with_profiles(tx, [_get(tx, caller, cls, object_id)])[0]

    @retried
    def create(
        self, caller: Caller, cls: type[R], values: Mapping[str, Any], parent_id: str | None = None
    ) -> R:
        """Make a flavor or a service profile.

        Raises:
            InvalidInput: when it says nothing, or of another service.
            NotFound: when no provider has the profile's driver.
        """
        full = complete(cls, {**values, **self._provider_of(cls, values), "id": str(uuid.uuid4())})
        cls.check(full)
        made = cls.model_validate(full)
        with self._database.write() as tx:
            rows.insert(tx, made)
        return made

    @retried
    def update(
        self,
        caller: Caller,
        cls: type[R],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> R:
        """Change a flavor, or a service profile that no flavor has.

        Raises:
            NotFound: when there is none, or no provider has the profile's driver.
            InUse: for a service profile of a flavor.
        """
        with self._database.write() as tx:
            found = _get(tx, caller, cls, object_id, lock=True)
            _refuse_profile_of_flavor(tx, found)
            cls.check({**found.model_dump(), **values})
            rows.update(tx, cls, object_id, **values, **self._provider_of(cls, values))
            return with_profiles(tx, [_get(tx, caller, cls, object_id)])[0]

    @retried
    def delete(
        self, caller: Caller, cls: type[Resource], object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete a flavor that no load balancer has, or a service profile that no flavor has.

        Raises:
            NotFound: when there is none.
            InUse: otherwise.
        """
        with self._database.write() as tx:
            found = _get(tx, caller, cls, object_id, lock=True)
            _refuse_profile_of_flavor(tx, found)
            users = select(loadbalancers.c.id).where(loadbalancers.c.flavor_id == object_id)
            if cls is Flavor and tx.scalar(users.limit(1)) is not None:
                raise FlavorInUse(f"Flavor {object_id} is used by some service instance.")
            rows.delete(tx, cls, [object_id])

    @retried
    def associate(self, caller: Caller, flavor_id: str, profile_id: str) -> None:
        """Give a flavor a service profile.

        Raises:
            NotFound: when there is no such flavor or profile.
            Conflict: when it has it already.
        """
        with self._database.write() as tx:
            _get(tx, caller, Flavor, flavor_id, lock=True)
            _get(tx, caller, ServiceProfile, profile_id, lock=True)
            if tx.execute(select(flavor_profiles).where(*_pair(flavor_id, profile_id))).first():
                raise FlavorServiceProfileBindingExists(
                    f"Service Profile {profile_id} is already associated with flavor {flavor_id}.",
                )
            values = {"flavor_id": flavor_id, "service_profile_id": profile_id, "created_at": now()}
            tx.execute(flavor_profiles.insert(), values)

    @retried
    def dissociate(self, caller: Caller, flavor_id: str, profile_id: str) -> None:
        """Take a service profile from a flavor.

        Raises:
            NotFound: when it does not have it.
        """
        with self._database.write() as tx:
            _get(tx, caller, Flavor, flavor_id, lock=True)
            if not tx.execute(delete(flavor_profiles).where(*_pair(flavor_id, profile_id))).rowcount:
                raise _no_profile(flavor_id, profile_id)

    def _provider_of(self, cls: type[Resource], values: Mapping[str, Any]) -> dict[str, str]:
        """Return what a driver that is named says besides: the provider."""
        if cls is not ServiceProfile or not values.get("driver"):
            return {}
        return {"provider_name": provider_of(self._providers, values["driver"]).name}


def provider_of(providers: Sequence[Provider], driver: str) -> Provider:
    """Return the provider with a driver.

    Raises:
        NotFound: when none has it.
    """
    found = by_driver(providers, driver)
    if found is None:
        raise ServiceProfileDriverNotFound(f"Service Profile driver {driver} could not be found.")
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """Who serves a new load balancer, and what a flavor says of how."""

    provider: str
    data: FlavorData | None = None


def choose_provider(tx: Transaction, providers: Sequence[Provider], flavor: str | None, name: str) -> Choice:
    """Return the provider for a new load balancer: by flavor, by name, or else the default.

    The flavor cannot be deleted while the transaction lasts.

    Raises:
        Conflict: when both a flavor and a provider are asked for.
        InvalidInput: when there is no such provider, or no default.
        NotFound: when there is no such flavor, or it has no profile, or one with a driver that no provider has.
        Unavailable: when the flavor, or all of its profiles, are disabled.
    """
    if flavor and name:
        raise ProviderFlavorConflict("Cannot specify both a flavor and a provider")
    if flavor:
        return _choice_of_flavor(tx, providers, flavor)
    if not name:
        return Choice(usual(providers).name)
    for provider in providers:
        if provider.name == name.lower():
            return Choice(provider.name)
    raise ServiceProviderNotFound(
        f"Service provider '{name}' could not be found for service type {LOADBALANCERV2}",
    )


def _choice_of_flavor(tx: Transaction, providers: Sequence[Provider], flavor_id: str) -> Choice:
    flavor = _find(tx, Flavor, flavor_id, shared=True)
    if not flavor.enabled:
        raise FlavorDisabled("Flavor is not enabled.")
    profiles = profiles_of(tx, flavor_id)
    if not profiles:
        raise _no_profile(flavor_id, "")
    for profile in profiles:
        if profile.enabled:
            return Choice(provider_of(providers, profile.driver).name, said(profile.metainfo))
    raise ServiceProfileDisabled("Service Profile is not enabled.")


def profiles_of(tx: Transaction, flavor_id: str) -> Sequence[Row[Any]]:
    """Return the rows of a flavor's service profiles, the oldest first."""
    statement = (
        select(service_profiles)
        .join(flavor_profiles, flavor_profiles.c.service_profile_id == service_profiles.c.id)
        .where(flavor_profiles.c.flavor_id == flavor_id)
        .order_by(flavor_profiles.c.created_at, service_profiles.c.id)
    )
    return tx.execute(statement).all()


def said(metainfo: str) -> FlavorData | None:
    """Return what the metainfo of a service profile says to a provider; what is nothing that it knows, says nothing."""
    try:
        return flavor_data(metainfo)
    except (InvalidInput, Unsupported):
        return None


def _sees(caller: Caller, cls: type[Resource]) -> bool:
    return caller.is_admin or cls is Flavor


MISSING: Mapping[type[Resource], type[NotFound]] = {
    Flavor: FlavorNotFound,
    ServiceProfile: ServiceProfileNotFound,
}


def _find(tx: Transaction, cls: type[R], object_id: str, *, lock: bool = False, shared: bool = False) -> R:
    """Return one object; `lock` holds it until the end, `shared` only keeps it from changing.

    Raises:
        NotFound: saying of which kind there is none.
    """
    table = rows.table(cls)
    statement = select(table).where(table.c.id == object_id)
    if lock or shared:
        statement = statement.with_for_update(read=shared)
    found = tx.execute(statement).first() if object_id.isprintable() else None
    if found is None:
        raise MISSING[cls](f"{cls.label()} {object_id} could not be found.")
    return rows.bare(cls, found)


def _get(tx: Transaction, caller: Caller, cls: type[R], object_id: str, *, lock: bool = False) -> R:
    if not _sees(caller, cls):
        raise MISSING[cls](f"{cls.label()} {object_id} could not be found.")
    return _find(tx, cls, object_id, lock=lock)


def _refuse_profile_of_flavor(tx: Transaction, found: Resource) -> None:
    if not isinstance(found, ServiceProfile):
        return
    flavor = select(flavor_profiles.c.flavor_id).where(flavor_profiles.c.service_profile_id == found.id)
    if tx.scalar(flavor.limit(1)) is not None:
        raise ServiceProfileInUse(f"Service Profile {found.id} is used by some service instance.")


def with_profiles(tx: Transaction, found: Sequence[R]) -> list[R]:
    """Return flavors with the ids of their profiles, in one statement for all of them; profiles as they are."""
    if not any(isinstance(one, Flavor) for one in found):
        return list(found)
    pairs = tx.execute(
        select(flavor_profiles)
        .where(flavor_profiles.c.flavor_id.in_([one.id for one in found]))
        .order_by(flavor_profiles.c.created_at, flavor_profiles.c.service_profile_id)
    )
    profiles: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        profiles[pair.flavor_id].append(pair.service_profile_id)
    return [one.model_copy(update={"service_profiles": tuple(profiles[one.id])}) for one in found]


def _pair(flavor_id: str, profile_id: str) -> tuple[Any, Any]:
    return flavor_profiles.c.flavor_id == flavor_id, flavor_profiles.c.service_profile_id == profile_id


def _no_profile(flavor_id: str, profile_id: str) -> NotFound:
    return FlavorServiceProfileBindingNotFound(
        f"Service Profile {profile_id} is not associated with flavor {flavor_id}.",
    )
