"""Certificates are read from every form in which people keep them, and refused with a reason that helps."""

import re
from datetime import timedelta
from itertools import permutations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from evener.certificates.errors import Unusable
from evener.certificates.parts import Certificate, Parts, check_validity
from evener.certificates.read import read
from made_certificates import DAY, NOW, Made, authorities, ec_key, make, rsa_key, served

PASSPHRASE = b"a pass phrase"
KINDS = ("RSA", "ECDSA")
MOMENT = NOW.replace(tzinfo=None)


def chain() -> list[Made]:
    _, upper, lower = authorities()
    return [lower, upper]


def pem_of(*made: Made) -> bytes:
    return b"".join(each.pem for each in made)


def intermediates_of(certificate: Certificate) -> list[bytes]:
    return [each.encode() for each in certificate.intermediates]


def refusal(parts: Parts) -> str:
    with pytest.raises(Unusable) as caught:
        read(parts)
    return caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_says_all_that_a_listener_needs(kind: str) -> None:
    made = served(kind)
    found = read(Parts(made.pem, made.key_pem(), pem_of(*chain())))
    assert found.certificate.encode() == made.pem
    assert found.private_key.encode() == made.key_pem()
    assert intermediates_of(found) == [each.pem for each in chain()]
    assert found.names == ("www.example.com", "*.shop.example.com")
    assert found.key_type == kind
    assert (found.not_before, found.not_after) == (MOMENT - DAY, MOMENT + 30 * DAY)
    assert re.fullmatch("[0-9a-f]{64}", found.fingerprint)
    assert found.bundle.encode() == made.pem + pem_of(*chain()) + made.key_pem()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_comes_in_any_form(
    kind: str, passphrase: bytes | None, encoding: Encoding, form: PrivateFormat
) -> None:
    if passphrase and encoding is Encoding.DER and form is PrivateFormat.TraditionalOpenSSL:
        pytest.skip("there is no such form")
    made = served(kind)
    found = read(Parts(made.pem, made.key_pem(passphrase, form, encoding), passphrase=passphrase))
    assert found.private_key.encode() == made.key_pem()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["pem", "der", "pkcs7 pem", "pkcs7 der"])
def test_certificates_come_in_any_form(kind: str, form: str) -> None:
    made, above = served(kind), [each.certificate for each in chain()]
    leaf = made.der if form == "der" else made.pem
    given_chain = {
        "pem": pem_of(*chain()),
        "der": chain()[0].der,
        "pkcs7 pem": pkcs7.serialize_certificates(above, Encoding.PEM),
        "pkcs7 der": pkcs7.serialize_certificates(above, Encoding.DER),
    }[form]
    found = read(Parts(leaf, made.key_pem(), given_chain))
    assert intermediates_of(found) == [each.pem for each in chain()][: 1 if form == "der" else 2]


@pytest.mark.parametrize("kind", KINDS)
def test_one_secret_may_hold_everything(kind: str) -> None:
    made = served(kind)
    for payload in (made.p12(*chain()), made.pem + pem_of(*chain()) + made.key_pem()):
        found = read(Parts(payload))
        assert found.certificate.encode() == made.pem
        assert found.private_key.encode() == made.key_pem()
        assert intermediates_of(found) == [each.pem for each in chain()]


def test_a_protected_bundle_opens_with_its_passphrase() -> None:
    made = served()
    for payload in (made.p12(*chain(), passphrase=PASSPHRASE), made.pem + made.key_pem(PASSPHRASE)):
        assert read(Parts(payload, passphrase=PASSPHRASE)).certificate.encode() == made.pem
        assert "passphrase" in refusal(Parts(payload))
        assert "passphrase is not the right one" in refusal(Parts(payload, passphrase=b"wrong"))


def test_the_order_of_a_pem_bundle_does_not_matter() -> None:
    made = served("ECDSA")
    blocks = [made.pem, made.key_pem(), *(each.pem for each in chain())]
    for order in permutations(blocks):
        found = read(Parts(b"0 is some text\r\n" + b"some text\r\n".join(order).replace(b"\n", b"\r\n")))
        assert found.certificate.encode() == made.pem
        assert intermediates_of(found) == [each.pem for each in chain()]


def test_intermediates_are_served_from_the_leaf_upwards_each_once() -> None:
    made, (root, upper, lower) = served(), authorities()
    stray = make("Stray", ec_key(7), authority=True)
    found = read(Parts(pem_of(made, made), made.key_pem(), pem_of(stray, root, upper, lower, upper)))
    assert intermediates_of(found) == [each.pem for each in (lower, upper, root, stray)]


def test_a_key_that_is_not_protected_needs_no_passphrase_and_minds_none() -> None:
    made = served()
    assert read(Parts(made.pem, made.key_pem(), passphrase=PASSPHRASE)).certificate.encode() == made.pem


def test_names_are_in_lower_case_and_there_once() -> None:
    made = make("WWW.Example.com", ec_key(), alternative=("www.example.com", "*.Example.com", "other.test"))
    assert read(Parts(made.pem, made.key_pem())).names == ("www.example.com", "*.example.com", "other.test")


def test_a_certificate_needs_no_names() -> None:
    nameless = make("x", ec_key())
    assert read(Parts(nameless.pem, nameless.key_pem())).names == ("x",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_certificate_is_refused(kind: str) -> None:
    made = served(kind)
    other = make("other", rsa_key(2) if kind == "RSA" else ec_key(2))
    words = "do not belong together"
    assert words in refusal(Parts(made.pem, other.key_pem()))
    assert words in refusal(Parts(made.pem + other.key_pem()))
    mixed = {"RSA": served("ECDSA"), "ECDSA": served("RSA")}[kind]
    assert words in refusal(Parts(made.pem, mixed.key_pem()))


def test_the_key_of_an_intermediate_is_not_the_leafs() -> None:
    made, lower = served(), chain()[0]
    assert "do not belong together" in refusal(Parts(made.pem, lower.key_pem(), lower.pem))


def test_a_certificate_is_valid_from_its_first_second_to_its_last() -> None:
    made = served()
    found = read(Parts(made.pem, made.key_pem()))
    for moment in (found.not_before, MOMENT, found.not_after):
        check_validity(found, moment)
    with pytest.raises(Unusable, match=f"not valid before {found.not_before} UTC"):
        check_validity(found, found.not_before - timedelta(seconds=1))
    with pytest.raises(Unusable, match=f"has expired on {found.not_after} UTC"):
        check_validity(found, found.not_after + timedelta(seconds=1))


def test_what_is_missing_is_named() -> None:
    made = served()
    assert refusal(Parts(made.pem)) == (
        "The private key is missing or cannot be read: PEM or DER is expected"
    )
    assert refusal(Parts(made.der)) == "The private key is missing"
    assert refusal(Parts(made.key_pem())) == "The certificate cannot be read: PEM or DER is expected"
    without = x509.load_pem_x509_certificate(made.pem)
    bundle = pkcs7.serialize_certificates([without], Encoding.DER)
    assert "PKCS12" in refusal(Parts(bundle))


def test_what_is_unreadable_is_named() -> None:
    made = served()
    broken = made.pem.replace(b"MII", b"MIA")
    assert refusal(Parts(broken, made.key_pem())) == "The certificate cannot be read: PEM or DER is expected"
    assert refusal(Parts(made.pem, made.key_pem(), broken)) == (
        "The intermediates cannot be read: PEM or DER is expected"
    )
    damaged = made.key_pem().replace(b"MII", b"MIA")
    assert refusal(Parts(made.pem, damaged)) == "The private key cannot be read"
    assert "damaged" in refusal(Parts(made.p12()[:-40]))


def test_a_key_too_weak_for_openssl_is_refused() -> None:
    weak = make("weak", rsa_key(bits=1024))
    assert "1024 bits" in refusal(Parts(weak.pem, weak.key_pem()))
    issuer = make("weak issuer", rsa_key(bits=1024), authority=True)
    made = make("strong", ec_key(), issuer)
    assert "weak issuer" in refusal(Parts(made.pem, made.key_pem(), issuer.pem))


def test_a_key_that_browsers_do_not_take_is_refused() -> None:
    odd = make("odd", ec_key(curve=ec.SECP256K1))
    assert "secp256k1" in refusal(Parts(odd.pem, odd.key_pem()))
    made = served()
    for key in (ed25519.Ed25519PrivateKey.generate(), dsa.generate_private_key(1024)):
        assert "neither an RSA nor an ECDSA key" in refusal(
            Parts(made.pem, Made(made.certificate, key).key_pem())
        )


def test_no_representation_shows_a_key() -> None:
    made = served()
    parts = Parts(made.pem, made.key_pem(PASSPHRASE), passphrase=PASSPHRASE)
    line = made.key_pem().splitlines()[1].decode()
    for shown in (repr(read(parts)), str(read(parts)), repr(parts), f"{parts}"):
        assert line not in shown
        assert PASSPHRASE.decode() not in shown
        assert "PRIVATE" not in shown


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x30", b"-----BEGIN CERTIFICATE-----\n"]))
def test_arbitrary_bytes_are_refused_with_a_reason(noise: bytes, start: bytes) -> None:
    payload, made = start + noise, served("ECDSA")
    for parts in (Parts(payload), Parts(payload, made.key_pem()), Parts(made.pem, payload)):
        assert refusal(parts)


@given(st.data())
def test_a_damaged_byte_never_gives_another_certificate_and_never_crashes(data: st.DataObject) -> None:
    made = served("ECDSA")
    whole = bytearray(made.der)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        key = read(Parts(bytes(whole), made.key_pem())).private_key.encode()
    except Unusable:
        key = made.key_pem()
    assert key == made.key_pem()
