"""How large a key's numbers are, by their lengths alone; what is encrypted looks like anything, and is no number."""

import base64

import pytest

from evener.certificates.der import is_encrypted_key, largest_integer_bits
from evener.certificates.errors import Unusable
from evener.certificates.parts import Parts
from evener.certificates.read import MOST_RSA_BITS, read
from made_certificates import served

LARGE = MOST_RSA_BITS // 8 + 1


def value(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


NUMBER = value(2, b"\x7f" * LARGE)
PLAIN = value(0x30, b"\x02\x01\x00" + NUMBER)
# As where the first byte of what is encrypted happens to be that of a sequence.
ENCRYPTED = value(0x30, value(0x30, b"\x06\x01\x2a") + value(4, value(0x30, NUMBER)))


def refusal(key: bytes) -> str:
    with pytest.raises(Unusable) as refused:
        read(Parts(served().pem, key, passphrase=b"word"))
    return str(refused.value)


def pem(label: str, content: bytes, headers: str = "") -> bytes:
    body = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{headers}{body}-----END {label}-----\n".encode()


def test_a_number_is_as_large_as_its_length_says() -> None:
    assert largest_integer_bits(PLAIN) == 8 * LARGE
    assert not is_encrypted_key(PLAIN)
    assert is_encrypted_key(ENCRYPTED)
    for cut in range(len(ENCRYPTED)):
        assert largest_integer_bits(ENCRYPTED[:cut]) <= 8 * LARGE
        assert is_encrypted_key(ENCRYPTED[:cut]) == (cut > 4)


@pytest.mark.parametrize("key", [PLAIN, pem("PRIVATE KEY", PLAIN), pem("RSA PRIVATE KEY", PLAIN)])
def test_a_key_with_a_larger_number_is_refused_before_anybody_computes_with_it(key: bytes) -> None:
    assert f"more than {MOST_RSA_BITS} bits" in refusal(key)


@pytest.mark.parametrize(
    "key",
    [
        ENCRYPTED,
        pem("ENCRYPTED PRIVATE KEY", ENCRYPTED),
        pem("RSA PRIVATE KEY", PLAIN, "Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0123456789ABCDEF\n\n"),
    ],
)
def test_what_is_encrypted_is_not_taken_for_a_number(key: bytes) -> None:
    assert "cannot be read" in refusal(key)
