"""What a reference is, what may be stored, what a list is asked for, and how payloads are sealed."""

import base64
import stat
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from evener.resources.errors import InvalidInput, Unavailable
from evener_cloud.secrets import listing, references, vault
from evener_cloud.secrets.models import (
    LARGEST_PAYLOAD,
    ContainerConsumerInput,
    ContainerInput,
    SecretConsumerInput,
    SecretInput,
    parse,
)
from evener_cloud.secrets.references import Reference
from evener_cloud.secrets.sealing import Sealer

ID = "0f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f"
OTHER = "1f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f"
BASE = "http://127.0.0.1:9876"
CONFIDENTIAL = "the-words-nobody-may-see"


def ref(secret_id: str = ID, collection: str = "secrets") -> str:
    return f"{BASE}/key-manager/v1/{collection}/{secret_id}"


@given(st.uuids(), st.sampled_from(["secrets", "containers"]))
def test_a_reference_means_what_it_was_made_of(number: uuid.UUID, collection: references.Collection) -> None:
    reference = Reference(collection, str(number))
    assert references.parse(references.build(BASE, reference)) == reference


@pytest.mark.parametrize(
    "url",
    [
        ref(),
        f"https://another.host/key-manager/v1/secrets/{ID}",
        f"http://[2001:db8::1]:9876/proxied/key-manager/v1/secrets/{ID}/",
        f"http://h/key-manager/v1/secrets/{ID.upper()}",
    ],
)
def test_only_the_path_and_the_uuid_of_a_reference_count(url: str) -> None:
    assert references.parse(url) == Reference("secrets", ID)


@pytest.mark.parametrize(
    "url",
    [
        "",
        ID,
        f"/key-manager/v1/secrets/{ID}",
        f"ftp://h/key-manager/v1/secrets/{ID}",
        f"http://h/v1/secrets/{ID}",
        f"http://h/key-manager/v1/orders/{ID}",
        f"http://h/key-manager/v1/secrets/{ID}/payload",
        f"http://h/key-manager/v1/secrets/{ID}?x=1",
        "http://h/key-manager/v1/secrets/1",
        f"http://[h/key-manager/v1/secrets/{ID}",
    ],
)
def test_what_is_no_reference_to_this_service_is_none(url: str) -> None:
    assert references.parse(url) is None


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_none(text: str) -> None:
    assert references.parse(f"http://h{text}") is None


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "application/pkcs8", "application/pkix-cert", "APPLICATION/PKCS8"]
)
@given(payload=st.binary(min_size=1, max_size=200))
def test_a_binary_payload_is_what_its_base64_says(kind: str, payload: bytes) -> None:
    lines = base64.encodebytes(payload).decode()
    body = {"payload": lines, "payload_content_type": kind, "payload_content_encoding": "base64"}
    assert parse(SecretInput, body).payload_bytes() == payload


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "text/plain;charset=UTF-8"])
def test_a_text_is_kept_in_utf_8_without_the_space_around_it(kind: str) -> None:
    given_secret = parse(SecretInput, {"payload": " schlüssel\n", "payload_content_type": kind})
    assert given_secret.payload_bytes() == "schlüssel".encode()
    assert given_secret.payload_content_type == "text/plain"


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"payload": CONFIDENTIAL},
        {"payload": CONFIDENTIAL, "payload_content_type": "image/png"},
        {"payload": CONFIDENTIAL, "payload_content_type": "text/plain; charset=latin-1"},
        {"payload": CONFIDENTIAL, "payload_content_type": "application/octet-stream"},
        {"payload": CONFIDENTIAL, "payload_content_type": "text/plain", "payload_content_encoding": "base64"},
        {"payload": CONFIDENTIAL, "payload_content_type": "text/plain", "payload_content_encoding": "gzip"},
        {"payload": [CONFIDENTIAL], "payload_content_type": "text/plain"},
        {"payload_content_type": "text/plain"},
        {"secret_type": "key"},
        {"bit_length": 0},
        {"bit_length": "256"},
        {"bit_length": True},
        {"name": "x" * 256},
        {"name": "\x00"},
        {"name": 5},
        {"colour": CONFIDENTIAL},
        {"expiration": "tomorrow"},
        {"expiration": 5},
        {"expiration": "2001-01-01T00:00:00Z"},
        {"expiration": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_a_body_that_does_not_fit_is_refused_without_being_quoted(body: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(SecretInput, body)
    assert CONFIDENTIAL not in caught.value.message
    assert caught.value.message.startswith("Provided object does not match schema 'Secret'")


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ("   ", "text/plain"),
        ("\ud800", "text/plain"),
        ("x" * (LARGEST_PAYLOAD + 1), "text/plain"),
        ("not base64!", "application/octet-stream"),
        ("=", "application/octet-stream"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_without_being_quoted(payload: str, kind: str) -> None:
    body = {"payload": payload, "payload_content_type": kind}
    if kind != "text/plain":
        body["payload_content_encoding"] = "base64"
    with pytest.raises(InvalidInput) as caught:
        parse(SecretInput, body).payload_bytes()
    assert payload.strip(" =") not in caught.value.message or not payload.strip(" =")


def test_an_uploaded_text_has_to_be_text() -> None:
    with pytest.raises(InvalidInput):
        vault.uploaded(b"\xff", "text/plain")
    assert vault.uploaded(b"\xff", "application/octet-stream").content == b"\xff"


def test_an_expiration_is_kept_in_utc() -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    for written in (later.isoformat(), later.replace(tzinfo=None).isoformat(), f"{later:%Y-%m-%dT%H:%M:%SZ}"):
        assert parse(SecretInput, {"expiration": written}).expiration == later.replace(tzinfo=None)
    assert parse(SecretInput, {"expiration": ""}).expiration is None


def test_no_representation_shows_a_payload() -> None:
    body = {"payload": CONFIDENTIAL, "payload_content_type": "text/plain"}
    shown = [parse(SecretInput, body), vault.uploaded(CONFIDENTIAL.encode(), "text/plain")]
    assert CONFIDENTIAL not in repr(shown) + "".join(map(str, shown))


@pytest.mark.parametrize(
    ("kind", "names", "complaint"),
    [
        ("certificate", ["private_key"], "needs 'certificate'"),
        ("certificate", ["certificate", "key"], "are allowed as names"),
        ("certificate", ["certificate", None], "are allowed as names"),
        ("rsa", ["public_key"], "needs 'private_key', 'public_key'"),
        ("generic", ["a", "a"], "Duplicate reference names"),
        ("bundle", [], "type"),
    ],
)
def test_a_container_has_the_parts_of_its_type(kind: str, names: list[str], complaint: str) -> None:
    refs = [{"name": name, "secret_ref": ref(str(uuid.uuid4()))} for name in names]
    with pytest.raises(InvalidInput, match=complaint):
        parse(ContainerInput, {"type": kind, "secret_refs": refs})


def test_a_container_holds_a_secret_once_and_no_containers() -> None:
    twice = [{"name": "a", "secret_ref": ref()}, {"name": "b", "secret_ref": ref()}]
    with pytest.raises(InvalidInput, match="Duplicate secret ids"):
        parse(ContainerInput, {"type": "generic", "secret_refs": twice})
    nested = [{"name": "a", "secret_ref": ref(collection="containers")}]
    with pytest.raises(InvalidInput, match="is not a reference to a secret"):
        parse(ContainerInput, {"type": "generic", "secret_refs": nested})


def test_consumers_are_named_as_barbican_names_them() -> None:
    assert parse(ContainerConsumerInput, {"name": "lbaas", "URL": "lbaas://x"}).model_dump() == {
        "name": "lbaas",
        "url": "lbaas://x",
    }
    with pytest.raises(InvalidInput, match="URL"):
        parse(ContainerConsumerInput, {"name": "lbaas"})
    with pytest.raises(InvalidInput, match="resource_id"):
        parse(SecretConsumerInput, {"service": "lbaas", "resource_type": "listener", "resource_id": "1"})


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"limit": "-1"},
        {"offset": "1.5"},
        {"colour": "red"},
        {"sort": "payload"},
        {"sort": "name:up"},
        {"created": "gt:"},
        {"created": "yesterday"},
        {"expiration": "2030-01-01,x"},
        {"bits": "many"},
    ],
)
def test_a_query_that_means_nothing_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="invalid query string parameters"):
        listing.of_secrets(query)


def test_a_page_is_never_larger_than_a_hundred() -> None:
    assert listing.of_secrets({}).limit == 10
    assert listing.of_secrets({"limit": "100000", "offset": "9" * 19}).limit == 100


def test_the_key_file_is_its_owners_only_and_opens_what_it_sealed(tmp_path: Path) -> None:
    key_file = tmp_path / "secrets.key"
    sealed = Sealer(key_file).seal(ID, b"payload")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert b"payload" not in sealed
    assert Sealer(key_file).open(ID, sealed) == b"payload"


def test_a_new_key_seals_and_the_old_one_opens_until_it_goes(tmp_path: Path) -> None:
    key_file = tmp_path / "secrets.key"
    old = Sealer(key_file).seal(ID, b"old")
    new_key = Fernet.generate_key().decode()
    key_file.write_text(f"{new_key}\n{key_file.read_text()}")
    new = Sealer(key_file).seal(ID, b"new")
    assert Sealer(key_file).open(ID, old) == b"old"
    key_file.write_text(f"{new_key}\n")
    assert Sealer(key_file).open(ID, new) == b"new"
    with pytest.raises(Unavailable, match=ID):
        Sealer(key_file).open(ID, old)


def test_a_payload_opens_for_its_own_secret_only(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path / "secrets.key")
    with pytest.raises(Unavailable):
        sealer.open(OTHER, sealer.seal(ID, b"payload"))
