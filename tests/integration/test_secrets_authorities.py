"""Authorities of clients' and members' certificates, and what they have revoked, as secrets that hold PEM."""

import uuid
from pathlib import Path

import pytest
from api_cloud import counted
from secret_service import BASE, V1, Service, User, caller_in

from evener.certificates.errors import CertificateInvalid, CertificateNotFound
from evener.services.secrets import Trust, Trusted
from evener.store.database import Database
from made_certificates import DAY, NOW, authorities, revoked

WORDS = "confidential words"


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    return Service(database, tmp_path / "secrets.key")


@pytest.fixture
def user(service: Service) -> User:
    return service.user()


def test_authorities_and_what_they_have_revoked_are_secrets_that_hold_pem(
    service: Service, user: User
) -> None:
    root, upper, _ = authorities()
    bare, both = user.store(root.pem.decode()), user.store(root.pem + upper.pem)
    lists, old = user.store(revoked(root).decode()), user.store(revoked(root, end=NOW - DAY / 2).decode())
    foreign, words = user.store(revoked(upper).decode()), user.store(WORDS)
    nothing = f"{BASE}{V1}/secrets/{uuid.uuid4()}"
    wanted = [Trust(bare), Trust(both), Trust(bare, lists), Trust(both, foreign)]
    refused = {
        Trust(nothing): (nothing, "could not be found"),
        Trust(words): (words, "PEM is expected"),
        Trust(bare, nothing): (nothing, "could not be found"),
        Trust(bare, bare): (bare, "PEM is expected"),
        Trust(bare, foreign): (foreign, "not signed by the authority"),
        Trust(bare, old): (old, "has expired on"),
    }
    with counted(service.database) as seen:
        found = service.secrets.trusted("p1", [*wanted, *refused], caller_in("p1"))
    assert len([each for each in seen if each.startswith("SELECT")]) == 1
    assert [isinstance(found[each], Trusted) for each in wanted] == [True] * 4
    for trust, (ref, reason) in refused.items():
        error = found[trust]
        assert isinstance(error, CertificateNotFound | CertificateInvalid)
        assert error.ref == ref
        assert reason in error.message
    in_use = service.secrets.trusted("p1", [Trust(bare, old)], None)
    assert isinstance(in_use[Trust(bare, old)], Trusted)
    theirs = service.secrets.trusted("p2", [Trust(bare)], caller_in("p2"))
    assert isinstance(theirs[Trust(bare)], CertificateNotFound)
