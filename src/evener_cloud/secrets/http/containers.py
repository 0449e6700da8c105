"""Barbican's requests about containers and about consumers: who may, and how they are shown.

What they mean is decided in `evener_cloud.secrets`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Table

from evener.resources.errors import NotFound
from evener.store.database import Transaction
from evener_cloud.http_replies import NOTHING, Reply
from evener_cloud.secrets import bounds, consumers, containers, listing, vault
from evener_cloud.secrets.containers import Container
from evener_cloud.secrets.http import secrets as barbican_secrets
from evener_cloud.secrets.http.forms import Call, Handler
from evener_cloud.secrets.models import (
    ContainerConsumerInput,
    ContainerInput,
    PartInput,
    SecretConsumerInput,
    parse,
)
from evener_cloud.secrets.references import Collection

KIND = "container"


def wire(call: Call, container: Container) -> dict[str, Any]:
    """Return a container as Barbican shows it."""
    row = container.row
    return {
        "container_ref": call.href("containers", row.id),
        "status": "ACTIVE",
        "created": row.created_at.isoformat(),
        "updated": row.updated_at.isoformat(),
        "name": row.name,
        "type": row.type,
        "creator_id": row.creator_id,
        "secret_refs": [
            {"name": name, "secret_ref": call.href("secrets", secret_id)}
            for name, secret_id in container.parts
        ],
        "consumers": [_container_consumer(consumer) for consumer in container.consumers],
    }


def _container_consumer(consumer: consumers.Consumer) -> dict[str, str]:
    return {"name": consumer["name"], "URL": consumer["url"]}


def create(call: Call) -> Reply:
    """POST /containers."""
    caller = call.writer()
    given = parse(ContainerInput, call.json_body())
    call.make_room(caller, bounds.check_container)
    return _made(call, call.write(lambda tx: containers.create(tx, caller, given)))


def _made(call: Call, container_id: str) -> Reply:
    href = call.href("containers", container_id)
    return Reply(201, {"container_ref": href}, {"Location": href})


def show(call: Call) -> Reply:
    """GET /containers/ID."""
    caller, container_id = call.reader(), call.id("container_id", KIND)
    return Reply(200, wire(call, call.read(lambda tx: containers.show(tx, caller.scope, container_id))))


def list_them(call: Call) -> Reply:
    """GET /containers: those of the caller's project."""
    caller, wanted = call.reader(), listing.of_containers(call.query())
    found, total = call.read(lambda tx: containers.page(tx, caller.project_id, wanted))
    links = call.page_links("containers", wanted.limit, wanted.offset, total)
    return Reply(200, {"containers": [wire(call, each) for each in found], "total": total, **links})


def delete(call: Call) -> Reply:
    """DELETE /containers/ID."""
    caller, container_id = call.writer(), call.id("container_id", KIND)
    call.write(lambda tx: containers.delete(tx, caller.scope, container_id))
    return NOTHING


def add_secret(call: Call) -> Reply:
    """POST /containers/ID/secrets."""
    caller, container_id = call.writer(), call.id("container_id", KIND)
    part = parse(PartInput, call.json_body())
    call.write(lambda tx: containers.add_part(tx, caller, container_id, part))
    return _made(call, container_id)


def remove_secret(call: Call) -> Reply:
    """DELETE /containers/ID/secrets, with the secret in the body."""
    caller, container_id = call.writer(), call.id("container_id", KIND)
    part = parse(PartInput, call.json_body())
    call.write(lambda tx: containers.remove_part(tx, caller, container_id, part))
    return NOTHING


@dataclass(frozen=True, slots=True)
class Owner:
    """What has consumers: how it is found, and how it and they are shown."""

    collection: Collection
    kind: str
    table: Table
    model: type[BaseModel]
    show: Callable[[Transaction, str | None, str], Any]
    wire: Callable[[Call, Any], dict[str, Any]]
    consumer: Callable[[consumers.Consumer], Mapping[str, str]]

    def id(self, call: Call) -> str:
        """Return the id in the URL."""
        return call.id(f"{self.kind}_id", self.kind)


CONTAINER = Owner(
    "containers",
    KIND,
    consumers.OF_CONTAINERS,
    ContainerConsumerInput,
    containers.show,
    wire,
    _container_consumer,
)
SECRET = Owner(
    "secrets",
    barbican_secrets.KIND,
    consumers.OF_SECRETS,
    SecretConsumerInput,
    vault.show,
    barbican_secrets.wire,
    dict,
)


def consumer_lister(owner: Owner) -> Handler:
    """Return the handler of GET /OWNERs/ID/consumers."""

    def list_consumers(call: Call) -> Reply:
        caller, owner_id = call.reader(), owner.id(call)
        limit, offset = listing.page_of(call.query())

        def found(tx: Transaction) -> tuple[list[consumers.Consumer], int]:
            owner.show(tx, caller.scope, owner_id)
            return consumers.page(tx, owner.table, owner_id, limit, offset)

        page, total = call.read(found)
        links = call.page_links(f"{owner.collection}/{owner_id}/consumers", limit, offset, total)
        return Reply(200, {"consumers": [owner.consumer(each) for each in page], "total": total, **links})

    return list_consumers


def consumer_adder(owner: Owner) -> Handler:
    """Return the handler of POST /OWNERs/ID/consumers, which answers with the owner."""

    def add(call: Call) -> Reply:
        caller, owner_id = call.writer(), owner.id(call)
        given = parse(owner.model, call.json_body()).model_dump()
        call.make_room(caller, bounds.check_consumer)

        def added(tx: Transaction) -> Any:
            owner.show(tx, caller.scope, owner_id)
            consumers.add(tx, owner.table, owner_id, given)
            return owner.show(tx, caller.scope, owner_id)

        shown = owner.wire(call, call.write(added))
        href = f"{call.href(owner.collection, owner_id)}/consumers"
        return Reply(200, shown, {"Location": href})

    return add


def consumer_remover(owner: Owner) -> Handler:
    """Return the handler of DELETE /OWNERs/ID/consumers, which answers with the owner."""

    def remove(call: Call) -> Reply:
        caller, owner_id = call.writer(), owner.id(call)
        given = parse(owner.model, call.json_body()).model_dump()

        def removed(tx: Transaction) -> Any:
            owner.show(tx, caller.scope, owner_id)
            if not consumers.remove(tx, owner.table, owner_id, given):
                raise NotFound("Consumer not found.")
            return owner.show(tx, caller.scope, owner_id)

        return Reply(200, owner.wire(call, call.write(removed)))

    return remove
