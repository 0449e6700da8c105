"""Secrets: made, found, opened and deleted inside a transaction. Does not ask who wants it.

`scope` is the project whose secrets are looked at; None looks at all.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, or_, select

from evener.resources.caller import Caller
from evener.resources.errors import Conflict, InvalidInput, NotFound
from evener.store.database import Transaction, now
from evener_cloud.secrets import consumers, errors
from evener_cloud.secrets.consumers import OF_CONTAINERS, OF_SECRETS
from evener_cloud.secrets.listing import Listing
from evener_cloud.secrets.models import TEXT, SecretInput, checked_payload
from evener_cloud.secrets.sealing import Sealer
from evener_cloud.secrets.tables import secret_containers, secret_parts, secrets

SHOWN = [column for column in secrets.c if column is not secrets.c.sealed]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its payload, and its consumers."""

    row: Row[Any]
    consumers: Sequence[consumers.Consumer]


@dataclass(frozen=True, slots=True)
class Payload:
    """A secret's content. Its representation does not show it."""

    content: bytes
    content_type: str

    def __repr__(self) -> str:
        return f"Payload(content_type={self.content_type!r})"


def visible(table: Table, scope: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions under which rows of `table` are seen: secrets that have expired are gone."""
    found: list[ColumnElement[bool]] = []
    if scope is not None:
        found.append(table.c.project_id == scope)
    if table is secrets:
        found.append(or_(secrets.c.expiration.is_(None), secrets.c.expiration > now()))
    return found


def not_found(kind: str) -> NotFound:
    """There is no such secret or container, or not for this caller; in Barbican's words."""
    return NotFound(f"{kind} not found.")


def find(tx: Transaction, scope: str | None, secret_id: str, *, lock: bool = False) -> Row[Any]:
    """Return a secret's row without the payload; `lock` holds it until the end of the transaction.

    Raises:
        NotFound: when there is none.
    """
    statement = select(*SHOWN).where(secrets.c.id == secret_id, *visible(secrets, scope))
    row = tx.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        raise not_found("Secret")
    return row


def create(tx: Transaction, sealer: Sealer, caller: Caller, given: SecretInput, payload: bytes | None) -> str:
    """Make a secret in the caller's project, with `payload` if there is one yet, and return its id."""
    secret_id, moment = str(uuid.uuid4()), now()
    described = given.model_dump(
        include={"name", "algorithm", "mode", "bit_length", "secret_type", "expiration"}
    )
    tx.execute(
        secrets.insert().values(
            id=secret_id,
            project_id=caller.project_id,
            creator_id=caller.user_id,
            **described,
            content_type=given.payload_content_type,
            sealed=None if payload is None else sealer.seal(secret_id, payload),
            created_at=moment,
            updated_at=moment,
        )
    )
    return secret_id


def fill(tx: Transaction, sealer: Sealer, scope: str | None, secret_id: str, payload: Payload) -> None:
    """Give its payload to a secret that has none.

    Raises:
        NotFound: when there is no such secret.
        Conflict: when it has one: payloads never change.
    """
    row = find(tx, scope, secret_id, lock=True)
    if row.content_type is not None:
        raise Conflict("Secret already has data, cannot modify it.")
    tx.execute(
        secrets.update()
        .where(secrets.c.id == secret_id)
        .values(
            content_type=payload.content_type,
            sealed=sealer.seal(secret_id, payload.content),
            updated_at=now(),
        )
    )


def payload_of(tx: Transaction, sealer: Sealer, scope: str | None, secret_id: str) -> Payload:
    """Return a secret's payload.

    Raises:
        NotFound: when there is no such secret, or it has no payload yet.
        Unavailable: when the key it was sealed with is gone.
    """
    find(tx, scope, secret_id)
    row = tx.execute(select(secrets.c.content_type, secrets.c.sealed).where(secrets.c.id == secret_id)).one()
    if row.sealed is None:
        raise NotFound("Not Found. Sorry but your secret has no payload.")
    return Payload(sealer.open(secret_id, row.sealed), row.content_type)


def show(tx: Transaction, scope: str | None, secret_id: str) -> Secret:
    """Return a secret.

    Raises:
        NotFound: when there is none.
    """
    row = find(tx, scope, secret_id)
    return Secret(row, consumers.of(tx, OF_SECRETS, [secret_id]).get(secret_id, ()))


def page(tx: Transaction, scope: str, wanted: Listing) -> tuple[list[Secret], int]:
    """Return the secrets that `wanted` asks for, and how many there were without pages: three statements."""
    conditions = (*visible(secrets, scope), *wanted.conditions)
    total = tx.scalar(select(func.count()).select_from(secrets).where(*conditions)) or 0
    statement = select(*SHOWN).where(*conditions).order_by(*wanted.order)
    rows = tx.execute(statement.limit(wanted.limit).offset(wanted.offset)).all()
    users = consumers.of(tx, OF_SECRETS, [row.id for row in rows])
    return [Secret(row, users.get(row.id, ())) for row in rows], total


def delete(tx: Transaction, scope: str | None, secret_id: str) -> None:
    """Delete a secret; containers that nobody uses lose it.

    Raises:
        NotFound: when there is none.
        InUse: when it, or a container that holds it, has consumers.
    """
    find(tx, scope, secret_id, lock=True)
    holding = select(secret_parts.c.container_id).where(secret_parts.c.secret_id == secret_id)
    # Held, so that nobody registers with them between the question and the deletion.
    held = select(secret_containers.c.id).where(secret_containers.c.id.in_(holding)).with_for_update()
    containers = tx.scalar_ids(held)
    users = list(consumers.of(tx, OF_SECRETS, [secret_id]).get(secret_id, ()))
    for found in consumers.of(tx, OF_CONTAINERS, containers).values():
        users.extend(found)
    if users:
        raise errors.in_use("secret", secret_id, consumers.named(users))
    tx.execute(secrets.delete().where(secrets.c.id == secret_id))


def forget_expired(tx: Transaction, project_id: str) -> None:
    """Delete the secrets of a project that have expired and are in no use; nobody has seen them since."""
    tx.execute(
        secrets.delete().where(
            secrets.c.project_id == project_id,
            secrets.c.expiration <= now(),
            secrets.c.id.not_in(select(secret_parts.c.secret_id)),
            secrets.c.id.not_in(select(OF_SECRETS.c.owner_id)),
        )
    )


def uploaded(content: bytes, content_type: str) -> Payload:
    """Return the payload of a PUT.

    Raises:
        InvalidInput: when it is empty, too large, or text that is no UTF-8.
    """
    if content_type == TEXT:
        try:
            content.decode()
        except UnicodeDecodeError:
            raise InvalidInput("The payload is no text in UTF-8") from None
    return Payload(checked_payload(content), content_type)
