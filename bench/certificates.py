"""A certificate for the listeners that end TLS, in a file for HAProxy by hand and in the secret service for Evener."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from bench.api import Api

SECRETS = "/key-manager/v1/secrets"
VALID = timedelta(days=1)


def pair(name: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Return a certificate for the host `name`, and its key."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def pem(made: x509.Certificate | rsa.RSAPrivateKey) -> bytes:
    """Return a certificate or a key in PEM."""
    if isinstance(made, x509.Certificate):
        return made.public_bytes(Encoding.PEM)
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make(api: Api) -> tuple[bytes, str]:
    """Return a certificate with its key in PEM, and the reference under which the secret service has both."""
    certificate, key = pair("bench.example")
    bundle = pkcs12.serialize_key_and_certificates(b"bench", key, certificate, None, NoEncryption())
    return pem(certificate) + pem(key), store(api, bundle)


def store(api: Api, payload: bytes) -> str:
    """Put bytes into the secret service and return their reference."""
    body = {
        "name": "bench",
        "payload": base64.b64encode(payload).decode(),
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    status, document = api.call("POST", SECRETS, body)
    if status != 201:
        raise RuntimeError(f"POST {SECRETS}: {status} {document}")
    return str(document["secret_ref"])
