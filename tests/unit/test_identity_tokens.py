"""Tokens are sealed, carry what was sealed, and end; passwords are hashed."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.resources.errors import Unauthorized
from evener_cloud.identity.passwords import hash_password, verify_password
from evener_cloud.identity.tokens import Token, TokenSealer, new_audit_id

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - UTC without a zone, as the tables have it


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> TokenSealer:
    return TokenSealer(tmp_path_factory.mktemp("keys") / "key")


def a_token() -> Token:
    return Token(
        user_id="u",
        project_id="p",
        domain_id=None,
        methods=("password",),
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        audit_ids=(new_audit_id(),),
        generation=7,
    )


def test_an_opened_token_is_what_was_sealed(sealer: TokenSealer) -> None:
    token = a_token()
    assert sealer.open(sealer.seal(token), NOW) == token


def test_a_token_ends_at_its_expiry(sealer: TokenSealer) -> None:
    sealed = sealer.seal(a_token())
    sealer.open(sealed, NOW + timedelta(minutes=59, seconds=59))
    with pytest.raises(Unauthorized):
        sealer.open(sealed, NOW + timedelta(hours=1))


@given(at=st.integers(0, 200), letters=st.permutations("ABCabc019-_"))
def test_a_token_with_one_character_changed_is_refused(
    sealer: TokenSealer, at: int, letters: list[str]
) -> None:
    sealed = sealer.seal(a_token())
    at %= len(sealed) - 3  # the last characters hold padding bits, which Base64 decoders ignore
    letter = next(other for other in letters if other != sealed[at])
    with pytest.raises(Unauthorized):
        sealer.open(sealed[:at] + letter + sealed[at + 1 :], NOW)


@given(st.text(max_size=200))
def test_any_text_that_is_no_token_is_refused(sealer: TokenSealer, text: str) -> None:
    with pytest.raises(Unauthorized):
        sealer.open(text, NOW)


def test_another_key_opens_nothing(sealer: TokenSealer, tmp_path: Path) -> None:
    with pytest.raises(Unauthorized):
        TokenSealer(tmp_path / "other").open(sealer.seal(a_token()), NOW)


def test_the_key_file_is_its_owners_only_and_is_kept(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    sealed = TokenSealer(key_file).seal(a_token())
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert TokenSealer(key_file).open(sealed, NOW).user_id == "u"
    assert list(tmp_path.iterdir()) == [key_file]


def test_an_old_key_below_the_new_one_still_opens(tmp_path: Path) -> None:
    old, new, both = tmp_path / "old", tmp_path / "new", tmp_path / "both"
    sealed = TokenSealer(old).seal(a_token())
    TokenSealer(new)
    both.write_text(new.read_text() + old.read_text())
    assert TokenSealer(both).open(sealed, NOW).user_id == "u"


def test_a_password_fits_its_own_hash_only() -> None:
    stored = hash_password("right")
    assert "right" not in stored
    assert verify_password(stored, "right")
    assert not verify_password(stored, "wrong")
    assert not verify_password(None, "right")
    assert not verify_password("no hash at all", "right")
