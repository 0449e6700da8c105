"""Keys as nobody makes them who means well: huge numbers, absurd work, deep nesting. For tests; nothing here is secret.

Written by hand from their numbers, since no library would make them.
"""

import base64
from functools import cache

from made_certificates import Made, make, rsa_key

RSA = bytes.fromhex("2a864886f70d010101")
DSA = bytes.fromhex("2a8648ce380401")
DH = bytes.fromhex("2a864886f70d010301")
PBES2, PBKDF2, SCRYPT = (
    bytes.fromhex(each) for each in ("2a864886f70d01050d", "2a864886f70d01050c", "2b06010401da47040b")
)
SHA512, AES256 = bytes.fromhex("2a864886f70d020b"), bytes.fromhex("60864801650304012a")


def tlv(tag: int, content: bytes) -> bytes:
    """Return a value in DER."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def sequence(*values: bytes) -> bytes:
    """Return a sequence."""
    return tlv(0x30, b"".join(values))


def number(value: int) -> bytes:
    """Return a whole number that is not negative."""
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def pem(label: str, der: bytes) -> bytes:
    """Return a PEM block."""
    return (
        f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()
    )


def rsa_numbers(p: int, q: int, e: int = 65537) -> bytes:
    """Return an RSA key of two numbers that need not be primes (RFC 8017, appendix A.1.2)."""
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    return sequence(*map(number, numbers))


def pkcs8(algorithm: bytes, key: bytes, parameters: bytes = b"\x05\x00") -> bytes:
    """Return a key as PKCS8 holds it (RFC 5208)."""
    return sequence(number(0), sequence(tlv(6, algorithm), parameters), tlv(4, key))


def protected(derivation: bytes, parameters: bytes, sealed: bytes = bytes(1248)) -> bytes:
    """Return a protected key that says how its key is derived (RFC 8018, appendix A.4); it opens with nothing."""
    cipher = sequence(tlv(6, AES256), tlv(4, bytes(16)))
    return sequence(
        sequence(tlv(6, PBES2), sequence(sequence(tlv(6, derivation), parameters), cipher)), tlv(4, sealed)
    )


def with_rounds(rounds: int) -> bytes:
    """Return a key protected by that many rounds of hashing."""
    prf = sequence(tlv(6, SHA512), b"\x05\x00")
    return protected(PBKDF2, sequence(tlv(4, bytes(8)), number(rounds), prf))


def with_scrypt(n: int, r: int = 8, p: int = 1) -> bytes:
    """Return a key protected by scrypt, which takes 128 · n · r bytes (RFC 7914)."""
    return protected(SCRYPT, sequence(tlv(4, bytes(8)), number(n), number(r), number(p)))


def mersenne(p: int = 9689, q: int = 4423) -> bytes:
    """Return an RSA key of two large Mersenne primes; to look whether they are primes takes half a minute."""
    return rsa_numbers(2**p - 1, 2**q - 1, 65537)


def nested(depth: int) -> bytes:
    """Return a sequence in a sequence, and so on."""
    value = number(1)
    for _ in range(depth):
        value = sequence(value)
    return value


@cache
def leaf() -> Made:
    """Return a certificate that these keys are handed in with."""
    return make("costly.example.com", rsa_key(1))
