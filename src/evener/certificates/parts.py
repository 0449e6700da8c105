"""What goes into the opening of a certificate, and what comes out. Plain data: reads nothing itself.

Must not show any part of a key in a representation.
"""

from dataclasses import dataclass, field
from datetime import datetime

from evener.certificates.errors import Unusable

DER_SEQUENCE = b"\x30"  # also the digit 0, with which a text about a PEM block may start
PEM = b"-----BEGIN "


def is_der(payload: bytes) -> bool:
    """Return whether `payload` is to be read as DER, not as text."""
    return payload.startswith(DER_SEQUENCE) and PEM not in payload


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can serve, with its unencrypted key (PKCS8); all in PEM, each ending in a newline.

    `intermediates` are ordered from the leaf's issuer upwards. `names` are host names in lower case (wildcards as
    they stand): the common name and the DNS names. Moments are UTC without a zone. `fingerprint` is the
    SHA-256 of the leaf, as 64 hexadecimal digits. `key_type` is "RSA" or "ECDSA".
    """

    certificate: str
    private_key: str = field(repr=False)
    intermediates: tuple[str, ...]
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key_type: str

    @property
    def bundle(self) -> str:
        """Leaf, intermediates and key in one text: what HAProxy's `crt` takes (section 5.1)."""
        return "".join((self.certificate, *self.intermediates, self.private_key))


@dataclass(frozen=True, slots=True)
class Parts:
    """The payloads that make a certificate. Without `private_key`, `certificate` is a bundle that holds it too."""

    certificate: bytes = field(repr=False)
    private_key: bytes | None = field(default=None, repr=False)
    intermediates: bytes | None = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)

    @property
    def protected(self) -> bool:
        """Whether these parts say themselves how much work it is to open them."""
        bundle = self.private_key is None and is_der(self.certificate)
        return bundle or bool(self.passphrase)


@dataclass(frozen=True, slots=True)
class TrustParts:
    """The payloads that say who is trusted: authorities' certificates, and perhaps what these have revoked."""

    authorities: bytes = field(repr=False)
    revoked: bytes | None = field(default=None, repr=False)

    @property
    def protected(self) -> bool:
        """Nothing here is protected by a passphrase."""
        return False


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whose certificates are trusted, in PEM that ends in a newline: `authorities`, and the lists of what is revoked.

    `not_after` is when the first of the lists has to be replaced, in UTC without a zone; None where none says so.
    """

    authorities: str
    revoked: str | None = None
    not_after: datetime | None = None


def check_freshness(trusted: Trusted, moment: datetime) -> None:
    """Refuse a list of revoked certificates that should have been replaced by `moment` (UTC, without a zone).

    Raises:
        Unusable: saying when: nobody's certificate would be taken with it.
    """
    if trusted.not_after is not None and moment > trusted.not_after:
        raise Unusable(f"The list of revoked certificates has expired on {trusted.not_after} UTC")


def check_validity(certificate: Certificate, moment: datetime) -> None:
    """Refuse a certificate whose time has not come at `moment` (UTC, without a zone), or is over.

    Raises:
        Unusable: saying since or until when.
    """
    if moment < certificate.not_before:
        raise Unusable(f"The certificate is not valid before {certificate.not_before} UTC")
    if moment > certificate.not_after:
        raise Unusable(f"The certificate has expired on {certificate.not_after} UTC")
