"""What can be wrong with a certificate, in the words of Neutron-LBaaS (`extensions/loadbalancerv2.py`).

No message holds any part of a payload.
"""

from evener.resources.errors import Busy, InvalidInput, NotFound, Unavailable


class Unusable(Exception):
    """What was given as a certificate is none that can serve; `reason` is a sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CertificateInvalid(InvalidInput):
    """What is there under `ref` is no certificate that can serve, or no list that can be used."""

    def __init__(self, ref: str, reason: str) -> None:
        super().__init__(f"TLS container {ref} is invalid. {reason}")
        self.ref, self.reason = ref, reason


class CertificateNotFound(NotFound):
    """There is no such container or secret under `ref`, or not for this project."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"TLS container {ref} could not be found")
        self.ref = ref


class SecretServiceBusy(Busy):
    """The secret service has too much to do to say what is there."""


class SecretServiceUnavailable(Unavailable):
    """The secret service cannot say what is there."""


def unprocessable(ref: str, error: Unavailable) -> Unavailable:
    """The secret service cannot say what is there, because of `error`."""
    message = f"Could not process TLS container {ref}, {error.message}"
    if isinstance(error, Busy):
        return SecretServiceBusy(message, error.retry_after_s)
    return SecretServiceUnavailable(message)
