"""Availability zones: administrators say which agents are in one, users ask for one by name and are served there."""
# ruff: noqa: ARG002 - `parent_id` is part of the calls that all operations behind the API take

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Row, Select, select

from evener.control.errors import (
    AvailabilityZoneDisabled,
    AvailabilityZoneExists,
    AvailabilityZoneInUse,
    AvailabilityZoneInvalid,
    AvailabilityZoneProfileInUse,
    AvailabilityZoneProfileInvalid,
)
from evener.control.providers import named
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.availability_zone_profile import AvailabilityZoneProfile
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput, MarkerNotFound, ObjectNotFound
from evener.resources.provider import Provider
from evener.resources.provider_data import ZoneData, zone_data
from evener.resources.wire import complete
from evener.store import rows
from evener.store.database import Database, Transaction, retried
from evener.store.rows import ListQuery
from evener.store.schema import availability_zone_profiles, availability_zones, loadbalancers

R = TypeVar("R", bound=Resource)


class AvailabilityZones:
    """Implements the API's operations on zones, which all users see by their names, and profiles, which they do not."""

    def __init__(self, database: Database, providers: Sequence[Provider]) -> None:
        self._database, self._providers = database, providers

    def list(
        self, caller: Caller, cls: type[R], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[R]:
        """Return the objects of one kind; a zone's name is what a page begins behind."""
        with self._database.read() as tx:
            marker = query.marker
            if marker is not None and cls is AvailabilityZone:
                known = _row(tx, cls, marker)
                if known is None:
                    raise MarkerNotFound(cls.label(), marker)
                marker = known.id
            return rows.listing(tx, cls, replace(query, marker=marker))

    def show(self, caller: Caller, cls: type[R], object_id: str, parent_id: str | None = None) -> R:
        """Return one object: a zone by its name, a profile by its id.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as tx:
            return rows.bare(cls, _find(tx, cls, object_id))

    @retried
    def create(
        self, caller: Caller, cls: type[R], values: Mapping[str, Any], parent_id: str | None = None
    ) -> R:
        """Make a zone or a profile.

        Raises:
            InvalidInput: when no provider is called so, the data is no JSON, or there is no such profile.
            Unsupported: when the provider knows nothing of what the data asks for.
            Conflict: when there is a zone of that name.
        """
        full = complete(cls, {**values, "id": str(uuid.uuid4())})
        made = cls.model_validate(full)
        with self._database.write() as tx:
            if isinstance(made, AvailabilityZone):
                _check_new(tx, made)
            else:
                self._check_profile(full)
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
        """Change a zone, or a profile; what a zone follows from stays as it is while there is one.

        Raises:
            NotFound: when there is none.
            InUse: for a profile of a zone, of which more than its name is to change.
        """
        with self._database.write() as tx:
            found = _find(tx, cls, object_id, lock=True)
            if cls is AvailabilityZoneProfile:
                self._check_profile({**found._asdict(), **values})
                if values.keys() - {"name"}:
                    _refuse_used_profile(tx, object_id)
            rows.update(tx, cls, found.id, **values)
            return rows.bare(cls, _find(tx, cls, object_id))

    @retried
    def delete(
        self, caller: Caller, cls: type[Resource], object_id: str, parent_id: str | None = None
    ) -> None:
        """Delete a zone in which no load balancer is, or a profile that no zone has.

        Raises:
            NotFound: when there is none.
            InUse: otherwise.
        """
        with self._database.write() as tx:
            found = _find(tx, cls, object_id, lock=True)
            if cls is AvailabilityZone:
                _refuse_used_zone(tx, object_id)
            else:
                _refuse_used_profile(tx, object_id)
            rows.delete(tx, cls, [found.id])

    def _check_profile(self, values: Mapping[str, Any]) -> None:
        named(self._providers, values["provider_name"])
        zone_data(values["availability_zone_data"])


def _find(tx: Transaction, cls: type[Resource], key: str, *, lock: bool = False) -> Row[Any]:
    """Return the row of a zone by its name, or of a profile by its id; `lock` holds it until the end.

    Raises:
        NotFound: when there is none.
    """
    found = _row(tx, cls, key, lock=lock)
    if found is None:
        raise ObjectNotFound(cls.label(), key if key.isprintable() else "with this id")
    return found


def _row(tx: Transaction, cls: type[Resource], key: str, *, lock: bool = False) -> Row[Any] | None:
    table = rows.table(cls)
    column = table.c.name if cls is AvailabilityZone else table.c.id
    statement = select(table).where(column == key)
    return (
        tx.execute(statement.with_for_update() if lock else statement).first() if key.isprintable() else None
    )


def _check_new(tx: Transaction, zone: AvailabilityZone) -> None:
    profile_id = zone.availability_zone_profile_id
    profiles = availability_zone_profiles
    known = select(profiles.c.id).where(profiles.c.id == profile_id).with_for_update(read=True)
    if tx.scalar(known) is None:
        raise AvailabilityZoneProfileInvalid("Validation failure: Invalid availability_zone_profile_id.")
    if tx.scalar(select(availability_zones.c.id).where(availability_zones.c.name == zone.name)) is not None:
        raise AvailabilityZoneExists(f"A availability zone of {zone.name} already exists.")


def _refuse_used_zone(tx: Transaction, name: str) -> None:
    living = loadbalancers.c.deleted_generation.is_(None)
    users = select(loadbalancers.c.id).where(loadbalancers.c.availability_zone == name, living)
    if tx.scalar(users.limit(1)) is not None:
        raise AvailabilityZoneInUse(f"Availability Zone {name} is in use and cannot be modified.")


def _refuse_used_profile(tx: Transaction, profile_id: str) -> None:
    zones = select(availability_zones.c.id).where(
        availability_zones.c.availability_zone_profile_id == profile_id
    )
    if tx.scalar(zones.limit(1)) is not None:
        raise AvailabilityZoneProfileInUse(
            f"Availability Zone Profile {profile_id} is in use and cannot be modified."
        )


def check(
    tx: Transaction,
    providers: Sequence[Provider],
    zone: str | None,
    provider: str,
    network_id: str | None = None,
) -> None:
    """See that a new load balancer of a provider may be in a zone, with its VIP on that network; None is anywhere.

    The zone cannot be deleted while the transaction lasts.

    Raises:
        InvalidInput: when there is no such zone, it is disabled, of another provider, or not for the network.
    """
    if zone is None:
        return
    found = tx.execute(_of_zone(zone).with_for_update(read=True)).first()
    if found is None:
        raise AvailabilityZoneInvalid("Validation failure: Invalid availability zone.")
    if not found.enabled:
        raise AvailabilityZoneDisabled(
            f"The selected availability zone is not allowed in this deployment: {zone}"
        )
    if named(providers, found.provider_name).driver != named(providers, provider).driver:
        raise AvailabilityZoneInvalid(
            f"Availability Zone '{zone}' is not compatible with provider '{provider}'"
        )
    networks = _data(found).valid_vip_networks
    if network_id is not None and networks is not None and network_id not in networks:
        raise InvalidInput("Supplied VIP network_id is not allowed by the configuration of this deployment.")


def of_agents(tx: Transaction, zone: str | None) -> str | None:
    """Return of which availability_zone the agents are that serve what is in a zone; None is any."""
    found = None if zone is None else tx.execute(_of_zone(zone)).first()
    return None if found is None else _data(found).compute_zone


def _of_zone(name: str) -> Select[Any]:
    zones, profiles = availability_zones, availability_zone_profiles
    statement = select(zones.c.enabled, profiles.c.provider_name, profiles.c.availability_zone_data)
    statement = statement.join(profiles, profiles.c.id == zones.c.availability_zone_profile_id)
    return statement.where(zones.c.name == name)


def _data(row: Row[Any]) -> ZoneData:
    return zone_data(row.availability_zone_data)
