"""What control needs of a secret service. Every implementation carries exactly these calls.

All of them happen inside control's own transaction; a service with a database elsewhere ignores `tx`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from stevedore.driver import DriverManager

from evener.secrets.certificates import Certificate
from evener.store.database import Database, Transaction

__all__ = ["Certificate", "Consumer", "Secrets", "load"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """What uses a certificate: `resource_type` is a word of ours ("loadbalancer", "listener"), `resource_id` a UUID."""

    resource_type: str
    resource_id: str


class Secrets(Protocol):
    """A secret service, as control sees it; found by the entry points of `evener.secrets`.

    References are those that users write into `default_tls_container_ref` and `sni_container_refs`: URLs of a
    certificate container, or of one secret that holds a PKCS12 or PEM bundle.
    """

    def certificate(self, tx: Transaction, project_id: str, ref: str, *, in_use: bool = False) -> Certificate:
        """Return the certificate that `ref` means to project `project_id`, ready to serve.

        What a reference means never changes. `in_use` is for one that serves already: it comes also when it, or
        a secret that it is made of, has expired meanwhile.

        Raises:
            NotFound: TLSContainerNotFound; also for another project's.
            InvalidInput: TLSContainerInvalid, with what is wrong: a part is missing or unreadable, certificate
                and key do not fit, a passphrase is wrong, the certificate has expired or is not valid yet.
            Unavailable: CertManagerError, when the service cannot say.
        """

    def register(self, tx: Transaction, project_id: str, ref: str, consumer: Consumer) -> None:
        """Keep what `ref` refers to from being deleted while `consumer` uses it; doing it again is fine.

        Called before `certificate`, in one transaction, nothing can go in between.

        Raises:
            NotFound: TLSContainerNotFound; also for another project's.
        """

    def unregister(self, tx: Transaction, project_id: str, ref: str, consumer: Consumer) -> None:
        """Let go of it; what is gone, or was never registered, is fine."""


def load(name: str, database: Database, key_file: Path) -> Secrets:
    """Return the secret service `name`; a builtin one keeps its keys in `key_file`.

    Raises:
        stevedore.exception.NoMatches: when nothing of that name is installed.
    """
    arguments = (database, key_file)
    found: Any = DriverManager("evener.secrets", name, invoke_on_load=True, invoke_args=arguments)
    return cast("Secrets", found.driver)
