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


def make(api: Api) -> tuple[bytes, str]:
    """Return a certificate with its key in PEM, and the reference under which the secret service has both."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench.example")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("bench.example")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(b"bench", key, certificate, None, NoEncryption())
    body = {
        "name": "bench",
        "payload": base64.b64encode(bundle).decode(),
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    status, document = api.call("POST", SECRETS, body)
    if status != 201:
        raise RuntimeError(f"POST {SECRETS}: {status} {document}")
    pem = certificate.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, str(document["secret_ref"])
