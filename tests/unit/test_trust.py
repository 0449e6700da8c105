"""Which authorities and lists of revoked certificates are taken, and in which form."""

import pytest
from cryptography import x509

from evener.certificates.errors import Unusable
from evener.certificates.parts import Trusted, TrustParts, check_freshness
from evener.certificates.trust import MOST, read_trust
from made_certificates import DAY, NOW, authorities, ec_key, make, revoked, served

ROOT, UPPER, LOWER = authorities()
STRANGER = make("Stranger", ec_key(200), authority=True)
NAMESAKE = make("Root", ec_key(201), authority=True)  # another key under the root's name


def trusted(authority: bytes, lists: bytes | None = None) -> Trusted:
    return read_trust(TrustParts(authority, lists))


def refusal(authority: bytes, lists: bytes | None = None) -> str:
    with pytest.raises(Unusable) as caught:
        trusted(authority, lists)
    assert b"BEGIN" not in caught.value.reason.encode()
    return caught.value.reason


def test_authorities_are_one_or_more_certificates_in_pem_each_once() -> None:
    found = trusted(b"words\n" + ROOT.pem + UPPER.pem + b"\n" + ROOT.pem)
    assert found == Trusted((ROOT.pem + UPPER.pem).decode())
    assert [each.subject for each in x509.load_pem_x509_certificates(found.authorities.encode())] == [
        ROOT.certificate.subject,
        UPPER.certificate.subject,
    ]


@pytest.mark.parametrize(
    "payload", [b"", b"words", ROOT.der, ROOT.key_pem(), revoked(ROOT), ROOT.pem.replace(b"MII", b"AAA", 1)]
)
def test_what_is_no_certificate_in_pem_is_no_authority(payload: bytes) -> None:
    assert refusal(payload) == "The authorities' certificates cannot be read: PEM is expected"


def test_a_key_beside_an_authority_goes_nowhere() -> None:
    assert "PRIVATE" not in trusted(ROOT.pem + ROOT.key_pem()).authorities


def test_a_list_is_signed_by_one_of_the_authorities() -> None:
    for authority in (ROOT, UPPER, LOWER):  # a key of each kind
        assert trusted(STRANGER.pem + authority.pem, revoked(authority, served())).revoked
    for authority, lists in (
        (STRANGER.pem, revoked(ROOT)),
        (NAMESAKE.pem, revoked(ROOT)),
        (ROOT.pem, revoked(ROOT) + revoked(UPPER)),
    ):
        assert refusal(authority, lists) == "The list of revoked certificates is not signed by the authority"


@pytest.mark.parametrize("payload", [b"", b"words", ROOT.pem, revoked(ROOT).replace(b"\nMI", b"\nAA", 1)])
def test_what_is_no_list_in_pem_is_refused(payload: bytes) -> None:
    assert refusal(ROOT.pem, payload) == "The list of revoked certificates cannot be read: PEM is expected"


def test_there_are_only_so_many() -> None:
    trusted(ROOT.pem, revoked(ROOT) * MOST)
    assert "more than" in refusal(ROOT.pem, revoked(ROOT) * (MOST + 1))
    assert "more than" in refusal(ROOT.pem * (MOST + 1))


def test_a_list_that_should_have_been_replaced_is_said_to_be_out_of_date() -> None:
    moment = NOW.replace(tzinfo=None)
    both = trusted(ROOT.pem + UPPER.pem, revoked(ROOT) + revoked(UPPER, begin=NOW - 2 * DAY, end=NOW - DAY))
    check_freshness(trusted(ROOT.pem), moment)
    check_freshness(trusted(ROOT.pem, revoked(ROOT)), moment)
    with pytest.raises(Unusable, match="has expired on"):
        check_freshness(both, moment)
