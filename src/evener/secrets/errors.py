"""What can be wrong with a certificate, in the words and types of Neutron-LBaaS (`extensions/loadbalancerv2.py`).

No message holds any part of a payload.
"""

from evener.resources.errors import Busy, Forbidden, InUse, InvalidInput, NotFound, Unavailable


class Unusable(Exception):
    """What was given as a certificate is none that can serve; `reason` is a sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def container_not_found(ref: str) -> NotFound:
    """There is no such container or secret, or not for this project."""
    return NotFound(f"TLS container {ref} could not be found", "TLSContainerNotFound")


def container_invalid(ref: str, reason: str) -> InvalidInput:
    """What is there is no certificate that can serve."""
    return InvalidInput(f"TLS container {ref} is invalid. {reason}", "TLSContainerInvalid")


def unprocessable(ref: str, error: Unavailable) -> Unavailable:
    """The secret service cannot say what is there, because of `error`."""
    message = f"Could not process TLS container {ref}, {error.message}"
    if isinstance(error, Busy):
        return Busy(message, error.retry_after_s, "CertManagerError")
    return Unavailable(message, "CertManagerError")


def in_use(kind: str, object_id: str, users: str) -> InUse:
    """A `kind` ("container", "secret") has consumers."""
    return InUse(
        f"The {kind} {object_id} cannot be deleted: it is in use by {users}. Delete those first, or their "
        "registration as consumers.",
        "SecretInUse",
    )


def quota_reached(project_id: str, bound: int, what: str) -> Forbidden:
    """The project has all that it may have, in Barbican's words."""
    return Forbidden(f"Quota reached for project {project_id}. Only {bound} {what} are allowed.")


def unsealable(object_id: str) -> Unavailable:
    """The key file has no key that opens the secret."""
    return Unavailable(
        f"The payload of secret {object_id} was encrypted with a key that is not in the key file"
    )
