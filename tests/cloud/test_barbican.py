"""Certificates in a real Barbican: named by the caller's right, read by ours ever after, and registered as in use."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import openstack
import pytest
from oslo_config import cfg

from cloud.barbican_site import Owner, Way, owner, project, roles, settings, us, way
from cloud.conftest import load
from evener.certificates.errors import CertificateInvalid, CertificateNotFound, SecretServiceUnavailable
from evener.certificates.parts import Certificate, Trusted
from evener.resources.errors import EvenerError, Unauthorized
from evener.services import barbican, barbican_api
from evener.services.barbican import BarbicanSecrets
from evener.services.secrets import Consumer, Trust
from made_certificates import DAY, NOW, Made, authorities, make, revoked, rsa_key, served
from waiting import eventually

pytestmark = pytest.mark.cloud
__all__ = ["settings", "us", "way"]

PASSPHRASE = b"a pass phrase"
AT_ONCE_S, BACK_S = 30.0, 60.0  # on a busy machine
LISTENER = Consumer("listener", "5f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f")
OF_CONTAINER = {"name": "evener", "URL": f"evener://lbaas/listeners/{LISTENER.resource_id}"}
OF_SECRET = {"service": "evener", "resource_type": "listener", "resource_id": LISTENER.resource_id}


@pytest.fixture(scope="module")
def people(admin: openstack.connection.Connection) -> Iterator[dict[str, Owner]]:
    """Yield users of one project by the roles that they have there, and one of another by "stranger"."""
    with (
        roles(admin, "creator", "observer"),
        project(admin) as ours,
        project(admin) as theirs,
        owner(admin, ours, "creator") as creator,
        owner(admin, ours, "observer") as observer,
        owner(admin, ours, "member") as member,
        owner(admin, theirs, "creator") as stranger,
    ):
        yield {"creator": creator, "observer": observer, "member": member, "stranger": stranger}


@pytest.fixture
def secrets(conf: cfg.ConfigOpts) -> BarbicanSecrets:
    return barbican.make(conf)


@pytest.fixture
def creator(people: dict[str, Owner]) -> Owner:
    return people["creator"]


def contained(user: Owner, made: Made | None = None, **more: bytes) -> str:
    made = made or served()
    return user.contain(certificate=made.pem, private_key=made.key_pem(), **more)


def said_of(secrets: BarbicanSecrets, ref: str, user: Owner | None) -> Certificate | EvenerError:
    return secrets.certificates("p1", [ref], user and user.caller)[ref]


def named_by(secrets: BarbicanSecrets, ref: str, user: Owner | None) -> Certificate:
    """Return what `ref` means to who names it, or to us where it is in use."""
    said = said_of(secrets, ref, user)
    assert isinstance(said, Certificate), said
    return said


def test_what_the_caller_may_read_we_read_from_then_on(
    secrets: BarbicanSecrets, creator: Owner, us: Owner, conf: cfg.ConfigOpts
) -> None:
    _, upper, lower = authorities()
    ref = contained(creator, intermediates=lower.pem + upper.pem)
    found = named_by(secrets, ref, creator)
    assert found.certificate.encode() == served().pem
    assert [each.encode() for each in found.intermediates] == [lower.pem, upper.pem]
    for each in (ref, *creator.parts_of(ref)):  # we were let in where the caller may do that
        assert creator.readers(each) == [us.caller.user_id]
    assert named_by(barbican.make(conf), ref, None) == found  # another process, without anybody's token


def test_others_who_were_let_in_stay_so(secrets: BarbicanSecrets, creator: Owner, us: Owner) -> None:
    ref = creator.store(served().pem + served().key_pem())
    body = {"read": {"users": ["somebody"], "project-access": False}}
    creator.call("PUT", f"{ref}/acl", json=body)
    named_by(secrets, ref, creator)
    found = creator.call("GET", f"{ref}/acl")["read"]
    assert sorted(found["users"]) == sorted(["somebody", us.caller.user_id])
    assert found["project-access"] is False


def test_one_secret_holds_a_whole_certificate(secrets: BarbicanSecrets, creator: Owner) -> None:
    _, upper, lower = authorities()
    made = served("ECDSA")
    refs = [
        creator.store(made.p12(lower, upper)),
        creator.store(made.pem + made.key_pem() + lower.pem + upper.pem),
        contained(creator, made, intermediates=upper.pem + lower.pem),
    ]
    protected = {"private_key": made.key_pem(PASSPHRASE), "private_key_passphrase": PASSPHRASE + b"\n"}
    refs.append(creator.contain(certificate=made.pem + lower.pem + upper.pem, **protected))
    found = secrets.certificates("p1", refs, creator.caller)
    for ref in refs:
        said = found[ref]
        assert isinstance(said, Certificate), said
        assert said.certificate.encode() == made.pem
        assert [each.encode() for each in said.intermediates] == [lower.pem, upper.pem]


def test_authorities_and_what_they_have_revoked(secrets: BarbicanSecrets, creator: Owner) -> None:
    root, upper, _ = authorities()
    ca, foreign = creator.store(root.pem), creator.store(revoked(upper))
    crl = creator.store(revoked(root, served()))
    found = secrets.trusted("p1", [Trust(ca), Trust(ca, crl), Trust(ca, foreign)], creator.caller)
    assert isinstance(found[Trust(ca)], Trusted)
    both = found[Trust(ca, crl)]
    assert isinstance(both, Trusted)
    assert both.revoked
    refused = found[Trust(ca, foreign)]
    assert isinstance(refused, CertificateInvalid)
    assert refused.ref == foreign
    assert secrets.trusted("p1", [Trust(ca, crl)], None)[Trust(ca, crl)] == both


def test_what_the_caller_may_not_read_is_not_there_though_we_may(
    secrets: BarbicanSecrets, people: dict[str, Owner], us: Owner
) -> None:
    creator = people["creator"]
    ref = contained(creator)
    creator.let_read(us.caller.user_id, ref, *creator.parts_of(ref))
    named_by(secrets, ref, creator)  # and it is remembered
    for each in ("stranger", "member"):  # by Barbican's policy a member of the project reads nothing
        assert isinstance(said_of(secrets, ref, people[each]), CertificateNotFound)
    private = creator.parts_of(ref)[0]
    hidden = {"read": {"users": [us.caller.user_id], "project-access": False}}
    creator.call("PUT", f"{private}/acl", json=hidden)
    assert isinstance(said_of(secrets, ref, people["observer"]), CertificateNotFound)


def test_nobodys_word_counts_without_a_token(secrets: BarbicanSecrets, creator: Owner) -> None:
    ref = contained(creator)
    named_by(secrets, ref, creator)
    nobody = type(creator.caller)("u", "p1", frozenset({"admin"}))
    assert isinstance(secrets.certificates("p1", [ref], nobody)[ref], Unauthorized)


def test_a_reference_leads_to_our_barbican_wherever_it_points(
    secrets: BarbicanSecrets, creator: Owner
) -> None:
    ref = contained(creator)
    elsewhere = f"http://192.0.2.1:1{urlsplit(ref).path}"  # nobody is there
    assert named_by(secrets, elsewhere, creator).certificate.encode() == served().pem
    for other in (
        f"{ref}/acl",
        f"{ref}?x=y",
        ref.replace("/v1/", "/v2/"),
        "file:///etc/passwd",
        f"{ref}/../x",
    ):
        assert isinstance(said_of(secrets, other, creator), CertificateNotFound)
    assert isinstance(said_of(secrets, ref[:-36] + str(uuid4()), creator), CertificateNotFound)


def test_what_is_wrong_is_said(secrets: BarbicanSecrets, creator: Owner) -> None:
    made, other = served(), make("other", rsa_key(2))
    wrong = {
        creator.contain(certificate=made.pem, private_key=other.key_pem()): "do not belong together",
        creator.contain("generic", certificate=made.pem, private_key=made.key_pem()): "type generic",
        contained(creator, make("old", rsa_key(1), begin=NOW - 2 * DAY, end=NOW - DAY)): "has expired",
        creator.store(b"no certificate"): "cannot be read",
    }
    for ref, reason in wrong.items():
        said = said_of(secrets, ref, creator)
        assert isinstance(said, CertificateInvalid)
        assert reason in said.message
    in_use = said_of(secrets, next(ref for ref, reason in wrong.items() if "expired" in reason), None)
    assert isinstance(in_use, Certificate)  # one that has expired since goes on


def test_who_may_not_let_us_in_is_told_how_the_owner_does(
    secrets: BarbicanSecrets, people: dict[str, Owner], us: Owner
) -> None:
    creator, observer = people["creator"], people["observer"]
    ref = contained(creator)
    said = said_of(secrets, ref, observer)
    assert isinstance(said, CertificateInvalid)
    commands = said.message.split("Its owner lets it by: ")[1].split("; ")
    refs = [ref, *creator.parts_of(ref)]
    start = f"openstack acl user add --user {us.caller.user_id} "
    assert sorted(commands) == sorted(start + each for each in refs)
    creator.let_read(us.caller.user_id, *(each.removeprefix(start) for each in commands))
    named_by(secrets, ref, observer)


def test_what_is_in_use_has_consumers(secrets: BarbicanSecrets, creator: Owner) -> None:
    container, secret = contained(creator), creator.store(served().p12())
    for ref, consumer in ((container, OF_CONTAINER), (secret, OF_SECRET)):
        named_by(secrets, ref, creator)
        secrets.register("p1", ref, LISTENER)
        secrets.register("p1", ref, LISTENER)
        assert creator.consumers(ref) == [consumer]
        secrets.unregister("p1", ref, LISTENER)
        secrets.unregister("p1", ref, LISTENER)
        assert creator.consumers(ref) == []
        creator.delete(ref)
        secrets.unregister("p1", ref, LISTENER)
        with pytest.raises(CertificateNotFound):
            secrets.register("p1", ref, LISTENER)


def test_a_right_that_is_taken_back_holds_for_what_serves_no_longer_than_it_is_remembered(
    secrets: BarbicanSecrets, creator: Owner, us: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = contained(creator)
    named_by(secrets, ref, creator)
    secrets.register("p1", ref, LISTENER)
    creator.call("DELETE", f"{ref}/acl")
    named_by(secrets, ref, None)
    monkeypatch.setattr(barbican, "TRUSTED_S", 0)
    said = said_of(secrets, ref, None)
    assert isinstance(said, CertificateInvalid)
    assert f"openstack acl user add --user {us.caller.user_id} {ref}" in said.message
    secrets.unregister("p1", ref, LISTENER)  # stands in nobody's way
    with pytest.raises(CertificateInvalid, match="openstack acl user add"):
        secrets.register("p1", ref, LISTENER)


def test_what_serves_goes_on_while_barbican_is_away(
    tmp_path: Path, settings: str, creator: Owner, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barbican_api, "AWAY_S", 1.0)
    secrets = barbican.make(load(tmp_path, settings + way.setting))
    ref, other = contained(creator), contained(creator)
    found = named_by(secrets, ref, creator)
    monkeypatch.setattr(barbican, "TRUSTED_S", 0)
    way.cut()
    begin = time.monotonic()
    assert named_by(secrets, ref, None) == found
    for user in (creator, None):
        said: Any = said_of(secrets, other, user)
        assert isinstance(said, SecretServiceUnavailable)
        assert "Barbican does not answer" in said.message
    with pytest.raises(SecretServiceUnavailable):
        secrets.register("p1", ref, LISTENER)
    assert time.monotonic() - begin < AT_ONCE_S
    way.mend()
    eventually(lambda: isinstance(said_of(secrets, other, creator), Certificate), BACK_S)
