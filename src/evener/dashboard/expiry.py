"""What a certificate says of itself: whose it is, and until when. It takes bytes, and reads no key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

LARGEST = 65_536  # bytes that are looked at
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """Names it is for, when it ends, and whether that is in 30 days or before."""

    names: str
    ends: datetime
    is_soon: bool
    has_ended: bool


def read(content: bytes, now: datetime | None = None) -> Seen | None:
    """Return what a certificate as PEM or DER says; None for what is none."""
    if len(content) > LARGEST:
        return None
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN " in content else x509.load_der_x509_certificate
        found = load(content)
        ends = found.not_valid_after_utc
        names = _names(found)
    except ValueError:
        return None
    return seen(names, ends, now)


def seen(names: str, ends: datetime, now: datetime | None = None) -> Seen:
    """Return what is to be shown now of a certificate that was read before."""
    now = now or datetime.now(UTC)
    return Seen(names, ends, ends - now <= SOON, ends <= now)


def _names(found: x509.Certificate) -> str:
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return found.subject.rfc4514_string()
    return (
        ", ".join(map(str, extension.value.get_values_for_type(x509.DNSName)))
        or found.subject.rfc4514_string()
    )
