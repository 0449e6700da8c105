"""Flavors that have one profile each, whose provider is named and told something that is checked.

On the tables of flavors and service profiles: a flavor profile is a service profile.
"""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all operations behind the API take

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import exists, select

from evener.control import flavors
from evener.control.errors import (
    FlavorExists,
    FlavorInUse,
    FlavorInvalid,
    FlavorProfileInvalid,
    ServiceProfileInUse,
)
from evener.control.flavors import Choice
from evener.control.providers import named, usual
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import ObjectNotFound
from evener.resources.flavor import Flavor
from evener.resources.flavor_profile import FlavorProfile
from evener.resources.provider import Provider
from evener.resources.provider_data import flavor_data
from evener.resources.service_profile import ServiceProfile
from evener.resources.wire import complete
from evener.store import rows
from evener.store.database import Database, Transaction, now, retried
from evener.store.rows import ListQuery
from evener.store.schema import flavor_profiles, loadbalancers
from evener.store.schema import flavors as flavors_table
from evener.store.sorting import Shown

KEPT_AS = {"flavor_data": "metainfo"}  # attributes of a flavor profile that a service profile calls otherwise
Profiled = Flavor | FlavorProfile
# A flavor's first profile.
KEYS = {
    "flavor_profile_id": Shown(
        select(flavor_profiles.c.service_profile_id)
        .where(flavor_profiles.c.flavor_id == flavors_table.c.id)
        .order_by(flavor_profiles.c.created_at, flavor_profiles.c.service_profile_id)
        .limit(1)
        .correlate(flavors_table)
        .scalar_subquery()
    )
}


class FlavorsWithProfiles:
    """Implements the API's operations on flavors and flavor profiles; who may is the API's business."""

    def __init__(self, database: Database, providers: Sequence[Provider]) -> None:
        self._database, self._providers = database, providers

    def list(
        self, caller: Caller, cls: type[Profiled], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[Profiled]:
        """Return the objects of one kind."""
        with self._database.read() as tx:
            if cls is FlavorProfile:
                asked = replace(
                    query,
                    filters={KEPT_AS.get(name, name): values for name, values in query.filters.items()},
                    sort=[(KEPT_AS.get(name, name), up) for name, up in query.sort],
                )
                return [_profile(each) for each in rows.listing(tx, ServiceProfile, asked)]
            filters = dict(query.filters)
            profiles = filters.pop("flavor_profile_id", None)
            having = (
                None
                if profiles is None
                else exists().where(
                    flavor_profiles.c.flavor_id == flavors_table.c.id,
                    flavor_profiles.c.service_profile_id.in_(profiles),
                )
            )
            asked = replace(query, filters=filters)
            found = rows.listing(tx, Flavor, asked, derived=having, keys=KEYS)
            return flavors.with_profiles(tx, found)

    def show(
        self, caller: Caller, cls: type[Profiled], object_id: str, parent_id: str | None = None
    ) -> Profiled:
        """Return one object.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as tx:
            return _shown(tx, cls, object_id)

    @retried
    def create(
        self, caller: Caller, cls: type[Profiled], values: Mapping[str, Any], parent_id: str | None = None
    ) -> Profiled:
        """Make a flavor, of a profile that there is, or a profile.

        Raises:
            InvalidInput: when there is no such profile or provider, or the data is no JSON.
            Unsupported: when the provider cannot do what the data asks for.
            Conflict: when there is a flavor of that name.
        """
        made_id = str(uuid.uuid4())
        kept = self._kept(values) if cls is FlavorProfile else {}
        with self._database.write() as tx:
            if cls is FlavorProfile:
                rows.insert(tx, ServiceProfile(**complete(ServiceProfile, {"id": made_id, **kept})))
            else:
                profile_id = values["flavor_profile_id"]
                if not _is_there(tx, profile_id):
                    raise FlavorProfileInvalid("Validation failure: Invalid flavor_profile_id.")
                _check_name(tx, values["name"])
                rows.insert(tx, Flavor(**complete(Flavor, {**values, "id": made_id})))
                pair = {"flavor_id": made_id, "service_profile_id": profile_id, "created_at": now()}
                tx.execute(flavor_profiles.insert(), pair)
            return _shown(tx, cls, made_id)

    @retried
    def update(
        self,
        caller: Caller,
        cls: type[Profiled],
        object_id: str,
        values: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> Profiled:
        """Change a flavor, or a profile: one that a flavor has only in its name.

        Raises:
            NotFound: when there is none.
            InUse: for more than the name of a flavor's profile.
            InvalidInput, Unsupported, Conflict: as `create`.
        """
        with self._database.write() as tx:
            found = _shown(tx, cls, object_id, lock=True)
            if isinstance(found, FlavorProfile):
                kept = self._kept(values)
                if values.keys() - {"name"}:
                    _refuse_used_profile(tx, object_id)
                rows.update(tx, ServiceProfile, object_id, **kept)
            else:
                if values.get("name", found.name) != found.name:
                    _check_name(tx, values["name"])
                rows.update(tx, Flavor, object_id, **values)
            return _shown(tx, cls, object_id)

    @retried
    def delete(
        self, caller: Caller, cls: type[Resource], object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete a flavor that no load balancer has, or a profile that no flavor has.

        Raises:
            NotFound: when there is none.
            InUse: otherwise.
        """
        with self._database.write() as tx:
            _shown(tx, cast("type[Profiled]", cls), object_id, lock=True)
            if cls is FlavorProfile:
                _refuse_used_profile(tx, object_id)
                rows.delete(tx, ServiceProfile, [object_id])
                return
            living = loadbalancers.c.deleted_generation.is_(None)
            users = select(loadbalancers.c.id).where(loadbalancers.c.flavor_id == object_id, living)
            if tx.scalar(users.limit(1)) is not None:
                raise FlavorInUse(f"Flavor {object_id} is in use and cannot be modified.")
            rows.delete(tx, Flavor, [object_id])

    def _kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept of these attributes of a flavor profile, in the words of service profiles."""
        kept = {KEPT_AS.get(name, name): value for name, value in values.items()}
        if "provider_name" in values:
            kept["driver"] = named(self._providers, values["provider_name"]).driver
        if "flavor_data" in values:
            flavor_data(values["flavor_data"])
        return kept


def _profile(kept: ServiceProfile) -> FlavorProfile:
    named_as = {"name": kept.name, "provider_name": kept.provider_name}
    return FlavorProfile.trusted({"id": kept.id, **named_as, "flavor_data": kept.metainfo})


def _shown(tx: Transaction, cls: type[Profiled], object_id: str, *, lock: bool = False) -> Profiled:
    """Return one object as it is shown; `lock` holds it until the end.

    Raises:
        NotFound: when there is none.
    """
    kept: type[Resource] = ServiceProfile if cls is FlavorProfile else Flavor
    try:
        row = rows.get_row(tx, kept, object_id, lock=lock)
    except ObjectNotFound as error:
        raise ObjectNotFound(cls.label(), error.object_id) from None
    if cls is FlavorProfile:
        return _profile(rows.bare(ServiceProfile, row))
    return flavors.with_profiles(tx, [rows.bare(Flavor, row)])[0]


def _is_there(tx: Transaction, profile_id: str) -> bool:
    profiles = rows.table(ServiceProfile)
    known = select(profiles.c.id).where(profiles.c.id == profile_id).with_for_update(read=True)
    return tx.scalar(known) is not None


def _check_name(tx: Transaction, name: str) -> None:
    if tx.scalar(select(flavors_table.c.id).where(flavors_table.c.name == name).limit(1)) is not None:
        raise FlavorExists(f"A flavor of {name} already exists.")


def _refuse_used_profile(tx: Transaction, profile_id: str) -> None:
    flavor = select(flavor_profiles.c.flavor_id).where(flavor_profiles.c.service_profile_id == profile_id)
    if tx.scalar(flavor.limit(1)) is not None:
        raise ServiceProfileInUse(f"Flavor Profile {profile_id} is in use and cannot be modified.")


def choose(tx: Transaction, providers: Sequence[Provider], flavor_id: str | None, name: str) -> Choice:
    """Return who serves a new load balancer, which may name a flavor and its provider both, and how.

    The provider is called as it was asked for. The flavor cannot be deleted while the transaction lasts.

    Raises:
        InvalidInput: when there is no such flavor or provider, it is disabled, or they do not go together.
    """
    asked = named(providers, name) if name else None
    if not flavor_id:
        return Choice(name.lower() or usual(providers).name)
    table = rows.table(Flavor)
    found = None
    if flavor_id.isprintable():
        statement = select(table).where(table.c.id == flavor_id).with_for_update(read=True)
        found = tx.execute(statement).first()
    profiles = () if found is None else flavors.profiles_of(tx, flavor_id)
    if found is None or not profiles:
        raise FlavorInvalid("Validation failure: Invalid flavor_id.")
    profile = next((each for each in profiles if each.enabled), None)
    if not found.enabled or profile is None:
        raise FlavorInvalid(f"The selected flavor is not allowed in this deployment: {flavor_id}")
    serves = flavors.provider_of(providers, profile.driver)
    if asked is not None and asked.driver != serves.driver:
        raise FlavorInvalid(f"Flavor '{flavor_id}' is not compatible with provider '{name}'")
    return Choice(name.lower() or profile.provider_name or serves.name, flavors.said(profile.metainfo))
