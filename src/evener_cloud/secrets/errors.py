"""What can be refused of secrets and containers, in Barbican's words."""

from evener.resources.errors import Forbidden, InUse, Unavailable


def in_use(kind: str, object_id: str, users: str) -> InUse:
    """A `kind` ("container", "secret") has consumers."""
    return InUse(
        f"The {kind} {object_id} cannot be deleted: it is in use by {users}. Delete those first, or their "
        "registration as consumers."
    )


def quota_reached(project_id: str, bound: int, what: str) -> Forbidden:
    """The project has all that it may have, in Barbican's words."""
    return Forbidden(f"Quota reached for project {project_id}. Only {bound} {what} are allowed.")


def unsealable(object_id: str) -> Unavailable:
    """The key file has no key that opens the secret."""
    return Unavailable(
        f"The payload of secret {object_id} was encrypted with a key that is not in the key file"
    )
