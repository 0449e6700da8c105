"""The payloads that references lead to, as the rows hold them: sealed. Reads; opens and decides nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, literal, select, union_all

from evener.store.database import Transaction
from evener_cloud.secrets.references import Reference
from evener_cloud.secrets.tables import secret_containers, secret_parts, secrets


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as the row holds it; without a payload where that is still to come."""

    secret_id: str
    expiration: datetime | None
    payload: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference leads to: the type of the container, and its secrets by the names of their parts.

    A single secret is the "certificate" of a container of type "certificate".
    """

    type: str
    parts: Mapping[str, Sealed]


def of(tx: Transaction, project_id: str, wanted: Collection[Reference]) -> dict[Reference, Found]:
    """Return what there is of `wanted` in a project: one statement."""
    ids: dict[str, list[str]] = {"containers": [], "secrets": []}
    for reference in wanted:
        ids[reference.collection].append(reference.id)
    statements = [
        build(project_id, ids[collection])
        for collection, build in (("containers", _of_containers), ("secrets", _of_secrets))
        if ids[collection]
    ]
    if not statements:
        return {}
    found: dict[Reference, Found] = {}
    parts: dict[Reference, dict[str, Sealed]] = {}
    for row in tx.execute(statements[0] if len(statements) == 1 else union_all(*statements)):
        reference = Reference(row.collection, row.owner_id)
        mine = parts.setdefault(reference, {})
        found.setdefault(reference, Found(row.type, mine))
        if row.secret_id is not None:
            mine[row.part] = Sealed(row.secret_id, row.expiration, row.sealed)
    return found


def _of_containers(project_id: str, ids: Collection[str]) -> Select[Any]:
    own, parts = secret_containers, secret_parts
    together = own.outerjoin(parts, parts.c.container_id == own.c.id).outerjoin(
        secrets, secrets.c.id == parts.c.secret_id
    )
    return (
        select(
            literal("containers").label("collection"),
            own.c.id.label("owner_id"),
            own.c.type,
            parts.c.name.label("part"),
            secrets.c.id.label("secret_id"),
            secrets.c.expiration,
            secrets.c.sealed,
        )
        .select_from(together)
        .where(own.c.project_id == project_id, own.c.id.in_(ids))
    )


def _of_secrets(project_id: str, ids: Collection[str]) -> Select[Any]:
    return select(
        literal("secrets").label("collection"),
        secrets.c.id.label("owner_id"),
        literal("certificate").label("type"),
        literal("certificate").label("part"),
        secrets.c.id.label("secret_id"),
        secrets.c.expiration,
        secrets.c.sealed,
    ).where(secrets.c.project_id == project_id, secrets.c.id.in_(ids))
