"""References to secrets and containers: absolute URLs, of which only the service's path and the UUID count.

So they hold when the service gets another host name.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from evener.resources.types import validate_uuid

MOUNT = "/key-manager"
PATH = f"{MOUNT}/v1"
Collection = Literal["secrets", "containers"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a URL refers to."""

    collection: Collection
    id: str


def build(base_url: str, reference: Reference) -> str:
    """Return the URL of `reference` below `base_url`, which has no slash at its end."""
    return f"{base_url}{PATH}/{reference.collection}/{reference.id}"


def parse(url: str) -> Reference | None:
    """Return what `url` refers to, or None when that is neither a secret nor a container of such a service."""
    try:
        parts = urlsplit(url)
        path = parts.path.removesuffix("/")
        start, _, object_id = path.rpartition("/")
        start, _, collection = start.rpartition("/")
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            return None
        if not start.endswith(PATH):
            return None
        known = validate_uuid(object_id)
    except ValueError:
        return None
    match collection:
        case "secrets" | "containers":
            return Reference(collection, known)
        case _:
            return None
