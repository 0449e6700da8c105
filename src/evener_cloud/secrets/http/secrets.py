"""Barbican's requests about secrets: who may, and how they are shown.

What they mean is decided in `evener_cloud.secrets`.

Administrators see and delete every project's secrets, but open only those of the project they came for.
"""

from http import HTTPStatus
from typing import Any

import falcon

from evener.resources.errors import InvalidInput
from evener_cloud.http_replies import NOTHING, Reply
from evener_cloud.secrets import bounds, listing, vault
from evener_cloud.secrets.http.forms import Call, Refusal
from evener_cloud.secrets.models import SecretInput, decode_base64, normal_content_type, parse
from evener_cloud.secrets.vault import Secret

KIND = "secret"


def wire(call: Call, secret: Secret) -> dict[str, Any]:
    """Return a secret as Barbican shows it."""
    row = secret.row
    shown: dict[str, Any] = {
        "secret_ref": call.href("secrets", row.id),
        "status": "ACTIVE",
        "created": row.created_at.isoformat(),
        "updated": row.updated_at.isoformat(),
        "expiration": row.expiration.isoformat() if row.expiration else None,
        **{name: getattr(row, name) for name in ("name", "secret_type", "algorithm", "bit_length", "mode")},
        "creator_id": row.creator_id,
    }
    if row.content_type is not None:
        shown["content_types"] = {"default": row.content_type}
    if call.minor():  # clients of 1.0 fail on what they do not know
        shown["consumers"] = [dict(consumer) for consumer in secret.consumers]
    return shown


def create(call: Call) -> Reply:
    """POST /secrets: with a payload, or for one that comes later."""
    caller = call.writer()
    given = parse(SecretInput, call.json_body())
    payload = given.payload_bytes()
    call.make_room(caller, bounds.check_secret, len(payload or b""))
    secret_id = call.write(lambda tx: vault.create(tx, call.secrets.sealer, caller, given, payload))
    href = call.href("secrets", secret_id)
    return Reply(201, {"secret_ref": href}, {"Location": href})


def fill(call: Call) -> Reply:
    """PUT /secrets/ID: the payload that was to come later."""
    caller = call.writer()
    secret_id = call.id("secret_id", KIND)
    try:
        content_type = normal_content_type(call.request.content_type or "")
    except ValueError as error:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {error}") from None
    content = call.raw_body()
    match (call.request.get_header("Content-Encoding") or "").lower():
        case "base64":
            content = decode_base64(content)
        case "" | "binary":
            pass
        case _:
            raise InvalidInput("Content-Encoding is not one of base64, binary")
    payload = vault.uploaded(content, content_type)
    call.make_room(caller, bounds.check_payload, len(payload.content))
    call.write(lambda tx: vault.fill(tx, call.secrets.sealer, caller.project_id, secret_id, payload))
    return NOTHING


def show(call: Call) -> Reply:
    """GET /secrets/ID; where the client takes no JSON, its payload, as Barbican once did."""
    if not call.request.client_accepts(falcon.MEDIA_JSON):
        return show_payload(call)
    caller, secret_id = call.reader(), call.id("secret_id", KIND)
    return Reply(200, wire(call, call.read(lambda tx: vault.show(tx, caller.scope, secret_id))))


def show_payload(call: Call) -> Reply:
    """GET /secrets/ID/payload."""
    caller, secret_id = call.writer(), call.id("secret_id", KIND)
    payload = call.read(lambda tx: vault.payload_of(tx, call.secrets.sealer, caller.project_id, secret_id))
    if not call.request.client_accepts(payload.content_type):
        raise Refusal(HTTPStatus.NOT_ACCEPTABLE, f"The payload is of type {payload.content_type}.")
    return Reply(200, payload=payload.content, content_type=payload.content_type)


def list_them(call: Call) -> Reply:
    """GET /secrets: those of the caller's project."""
    caller, wanted = call.reader(), listing.of_secrets(call.query())
    found, total = call.read(lambda tx: vault.page(tx, caller.project_id, wanted))
    links = call.page_links("secrets", wanted.limit, wanted.offset, total)
    return Reply(200, {"secrets": [wire(call, each) for each in found], "total": total, **links})


def delete(call: Call) -> Reply:
    """DELETE /secrets/ID."""
    caller, secret_id = call.writer(), call.id("secret_id", KIND)
    call.write(lambda tx: vault.delete(tx, caller.scope, secret_id))
    return NOTHING
