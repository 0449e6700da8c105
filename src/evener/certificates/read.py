"""Certificates: read from any form in which people keep them, and checked. Pure: bytes in, a certificate out.

What users hand in says how much work it is to read, so only the process made for it may: `opener`. Must not put any
part of a key into a message, a log or a representation.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from evener.certificates.der import is_encrypted_key, largest_integer_bits
from evener.certificates.errors import Unusable
from evener.certificates.parts import Certificate, Parts, is_der

CERTIFICATE_LABELS = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
# What OpenSSL's security level 2 (Debian's default) takes from a server: 112 bits of security.
LEAST_RSA_BITS = 2048
_ENCRYPTED = re.compile(rb"^Proc-Type:\s*4\s*,\s*ENCRYPTED", re.MULTILINE)  # RFC 1421
MOST_RSA_BITS = 8192  # a handshake with such a key takes a tenth of a second
MOST_EXPONENT_BITS = 64  # as OpenSSL has it for keys above 3,072 bits
MOST_CERTIFICATES = 20  # of one part; each handshake carries the chain
CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
WEAK_HASHES = (hashes.MD5, hashes.SHA1)
# What the library raises over data that is no good; some of these are no ValueErrors.
BAD_DATA = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class _Found:
    key: Any = field(repr=False)
    candidates: Sequence[x509.Certificate]  # one of these is the leaf
    others: Sequence[x509.Certificate]


def read(parts: Parts) -> Certificate:
    """Return the certificate that `parts` make; whether its time has come or gone is not asked here.

    Certificates may be PEM or DER, intermediates also PKCS7; keys PKCS1, PKCS8 or SEC1, in PEM or DER, protected
    by the passphrase or not; bundles PKCS12, or PEM in any order.

    Raises:
        Unusable: saying what is wrong.
    """
    try:
        found = _bundle(parts) if parts.private_key is None else _separate(parts)
        return _checked(found)
    except BAD_DATA:
        # OpenSSL's own words would help nobody, and might quote what they are about.
        raise Unusable("The certificate cannot be read") from None


def _separate(parts: Parts) -> _Found:
    certificates = _certificates(parts.certificate, "certificate")
    key = _private_key(parts.private_key or b"", parts.passphrase)
    return _Found(key, certificates[:1], [*certificates[1:], *_intermediates(parts)])


def _intermediates(parts: Parts) -> list[x509.Certificate]:
    return _certificates(parts.intermediates, "intermediates") if parts.intermediates is not None else []


def _bundle(parts: Parts) -> _Found:
    if is_der(parts.certificate):
        return _pkcs12(parts)
    certificates = _certificates(parts.certificate, "certificate")
    key = _private_key(parts.certificate, parts.passphrase)
    others = _intermediates(parts)
    return _Found(key, certificates, [*certificates, *others])


def _pkcs12(parts: Parts) -> _Found:
    given = [parts.passphrase] if parts.passphrase else [None, b""]  # some programs seal with an empty one
    for passphrase in given:
        try:
            opened = pkcs12.load_pkcs12(parts.certificate, passphrase)
        except (ValueError, UnsupportedAlgorithm):
            continue
        if opened.key is None:
            raise Unusable("The PKCS12 bundle has no private key")
        more = _not_too_many([extra.certificate for extra in opened.additional_certs])
        certificates = ([opened.cert.certificate] if opened.cert else []) + more
        return _Found(opened.key, certificates, [*certificates, *_intermediates(parts)])
    if _is_certificate(parts.certificate):
        raise Unusable("The private key is missing")
    reason = "its passphrase is not the right one" if parts.passphrase else "it needs a passphrase"
    raise Unusable(f"The PKCS12 bundle cannot be read: it is damaged, or {reason}")


def _is_certificate(payload: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(payload)
    except BAD_DATA:
        return False
    return True


def pem_blocks(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the label and the whole of each PEM block (RFC 7468), passing over all that is between."""
    label, lines = b"", []
    for line in map(bytes.strip, payload.split(b"\n")):
        if line.startswith(b"-----BEGIN ") and line.endswith(b"-----"):
            label, lines = line[11:-5], [line]
        elif label:
            lines.append(line)
            if line == b"-----END " + label + b"-----":
                yield label, b"\n".join(lines) + b"\n"
                label = b""


def _certificates(payload: bytes, part: str) -> list[x509.Certificate]:
    """Return the certificates in `payload`, of which there is at least one."""
    try:
        found = list(_each_certificate(payload))
    except BAD_DATA:
        found = []
    if not found:
        raise Unusable(f"The {part} cannot be read: PEM or DER is expected")
    return found


def _each_certificate(payload: bytes) -> Iterable[x509.Certificate]:
    if is_der(payload):
        if _is_certificate(payload):
            return [x509.load_der_x509_certificate(payload)]
        return _not_too_many(pkcs7.load_der_pkcs7_certificates(payload))
    found: list[x509.Certificate] = []
    for label, block in pem_blocks(payload):
        if label in CERTIFICATE_LABELS:
            found.append(x509.load_pem_x509_certificate(block))
        elif label == b"PKCS7":
            found.extend(pkcs7.load_pem_pkcs7_certificates(block))
        _not_too_many(found)
    return found


def _not_too_many(found: list[x509.Certificate]) -> list[x509.Certificate]:
    if len(found) > MOST_CERTIFICATES:
        raise Unusable(f"There are more than {MOST_CERTIFICATES} certificates in one part, the most allowed")
    return found


def _private_key(payload: bytes, passphrase: bytes | None) -> Any:
    if is_der(payload):
        _refuse_large(payload)
        return _load_key(load_der_private_key, payload, passphrase)
    for label, block in pem_blocks(payload):
        if label.endswith(b"PRIVATE KEY"):
            if not _ENCRYPTED.search(block):  # what such a one holds may look like anything
                _refuse_large(_content(block))
            return _load_key(load_pem_private_key, block, passphrase)
    raise Unusable("The private key is missing or cannot be read: PEM or DER is expected")


def _content(block: bytes) -> bytes:
    """Return what a PEM block holds, below its headers."""
    return base64.b64decode(b"".join(line for line in block.strip().split(b"\n")[1:-1] if b":" not in line))


def _refuse_large(der: bytes) -> None:
    """Refuse a key by the length of its numbers, before anybody computes with them."""
    if not is_encrypted_key(der) and largest_integer_bits(der) > MOST_RSA_BITS:
        raise Unusable(f"The private key has more than {MOST_RSA_BITS} bits, the most that are allowed")


def _load_key(load: Callable[..., Any], payload: bytes, passphrase: bytes | None) -> Any:
    # The library would look whether an RSA key's factors are primes, which takes seconds; we look whether it works.
    options = {"unsafe_skip_rsa_key_validation": True}
    try:
        return load(payload, password=passphrase or None, **options)
    except TypeError:  # one too many, or one too few
        if not passphrase:
            raise Unusable("The private key is protected by a passphrase, and none is given") from None
        return load(payload, password=None, **options)
    except (ValueError, UnsupportedAlgorithm):
        reason = ", or its passphrase is not the right one" if passphrase else ""
        raise Unusable(f"The private key cannot be read{reason}") from None


def _checked(found: _Found) -> Certificate:
    key = _serving_key(found.key)
    public = _spki(key.public_key())
    leaf = next((each for each in found.candidates if _spki(each.public_key()) == public), None)
    if leaf is None:
        raise Unusable("The certificate and the private key do not belong together")
    chain = _chain(leaf, found.others)
    for each in (leaf, *chain):
        _check_strength(each)
    _check_that_it_works(key, leaf)
    return Certificate(
        certificate=_pem(leaf),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        intermediates=tuple(map(_pem, chain)),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc.replace(tzinfo=None),
        not_after=leaf.not_valid_after_utc.replace(tzinfo=None),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        key_type="RSA" if isinstance(key, rsa.RSAPrivateKey) else "ECDSA",
    )


def _serving_key(key: Any) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        _check_numbers(key)
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in CURVES:
            raise Unusable(f"The private key is on the curve {key.curve.name}, which browsers do not take")
        return key
    raise Unusable("The private key is neither an RSA nor an ECDSA key")


def _check_numbers(key: rsa.RSAPrivateKey) -> None:
    """Look whether the numbers of a key go together (RFC 8017 section 3.2)."""
    own = key.private_numbers()
    n, e = own.public_numbers.n, own.public_numbers.e
    numbers = (n, e, own.p, own.q, own.d, own.dmp1, own.dmq1, own.iqmp)
    if max(number.bit_length() for number in numbers) > MOST_RSA_BITS:
        raise Unusable(f"The private key has more than {MOST_RSA_BITS} bits, the most that are allowed")
    if e.bit_length() > MOST_EXPONENT_BITS:
        raise Unusable(f"The private key has a public exponent of more than {MOST_EXPONENT_BITS} bits")
    if not (
        min(own.p, own.q) > 2
        and own.p * own.q == n
        and own.d * e % (own.p - 1) == own.d * e % (own.q - 1) == 1
        and (own.dmp1, own.dmq1) == (own.d % (own.p - 1), own.d % (own.q - 1))
        and own.iqmp * own.q % own.p == 1
    ):
        raise Unusable("The private key is damaged: its numbers do not belong together")


def _check_that_it_works(key: PrivateKey, leaf: x509.Certificate) -> None:
    """Look whether the certificate's key takes what the private key signs."""
    public: Any = leaf.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        how: tuple[Any, ...] = (padding.PKCS1v15(), hashes.SHA256())
        signature = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
    else:
        how = (ec.ECDSA(hashes.SHA256()),)
        signature = key.sign(b"", ec.ECDSA(hashes.SHA256()))
    try:
        public.verify(signature, b"", *how)
    except InvalidSignature:
        raise Unusable("The private key is damaged: it does not sign what its certificate proves") from None


def _check_strength(certificate: x509.Certificate) -> None:
    subject = certificate.subject.rfc4514_string()[:200]
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and not LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        least = key.key_size < LEAST_RSA_BITS
        bound = f"{LEAST_RSA_BITS} are the least" if least else f"{MOST_RSA_BITS} are the most"
        raise Unusable(
            f"The certificate of {subject} has an RSA key of {key.key_size} bits; {bound} that is allowed"
        )
    # A signature by the key itself proves nothing, so nobody minds its hash.
    if certificate.issuer != certificate.subject and isinstance(
        certificate.signature_hash_algorithm, WEAK_HASHES
    ):
        name = certificate.signature_hash_algorithm.name.upper()
        raise Unusable(f"The certificate of {subject} is signed with {name}, which is no longer allowed")


def _chain(leaf: x509.Certificate, given: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return `given` without the leaf and doubles, each before its issuer; what leads nowhere comes last."""
    rest = [each for each in dict.fromkeys(given) if each != leaf]
    chain: list[x509.Certificate] = []
    current = leaf
    while current.issuer != current.subject:
        above = next((each for each in rest if each.subject == current.issuer), None)
        if above is None:
            break
        rest.remove(above)
        chain.append(above)
        current = above
    return [*chain, *rest]


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    common = [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        alternative = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        alternative = []
    return tuple(dict.fromkeys(name.lower() for name in (*common, *alternative)))


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")
