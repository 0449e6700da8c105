"""References to secrets and containers: absolute URLs, of which only the service's path and the UUID count.

So they hold when the service gets another host name, and lead to no other host than the service's.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from evener.resources.types import validate_uuid

Collection = Literal["secrets", "containers"]
VERSION = "/v1"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a URL refers to."""

    collection: Collection
    id: str

    @property
    def path(self) -> str:
        """Where it is below the service's version."""
        return f"/{self.collection}/{self.id}"


def parse(url: str, below: str = VERSION) -> Reference | None:
    """Return what `url` refers to, or None when that is neither a secret nor a container `below` such a path."""
    try:
        parts = urlsplit(url)
        path = parts.path.removesuffix("/")
        start, _, object_id = path.rpartition("/")
        start, _, collection = start.rpartition("/")
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            return None
        if not start.endswith(below):
            return None
        known = validate_uuid(object_id)
    except ValueError:
        return None
    match collection:
        case "secrets" | "containers":
            return Reference(collection, known)
        case _:
            return None
