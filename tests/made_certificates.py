"""Makes keys and certificates for tests: authorities, leaves, chains, in every form people keep them in.

Must not be used for anything but tests: the keys are kept for the whole session, because making one takes long.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from evener.resources.graph import TlsCertificate

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key of that number."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """Return the EC key of that number."""
    return ec.generate_private_key(curve())


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(
        self,
        passphrase: bytes | None = None,
        form: PrivateFormat = PrivateFormat.PKCS8,
        encoding: Encoding = Encoding.PEM,
    ) -> bytes:
        """Return the key, encrypted where there is a passphrase."""
        protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return bytes(self.key.private_bytes(encoding, form, protection))

    def p12(self, *chain: "Made", passphrase: bytes | None = None) -> bytes:
        """Return a PKCS12 bundle."""
        protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        others = [each.certificate for each in chain]
        return bytes(
            pkcs12.serialize_key_and_certificates(b"web", self.key, self.certificate, others, protection)
        )


_SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def make(
    name: str,
    key: Any,
    issuer: Made | None = None,
    alternative: tuple[str, ...] = (),
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 30 * DAY,
    authority: bool = False,
) -> Made:
    """Return a certificate of `name`, signed by `issuer` or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    # What clients that check strictly ask for (RFC 5280 section 4.2.1; Python's default from 3.13 on).
    signer = (issuer.key if issuer else key).public_key()
    for extension in (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer),
    ):
        builder = builder.add_extension(extension, critical=False)
    if authority:
        builder = builder.add_extension(_SIGNING, critical=True)
    if alternative:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in alternative])
        builder = builder.add_extension(names, critical=False)
    return Made(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@cache
def authorities() -> tuple[Made, Made, Made]:
    """Return a root and two authorities below, each signed by the one before."""
    root = make("Root", ec_key(100), authority=True)
    upper = make("Upper", rsa_key(101), root, authority=True)
    lower = make("Lower", ec_key(102), upper, authority=True)
    return root, upper, lower


@cache
def served(kind: str = "RSA", name: str = "www.example.com") -> Made:
    """Return a leaf below the lowest authority."""
    key = rsa_key(1) if kind == "RSA" else ec_key(1)
    return make(name, key, authorities()[2], (name, "*.shop.example.com"))


def revoked(issuer: Made, *made: Made, begin: datetime = NOW - DAY, end: datetime = NOW + 30 * DAY) -> bytes:
    """Return the issuer's list of revoked certificates, in PEM."""
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, begin, end)
    for each in made:
        entry = x509.RevokedCertificateBuilder(each.certificate.serial_number, begin).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def document(made: Made, intermediates: Sequence[Made]) -> TlsCertificate:
    """Return a certificate as it is part of a graph; `intermediates` lead from the root to it."""
    chain = [each.pem for each in reversed(intermediates)]
    names = made.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return TlsCertificate(
        bundle=b"".join((made.pem, *chain, made.key_pem())).decode(),
        fingerprint=hashlib.sha256(made.der).hexdigest(),
        names=tuple(names.get_values_for_type(x509.DNSName)),
        key_type="RSA" if isinstance(made.key, rsa.RSAPrivateKey) else "ECDSA",
    )
