"""The references of this secret service: below a path of its own."""

from evener.certificates import references
from evener.certificates.references import VERSION, Collection, Reference

__all__ = ["MOUNT", "PATH", "Collection", "Reference", "build", "parse"]

MOUNT = "/key-manager"
PATH = f"{MOUNT}{VERSION}"


def build(base_url: str, reference: Reference) -> str:
    """Return the URL of `reference` below `base_url`, which has no slash at its end."""
    return f"{base_url}{PATH}{reference.path}"


def parse(url: str) -> Reference | None:
    """Return what `url` refers to, or None when that is neither a secret nor a container of this service."""
    return references.parse(url, PATH)
