"""Whose certificates are trusted: certificates of authorities, and lists of what these have revoked. Pure.

What users hand in may cost much to read, or meet a flaw, so only the process made for it may: `opener_main`.
"""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evener.certificates.errors import Unusable
from evener.certificates.parts import Trusted, TrustParts
from evener.certificates.read import BAD_DATA, CERTIFICATE_LABELS, pem_blocks

REVOKED_LABEL = b"X509 CRL"
MOST = 100  # authorities, or lists, of one part


def read_trust(parts: TrustParts) -> Trusted:
    """Return whom `parts` trust; whether a list is out of date is not asked here.

    Both are PEM, one after another in any order (RFC 7468 sections 5 and 7); each list is signed by an authority.

    Raises:
        Unusable: saying what is wrong.
    """
    authorities = _authorities(parts.authorities)
    lists = [] if parts.revoked is None else _lists(parts.revoked)
    for each in lists:
        _check_signature(each, authorities)
    ends = [each.next_update_utc for each in lists if each.next_update_utc is not None]
    return Trusted(
        authorities="".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in authorities),
        revoked="".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in lists) or None,
        not_after=min(ends).replace(tzinfo=None) if ends else None,
    )


def _authorities(payload: bytes) -> list[x509.Certificate]:
    try:
        blocks = _blocks(payload, CERTIFICATE_LABELS)
        found = list(dict.fromkeys(x509.load_pem_x509_certificate(block) for block in blocks))
    except BAD_DATA:
        found = []
    if not found:
        raise Unusable("The authorities' certificates cannot be read: PEM is expected")
    return found


def _lists(payload: bytes) -> list[x509.CertificateRevocationList]:
    try:
        found = [x509.load_pem_x509_crl(block) for block in _blocks(payload, {REVOKED_LABEL})]
    except BAD_DATA:
        found = []
    if not found:
        raise Unusable("The list of revoked certificates cannot be read: PEM is expected")
    return found


def _blocks(payload: bytes, labels: frozenset[bytes] | set[bytes]) -> list[bytes]:
    found = [block for label, block in pem_blocks(payload) if label in labels]
    if len(found) > MOST:
        raise Unusable(f"There are more than {MOST} in one part, the most allowed")
    return found


def _check_signature(revoked: x509.CertificateRevocationList, authorities: list[x509.Certificate]) -> None:
    for authority in authorities:
        try:
            key = authority.public_key()
            if authority.subject == revoked.issuer and revoked.is_signature_valid(key):  # type: ignore[arg-type]
                return
        except BAD_DATA:
            continue
    raise Unusable("The list of revoked certificates is not signed by the authority")
