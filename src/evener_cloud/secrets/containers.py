"""Containers: secrets that belong together, each under the name of its part. Does not ask who wants it.

`scope` is the project whose containers are looked at; None looks at all.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from evener.resources.caller import Caller
from evener.resources.errors import Conflict, InvalidInput, NotFound
from evener.store.database import Transaction, now
from evener_cloud.secrets import consumers, errors
from evener_cloud.secrets.consumers import OF_CONTAINERS
from evener_cloud.secrets.listing import Listing
from evener_cloud.secrets.models import ContainerInput, PartInput
from evener_cloud.secrets.tables import secret_containers, secret_parts, secrets
from evener_cloud.secrets.vault import not_found, visible


@dataclass(frozen=True, slots=True)
class Container:
    """A container with its secrets, as pairs of a part's name and an id, and its consumers."""

    row: Row[Any]
    parts: Sequence[tuple[str, str]]
    consumers: Sequence[consumers.Consumer]


def find(tx: Transaction, scope: str | None, container_id: str, *, lock: bool = False) -> Row[Any]:
    """Return a container's row; `lock` holds it until the end of the transaction.

    Raises:
        NotFound: when there is none.
    """
    containers = secret_containers
    statement = select(containers).where(containers.c.id == container_id, *visible(containers, scope))
    row = tx.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        raise not_found("Secrets container")
    return row


def create(tx: Transaction, caller: Caller, given: ContainerInput) -> str:
    """Make a container of the caller's project, and return its id.

    Raises:
        NotFound: when a secret does not exist.
    """
    container_id, moment = str(uuid.uuid4()), now()
    tx.execute(
        secret_containers.insert().values(
            id=container_id,
            project_id=caller.project_id,
            creator_id=caller.user_id,
            name=given.name,
            type=given.type,
            created_at=moment,
            updated_at=moment,
        )
    )
    for part in given.secret_refs:
        _add_part(tx, caller, container_id, part)
    return container_id


def _add_part(tx: Transaction, caller: Caller, container_id: str, part: PartInput) -> None:
    mine = (secrets.c.id == part.secret_ref, *visible(secrets, caller.project_id))
    if tx.scalar(select(secrets.c.id).where(*mine).with_for_update()) is None:
        raise NotFound(f"Secret provided for '{part.name}' doesn't exist.")
    values = {"container_id": container_id, "secret_id": part.secret_ref, "name": part.name}
    tx.execute(secret_parts.insert().values(values))


def add_part(tx: Transaction, caller: Caller, container_id: str, part: PartInput) -> None:
    """Add a secret to a generic container.

    Raises:
        NotFound: when the container or the secret does not exist.
        InvalidInput: when the container is of another type.
        Conflict: when it holds the secret, or one of that name.
    """
    _generic(tx, caller, container_id)
    for name, secret_id in _parts(tx, [container_id]).get(container_id, ()):
        if part.name == name or part.secret_ref == secret_id:
            raise Conflict("Conflict. A secret with that name or ID is already stored in this container.")
    _add_part(tx, caller, container_id, part)


def remove_part(tx: Transaction, caller: Caller, container_id: str, part: PartInput) -> None:
    """Take a secret out of a generic container.

    Raises:
        NotFound: when the container does not exist, or does not hold it under that name.
        InvalidInput: when the container is of another type.
    """
    _generic(tx, caller, container_id)
    table = secret_parts.c
    same = (table.container_id == container_id, table.secret_id == part.secret_ref, table.name == part.name)
    if tx.execute(secret_parts.delete().where(*same)).rowcount == 0:
        raise NotFound("Secret provided is not in the container")


def _generic(tx: Transaction, caller: Caller, container_id: str) -> None:
    if find(tx, caller.project_id, container_id, lock=True).type != "generic":
        raise InvalidInput("Only 'generic' containers can be modified.")


def _parts(tx: Transaction, container_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the parts of each container that has any, by name: one statement."""
    found: dict[str, list[tuple[str, str]]] = {}
    mine = secret_parts.c.container_id.in_(container_ids)
    for row in tx.execute(select(secret_parts).where(mine).order_by(secret_parts.c.name)):
        found.setdefault(row.container_id, []).append((row.name, row.secret_id))
    return found


def _whole(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Container]:
    ids = [row.id for row in rows]
    parts, users = _parts(tx, ids), consumers.of(tx, OF_CONTAINERS, ids)
    return [Container(row, parts.get(row.id, ()), users.get(row.id, ())) for row in rows]


def show(tx: Transaction, scope: str | None, container_id: str) -> Container:
    """Return a container.

    Raises:
        NotFound: when there is none.
    """
    return _whole(tx, [find(tx, scope, container_id)])[0]


def page(tx: Transaction, scope: str, wanted: Listing) -> tuple[list[Container], int]:
    """Return the containers that `wanted` asks for, and how many there were without pages: four statements."""
    conditions = (*visible(secret_containers, scope), *wanted.conditions)
    total = tx.scalar(select(func.count()).select_from(secret_containers).where(*conditions)) or 0
    statement = select(secret_containers).where(*conditions).order_by(*wanted.order)
    rows = tx.execute(statement.limit(wanted.limit).offset(wanted.offset)).all()
    return _whole(tx, rows), total


def delete(tx: Transaction, scope: str | None, container_id: str) -> None:
    """Delete a container; its secrets stay.

    Raises:
        NotFound: when there is none.
        InUse: when it has consumers.
    """
    find(tx, scope, container_id, lock=True)
    users = consumers.of(tx, OF_CONTAINERS, [container_id]).get(container_id, ())
    if users:
        raise errors.in_use("container", container_id, consumers.named(users))
    tx.execute(secret_containers.delete().where(secret_containers.c.id == container_id))
