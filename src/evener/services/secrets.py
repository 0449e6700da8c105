"""What control needs of a secret service. Every implementation carries exactly these calls.

Each may be slow, and fail like a request to another service: none is made inside a transaction of control's.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from evener.certificates.opening import Trust
from evener.certificates.parts import Certificate, Trusted
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError

__all__ = ["Certificate", "Consumer", "Secrets", "Trust", "Trusted"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """What uses a certificate: `resource_type` is a word of ours ("listener", "pool"), `resource_id` a UUID."""

    resource_type: str
    resource_id: str


class Secrets(Protocol):
    """A secret service, as control sees it.

    References are those that users write into `default_tls_container_ref` and the like: URLs of a certificate
    container, or of one secret that holds a PKCS12 or PEM bundle; of authorities, and of what they have revoked, URLs
    of a secret that holds PEM.
    """

    def certificates(
        self, project_id: str, refs: Collection[str], caller: Caller | None
    ) -> Mapping[str, Certificate | EvenerError]:
        """Return, for each of `refs`, the certificate that it means to project `project_id`, or why there is none.

        May take seconds. What a reference means never changes. The `caller` is who names them, and has to have a
        right to them, which is asked each time. Without one they are those that serve already: they come by our
        own right, and also when they, or a secret they are made of, have expired meanwhile, as far as the service
        still has them.

        The reasons are NotFound (TLSContainerNotFound), also for another project's; InvalidInput
        (TLSContainerInvalid), with what is wrong: a part is missing or unreadable, certificate and key do not fit,
        a passphrase is wrong, the certificate has expired or is not valid yet, we have no right to it, and none is
        given to us; Unavailable (CertManagerError), when the service cannot say, of which Busy is one.
        """

    def trusted(
        self, project_id: str, wanted: Collection[Trust], caller: Caller | None
    ) -> Mapping[Trust, Trusted | EvenerError]:
        """Return, for each of `wanted`, what it means to project `project_id`, or why it means nothing.

        As `certificates`; what is wrong may be that a list is not signed by the authority, or out of date.
        """

    def register(self, project_id: str, ref: str, consumer: Consumer) -> None:
        """Note with what `ref` refers to that `consumer` uses it, which may keep it from being deleted.

        Doing it again is fine.

        Raises:
            NotFound: TLSContainerNotFound; also for another project's, and for what was there before.
        """

    def unregister(self, project_id: str, ref: str, consumer: Consumer) -> None:
        """Let go of it; what is gone, or was never registered, is fine.

        Raises:
            Unavailable: when the service cannot be told.
        """
