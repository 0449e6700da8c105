"""What requests may say about secrets, containers and consumers. Checks form only, never existence.

The shapes and limits are those of Barbican's API v1. No message and no representation shows a payload.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    model_validator,
)

from evener.resources import validation_messages
from evener.resources.errors import InvalidInput
from evener.resources.types import Text, Uuid, one_line
from evener.store.database import now
from evener_cloud.secrets import references

M = TypeVar("M", bound=BaseModel)
LARGEST_PAYLOAD = 65_536  # bytes
TEXT = "text/plain"
BINARY_TYPES = frozenset(
    {
        "application/octet-stream",
        "application/pkcs8",
        "application/pkix-cert",
        "application/x-pkcs12",
        "application/x-pem-file",
    }
)
REQUIRED_PARTS = {
    "generic": frozenset[str](),
    "certificate": frozenset({"certificate"}),
    "rsa": frozenset({"public_key", "private_key"}),
}
ALLOWED_PARTS = {
    "certificate": frozenset({"certificate", "private_key", "intermediates", "private_key_passphrase"}),
    "rsa": frozenset({"public_key", "private_key", "private_key_passphrase"}),
}


def normal_content_type(value: str) -> str:
    """Return a content type in lower case, without parameters.

    Raises:
        ValueError: when it is none that payloads may have.
    """
    kind, _, parameter = (part.strip() for part in value.lower().partition(";"))
    if kind == TEXT and parameter.replace(" ", "") in ("", "charset=utf-8"):
        return TEXT
    if kind in BINARY_TYPES and not parameter:
        return kind
    raise ValueError(f"is not one of {', '.join(sorted({TEXT} | BINARY_TYPES))}")


def _moment(value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        given = datetime.fromisoformat(value.strip())
        moment = given.astimezone(UTC).replace(tzinfo=None) if given.tzinfo else given
    except (ValueError, OverflowError, AttributeError):
        raise ValueError("is not a date in ISO 8601") from None
    if moment <= now():
        raise ValueError("is before the current time")
    return moment


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _secret_id(value: str) -> str:
    reference = references.parse(value)
    if reference is None or reference.collection != "secrets":
        raise ValueError("is not a reference to a secret of this service")
    return reference.id


Label = Annotated[str, Text(255), AfterValidator(one_line), BeforeValidator(_stripped)] | None
ConsumerText = Annotated[str, Text(255, min_length=1)]
SecretType = Literal["opaque", "symmetric", "public", "private", "certificate", "passphrase"]
ContainerType = Literal["generic", "rsa", "certificate"]


class Input(BaseModel):
    """Base of what is written down: what is not named is refused, and no message shows what was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SecretInput(Input):
    """A new secret, with its payload as it was written, or without any."""

    name: Label = None
    algorithm: Label = None
    mode: Label = None
    bit_length: Annotated[StrictInt, Field(ge=1, le=32_767)] | None = None
    secret_type: SecretType = "opaque"  # noqa: S105 - the name of a kind
    expiration: Annotated[datetime | None, BeforeValidator(_moment)] = None
    payload: Annotated[str | None, Field(repr=False)] = None
    payload_content_type: Annotated[str, AfterValidator(normal_content_type)] | None = None
    payload_content_encoding: Literal["base64"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.payload is None:
            if self.payload_content_type or self.payload_content_encoding:
                raise ValueError("payload must be provided when payload_content_type is specified")
            return self
        if self.payload_content_type is None:
            raise ValueError("If 'payload' is supplied, 'payload_content_type' must also be supplied")
        binary = self.payload_content_type in BINARY_TYPES
        if binary != (self.payload_content_encoding == "base64"):
            wanted = "base64" if binary else "absent"
            raise ValueError(f"payload_content_encoding has to be {wanted} for this payload_content_type")
        return self

    def payload_bytes(self) -> bytes | None:
        """Return the payload as it is kept: decoded, and never empty.

        Raises:
            InvalidInput: when it is empty, too large, or not what its encoding says.
        """
        if self.payload is None:
            return None
        text = self.payload.strip()
        if self.payload_content_encoding is None:
            try:
                return checked_payload(text.encode())
            except UnicodeEncodeError:
                raise InvalidInput(
                    "Provided object does not match schema 'Secret': payload is no text"
                ) from None
        return checked_payload(decode_base64(text.encode("ascii", "replace")))


def decode_base64(text: bytes) -> bytes:
    """Return what `text` encodes; line breaks in it are passed over.

    Raises:
        InvalidInput: when it is no base64.
    """
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise InvalidInput("Invalid payload for payload_content_encoding: it is no base64") from None


def checked_payload(payload: bytes) -> bytes:
    """Return `payload`.

    Raises:
        InvalidInput: when it is empty or too large.
    """
    if not payload:
        raise InvalidInput("If 'payload' specified, must be non empty")
    if len(payload) > LARGEST_PAYLOAD:
        raise InvalidInput(f"Provided payload is too large: the limit is {LARGEST_PAYLOAD} bytes")
    return payload


class PartInput(Input):
    """A secret as part of a container; `secret_ref` becomes the secret's id."""

    name: Annotated[str, Text(255), BeforeValidator(lambda value: value or "")] = ""
    secret_ref: Annotated[str, Text(512), AfterValidator(_secret_id)]


class ContainerInput(Input):
    """A new container."""

    type: ContainerType
    name: Label = None
    secret_refs: Annotated[tuple[PartInput, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [part.name for part in self.secret_refs]
        if len(set(names)) != len(names):
            raise ValueError("Duplicate reference names are not allowed")
        if len({part.secret_ref for part in self.secret_refs}) != len(names):
            raise ValueError("Duplicate secret ids are not allowed")
        allowed = ALLOWED_PARTS.get(self.type)
        if allowed is not None and not set(names) <= allowed:
            raise ValueError(f"only {_listed(allowed)} are allowed as names for type {self.type}")
        if not REQUIRED_PARTS[self.type] <= set(names):
            raise ValueError(f"type {self.type} needs {_listed(REQUIRED_PARTS[self.type])}")
        return self


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


class ContainerConsumerInput(Input):
    """Who uses a container: the name of a service, and the URL of the thing there that does."""

    name: ConsumerText
    url: Annotated[ConsumerText, Field(alias="URL")]


class SecretConsumerInput(Input):
    """Who uses a secret: a service, and the thing there that does."""

    service: ConsumerText
    resource_type: ConsumerText
    resource_id: Uuid


def parse(model: type[M], body: Any) -> M:
    """Return `body` as a `model`.

    Raises:
        InvalidInput: saying what is wrong, never what was given.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        wrong = validation_messages.first(error)
        where, reason = validation_messages.place(wrong), validation_messages.says(wrong)
        kind = model.__name__.removesuffix("Input")
        raise InvalidInput(
            f"Provided object does not match schema '{kind}': {where + ': ' if where else ''}{reason}"
        ) from None
