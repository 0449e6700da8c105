"""The secret service over HTTP and as control calls it, on each kind of database."""

import base64
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import falcon
import pytest
from api_cloud import counted
from falcon import testing
from secret_service import BASE, LISTENER, V1, Service, Tokens, User
from sqlalchemy import select, update

from evener.api.app import make_app
from evener.resources.errors import EvenerError, InUse, InvalidInput, NotFound, Unavailable
from evener.services.secrets import Certificate
from evener.store.database import Database, retried
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http import routes as keystone
from evener_cloud.secrets.bounds import Bounds
from evener_cloud.secrets.containers import delete as delete_container
from evener_cloud.secrets.http import routes as barbican
from evener_cloud.secrets.tables import secret_container_consumers, secrets
from lbaas_names import type_name
from made_certificates import DAY, NOW, authorities, ec_key, make, rsa_key, served

WORDS = "confidential words"
NOBODYS = "5d3c7844-f999-4214-b17d-4a644529987e"


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    return Service(database, tmp_path / "secrets.key")


@pytest.fixture
def user(service: Service) -> User:
    return service.user()


def a_container(user: User, kind: str = "RSA") -> str:
    made, (_, upper, lower) = served(kind), authorities()
    return user.contain(
        certificate=user.store(made.pem.decode()),
        private_key=user.store(made.key_pem(b"word").decode()),
        private_key_passphrase=user.store("word\n"),
        intermediates=user.store((lower.pem + upper.pem).decode()),
    )


def test_versions_are_told_to_anybody_and_minor_ones_to_who_asks(service: Service) -> None:
    answer = service.client.simulate_get("/key-manager")
    assert answer.status_code == 300
    version = answer.json["versions"]["values"][0]
    assert version["links"] == [{"rel": "self", "href": f"{BASE}/key-manager/v1/"}]
    asked = service.client.simulate_get("/key-manager/", headers={"OpenStack-API-Version": "key-manager 1.1"})
    assert asked.json["versions"][0]["max_version"] == "1.1"
    assert service.client.simulate_get(V1).status_code == 401
    assert service.user("reader").ok("GET", "")["version"]["id"] == "v1"


def test_a_secret_is_described_without_its_payload(user: User) -> None:
    ref = user.store(WORDS, name="n", secret_type="passphrase", algorithm="aes", bit_length=256, mode="cbc")
    assert ref.startswith(f"{BASE}{V1}/secrets/")
    shown = user.ok("GET", ref)
    assert WORDS not in str(shown)
    assert shown.pop("created") == shown.pop("updated")
    assert shown == {
        "secret_ref": ref,
        "status": "ACTIVE",
        "name": "n",
        "secret_type": "passphrase",
        "algorithm": "aes",
        "bit_length": 256,
        "mode": "cbc",
        "expiration": None,
        "creator_id": "u",
        "content_types": {"default": "text/plain"},
    }


def test_a_payload_comes_in_the_type_it_has(user: User) -> None:
    made = served()
    text, raw = user.store(WORDS), user.store(made.der, payload_content_type="application/pkix-cert")
    answer = user.send("GET", f"{text}/payload", headers={"Accept": "text/plain"})
    assert (answer.text, answer.headers["content-type"]) == (WORDS, "text/plain")
    answer = user.send("GET", f"{raw}/payload")
    assert (answer.content, answer.headers["content-type"]) == (made.der, "application/pkix-cert")
    assert answer.headers["cache-control"] == "no-store"
    assert user.refused("GET", f"{raw}/payload", headers={"Accept": "text/plain"})[0] == 406
    assert user.send("GET", text, headers={"Accept": "text/plain"}).text == WORDS


def test_a_payload_is_given_once(user: User) -> None:
    ref = user.store(name="later")
    assert "content_types" not in user.ok("GET", ref)
    assert user.refused("GET", f"{ref}/payload")[0] == 404
    plain = {"Content-Type": "text/plain"}
    assert user.refused("PUT", ref, b"x", headers={"Content-Type": "image/png"})[0] == 415
    assert user.refused("PUT", ref, b"", headers=plain)[0] == 400
    assert user.refused("PUT", ref, b"\xff", headers=plain)[0] == 400
    assert user.refused("PUT", ref, b"x" * 65_537, headers=plain)[0] == 400
    assert user.refused("PUT", ref, b"x" * 200_001, headers=plain)[0] == 413
    encoded = {"Content-Type": "application/octet-stream", "Content-Encoding": "base64"}
    user.ok("PUT", ref, base64.b64encode(b"\x00\xff"), headers=encoded)
    assert user.send("GET", f"{ref}/payload").content == b"\x00\xff"
    assert user.refused("PUT", ref, b"x", headers=plain)[0] == 409


def test_the_largest_payload_comes_back_whole(user: User) -> None:
    payload = bytes(range(256)) * 256
    assert user.send("GET", f"{user.store(payload)}/payload").content == payload


def test_a_list_has_pages_filters_and_an_order(user: User) -> None:
    refs = [user.store(name=f"n{number % 3}", secret_type="opaque") for number in range(12)]
    refs.append(user.store(name="key", secret_type="private", bit_length=2048))
    first = user.ok("GET", "/secrets")
    assert (first["total"], len(first["secrets"])) == (13, 10)
    assert "previous" not in first
    second = user.ok("GET", "/secrets", query_string=first["next"].partition("?")[2])
    assert [each["secret_ref"] for each in (*first["secrets"], *second["secrets"])] == refs
    assert "next" not in second
    assert second["previous"] == f"{BASE}{V1}/secrets?limit=10&offset=0"

    def found(query: str) -> list[str]:
        return [each["secret_ref"] for each in user.ok("GET", "/secrets", query_string=query)["secrets"]]

    assert found("name=n1") == refs[1:12:3]
    assert found("secret_type=private") == found("bits=2048") == refs[12:]
    assert found("limit=2&offset=3&sort=name:desc,created") == [refs[11], refs[1]]
    assert found("created=gt:2001-01-01T00:00:00,lt:2002-01-01T00:00:00") == []
    assert len(found("limit=100&created=gte:2001-01-01T00:00:00Z")) == 13
    assert found("name=%00") == []
    assert user.ok("GET", "/secrets", query_string="limit=0")["total"] == 13
    assert user.refused("GET", "/secrets", query_string="colour=red")[0] == 400


def test_another_project_finds_nothing(service: Service, user: User) -> None:
    secret, container = user.store(WORDS), a_container(user)
    other = service.user(project="p2")
    for path in (secret, f"{secret}/payload", container, f"{container}/consumers", f"{secret}/consumers"):
        assert other.refused("GET", path)[0] == 404
    for path in (secret, container):
        assert other.refused("DELETE", path)[0] == 404
    assert other.refused("PUT", user.store(), b"x", headers={"Content-Type": "text/plain"})[0] == 404
    assert other.ok("GET", "/secrets") == {"secrets": [], "total": 0}
    assert other.ok("GET", "/containers") == {"containers": [], "total": 0}
    part = {"name": "x", "secret_ref": secret}
    assert other.refused("POST", "/containers", {"type": "generic", "secret_refs": [part]})[0] == 404
    assert other.refused("POST", f"{container}/consumers", {"name": "x", "URL": "x"})[0] == 404
    assert type_name(service.refusal(container, "p2")) == "TLSContainerNotFound"
    with pytest.raises(NotFound):
        service.register(container, "p2")
    assert len(user.ok("GET", "/secrets", query_string="limit=100")["secrets"]) == 6


def test_an_administrator_sees_and_deletes_but_does_not_open_what_is_anothers(
    service: Service, user: User
) -> None:
    secret, admin = user.store(WORDS), service.user("admin", "p9")
    assert admin.ok("GET", secret)["secret_ref"] == secret
    assert admin.refused("GET", f"{secret}/payload")[0] == 404
    admin.ok("DELETE", secret)
    assert user.refused("GET", secret)[0] == 404


def test_readers_see_no_payload_and_write_nothing(service: Service, user: User) -> None:
    secret, container, reader = user.store(WORDS), a_container(user), service.user("reader")
    for path in (secret, container, "/secrets", "/containers", f"{container}/consumers"):
        reader.ok("GET", path)
    assert reader.refused("GET", f"{secret}/payload")[0] == 403
    assert reader.refused("GET", secret, headers={"Accept": "text/plain"})[0] == 403
    for method, path in (
        ("POST", "/secrets"),
        ("PUT", secret),
        ("DELETE", secret),
        ("POST", "/containers"),
        ("DELETE", container),
        ("POST", f"{container}/consumers"),
        ("DELETE", f"{container}/consumers"),
        ("POST", f"{secret}/consumers"),
        ("POST", f"{container}/secrets"),
    ):
        assert reader.refused(method, path, {})[0] == 403
    assert service.user("nobody").refused("GET", "/secrets")[0] == 403
    assert service.user("creator").store(WORDS)


def test_requests_that_mean_nothing_are_refused_in_barbicans_form(user: User) -> None:
    for method, path, body, status in (
        ("POST", "/secrets", b"{", 400),
        ("POST", "/secrets", {"payload": WORDS}, 400),
        ("POST", "/containers", {"type": "rsa"}, 400),
        ("GET", "/secrets/1", None, 404),
        ("GET", f"/containers/{uuid.uuid4()}", None, 404),
        ("GET", "/orders", None, 404),
        ("PATCH", "/secrets", None, 405),
    ):
        code, description = user.refused(method, path, body)
        assert code == status
        assert WORDS not in description
    odd = {"OpenStack-API-Version": "key-manager 1.9"}
    assert user.refused("GET", "/secrets", headers=odd)[0] == 406


def test_a_container_shows_its_parts_and_consumers(user: User) -> None:
    secret = user.store(WORDS)
    container = user.contain("generic", part=secret.replace("evener.test", "another.name"))
    user.ok("POST", f"{container}/consumers", {"name": "web", "URL": "http://web/1"})
    user.ok("POST", f"{container}/consumers/", {"name": "web", "URL": "http://web/1"})
    shown = user.ok("POST", f"{container}/consumers", {"name": "web", "URL": "http://web/2"})
    assert shown == user.ok("GET", container)
    assert shown["secret_refs"] == [{"name": "part", "secret_ref": secret}]
    consumers = [{"name": "web", "URL": f"http://web/{number}"} for number in (1, 2)]
    assert shown["consumers"] == consumers
    page = user.ok("GET", f"{container}/consumers", query_string="limit=1")
    assert (page["consumers"], page["total"]) == (consumers[:1], 2)
    assert page["next"] == f"{container}/consumers?limit=1&offset=1"
    left = user.ok("DELETE", f"{container}/consumers", consumers[0])
    assert left["consumers"] == consumers[1:]
    assert user.refused("DELETE", f"{container}/consumers", consumers[0]) == (404, "Consumer not found.")


def test_consumers_of_a_secret_are_shown_to_clients_that_know_them(user: User) -> None:
    secret, who = (
        user.store(WORDS),
        {"service": "lbaas", "resource_type": "listener", "resource_id": str(uuid.uuid4())},
    )
    new = {"OpenStack-API-Version": "key-manager 1.1"}
    assert user.ok("POST", f"{secret}/consumers", who, headers=new)["consumers"] == [who]
    assert "consumers" not in user.ok("GET", secret)
    assert user.ok("GET", "/secrets", headers=new)["secrets"][0]["consumers"] == [who]
    status, reason = user.refused("DELETE", secret)
    assert (status, "lbaas listener" in reason) == (409, True)
    user.ok("DELETE", f"{secret}/consumers", who)
    user.ok("DELETE", secret)


def test_a_generic_container_takes_more_secrets_and_gives_them_back(user: User) -> None:
    part = {"name": "a", "secret_ref": user.store(WORDS)}
    generic, fixed = user.contain("generic"), a_container(user)
    user.ok("POST", f"{generic}/secrets", part)
    assert user.refused("POST", f"{generic}/secrets", part)[0] == 409
    assert user.ok("GET", generic)["secret_refs"] == [part]
    user.ok("DELETE", f"{generic}/secrets", part)
    assert user.refused("DELETE", f"{generic}/secrets", part)[0] == 404
    assert user.refused("POST", f"{fixed}/secrets", part)[0] == 400


def test_a_list_of_containers_can_be_narrowed(user: User) -> None:
    generic, certificate = user.contain("generic"), a_container(user)
    found = user.ok("GET", "/containers", query_string="type=certificate")
    assert [each["container_ref"] for each in found["containers"]] == [certificate]
    everything = user.ok("GET", "/containers")["containers"]
    assert [each["container_ref"] for each in everything] == [generic, certificate]


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_a_container_makes_a_certificate(service: Service, user: User, kind: str) -> None:
    made, (_, upper, lower) = served(kind), authorities()
    ref = a_container(user, kind)
    found = service.certificate(ref.replace("evener.test:9876", "another.name"))
    assert found.bundle.encode() == made.pem + lower.pem + upper.pem + made.key_pem()
    assert found.names == ("www.example.com", "*.shop.example.com")


def test_one_secret_makes_a_certificate(service: Service, user: User) -> None:
    made, (_, upper, lower) = served(), authorities()
    text = (made.pem + made.key_pem() + lower.pem + upper.pem).decode()
    for ref in (user.store(made.p12(upper, lower)), user.store(text)):
        assert service.certificate(ref).bundle.encode() == made.pem + lower.pem + upper.pem + made.key_pem()


def test_a_protected_bundle_takes_its_passphrase_from_its_container(service: Service, user: User) -> None:
    bundle = user.store(served().p12(passphrase=b"word"))
    ref = user.contain(certificate=bundle, private_key_passphrase=user.store("word"))
    assert service.certificate(ref).certificate.encode() == served().pem
    assert "passphrase" in service.refusal(bundle).message


def test_what_is_wrong_with_a_certificate_is_told_with_its_reference(service: Service, user: User) -> None:
    def pair(made: Any, key: Any = None) -> str:
        return user.contain(
            certificate=user.store(made.pem.decode()),
            private_key=user.store((key or made).key_pem().decode()),
        )

    made = served()
    cases: list[tuple[str, str]] = [
        (pair(made, make("other", rsa_key(2))), "do not belong together"),
        (pair(make("old", ec_key(), end=NOW - timedelta(hours=1))), "has expired on"),
        (pair(make("new", ec_key(), begin=NOW + DAY, end=NOW + 2 * DAY)), "is not valid before"),
        (user.contain(certificate=user.store(made.pem.decode())), "private key is missing"),
        (user.contain(certificate=user.store("no PEM")), "cannot be read"),
        (user.contain(certificate=user.store()), "certificate has no payload"),
        (user.contain("generic"), "of type generic, not certificate"),
        (user.store(WORDS), "cannot be read"),
        (user.store(), "has no payload"),
    ]
    for ref, reason in cases:
        error = service.refusal(ref)
        assert isinstance(error, InvalidInput)
        assert type_name(error) == "TLSContainerInvalid"
        assert error.message.startswith(f"TLS container {ref} is invalid. ")
        assert reason in error.message


@pytest.mark.parametrize(
    "ref", ["", "x", "\x00", *(f"{BASE}{V1}/{each}/{NOBODYS}" for each in ("containers", "secrets"))]
)
def test_a_reference_to_nothing_is_not_found(service: Service, ref: str) -> None:
    error = service.refusal(ref)
    assert isinstance(error, NotFound)
    assert (type_name(error), error.message) == (
        "TLSContainerNotFound",
        f"TLS container {ref} could not be found",
    )


def test_a_certificate_in_use_goes_on_when_it_has_expired(service: Service, user: User) -> None:
    old = make("old", ec_key(), end=NOW - timedelta(hours=1))
    ref = user.store((old.pem + old.key_pem()).decode())
    assert service.certificate(ref, in_use=True).certificate.encode() == old.pem
    made = served()
    brief = user.store((made.pem + made.key_pem()).decode())
    with service.database.write() as tx:
        past = NOW.replace(tzinfo=None) - DAY
        tx.execute(update(secrets).where(secrets.c.id == brief.rpartition("/")[2]).values(expiration=past))
    assert "has expired on" in service.refusal(brief).message
    assert service.certificate(brief, in_use=True).certificate.encode() == made.pem
    assert user.refused("GET", brief)[0] == 404
    assert user.ok("GET", "/secrets")["total"] == 1


def test_what_a_listener_uses_cannot_go(service: Service, user: User) -> None:
    container, secret = a_container(user), user.store(served().p12())
    parts = [part["secret_ref"] for part in user.ok("GET", container)["secret_refs"]]
    for ref in (container, secret, container, secret):
        service.register(ref)
    for ref in (container, secret, *parts):
        status, reason = user.refused("DELETE", ref)
        assert status == 409
        assert LISTENER.resource_id in reason
    assert len(user.ok("GET", f"{container}/consumers")["consumers"]) == 1
    for ref in (container, secret, container, secret, "nonsense"):
        service.unregister(ref)
    for ref in (parts[0], container, secret):
        user.ok("DELETE", ref)
    with pytest.raises(NotFound):
        service.register(container)
    service.unregister(container)
    user.ok("GET", parts[1])


def test_a_container_that_lost_its_certificate_says_so(service: Service, user: User) -> None:
    container = a_container(user)
    refs = {part["name"]: part["secret_ref"] for part in user.ok("GET", container)["secret_refs"]}
    user.ok("DELETE", refs["certificate"])
    assert "The certificate is missing" in service.refusal(container).message


def test_of_a_deletion_and_a_registration_at_once_one_wins(service: Service, user: User) -> None:
    for _ in range(10):
        container = a_container(user)
        key = user.ok("GET", container)["secret_refs"][2]["secret_ref"]
        outcomes: list[type[BaseException] | None] = []

        @retried
        def delete(container: str = container) -> None:
            with service.database.write() as tx:
                delete_container(tx, None, container.rpartition("/")[2])

        @retried
        def take(container: str = container) -> None:
            service.secrets.register("p1", container, LISTENER)

        def note(work: Callable[[], None], outcomes: list[type[BaseException] | None] = outcomes) -> None:
            try:
                work()
                outcomes.append(None)
            except EvenerError as error:
                outcomes.append(type(error))

        threads = [threading.Thread(target=note, args=(work,)) for work in (delete, take)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert outcomes.count(None) == 1
        assert all(issubclass(each, InUse | NotFound) for each in outcomes if each is not None)
        assert user.send("DELETE", key).status_code == (409 if InUse in outcomes else 204)


def test_without_its_key_a_secret_cannot_be_opened(service: Service, user: User, tmp_path: Path) -> None:
    secret = user.store(WORDS)
    bundle = user.store(served().p12())
    stranger = Service(service.database, tmp_path / "another.key")
    error = stranger.refusal(bundle)
    assert isinstance(error, Unavailable)
    assert (type_name(error), bundle in error.message) == ("CertManagerError", True)
    assert stranger.user().refused("GET", f"{secret}/payload")[0] == 503


def test_no_row_holds_a_payload(service: Service, user: User) -> None:
    user.store(WORDS)
    with service.database.read() as tx:
        rows = repr(tx.execute(select(secrets)).all()).encode()
        assert WORDS.encode() not in rows
        assert tx.execute(select(secret_container_consumers)).all() == []


def test_every_route_answers_in_barbicans_form_without_a_slash_too(service: Service) -> None:
    app = make_app(Tokens(), lambda: None, "http://evener.test:9876")
    assert isinstance(app, falcon.App)
    barbican.add_routes(app, service.secrets, BASE, 1000)
    user = User(testing.TestClient(app), "u:p1:member")
    assert user.ok("GET", "/secrets/") == user.ok("GET", "/secrets")
    assert user.refused("GET", "/nothing")[0] == 404


def test_a_project_has_bounds_and_is_told_which(database: Database, tmp_path: Path) -> None:
    few = Bounds(secrets=4, secret_bytes=1000, containers=1, consumers=1)
    service = Service(database, tmp_path / "secrets.key", few)
    user, other = service.user(), service.user(project="p2")
    assert user.refused("POST", "/secrets", body_of("x" * 900)) == (
        403,
        "Quota reached for project p1. Only 1000 bytes of secrets are allowed.",
    )
    refs = [user.store(WORDS), user.store(expiration=(NOW + DAY).isoformat()), user.store(), user.store()]
    large = {"Content-Type": "text/plain"}
    assert user.refused("PUT", refs[1], b"x" * 900, headers=large)[0] == 403
    assert user.refused("POST", "/secrets", body_of("x")) == (
        403,
        "Quota reached for project p1. Only 4 secrets are allowed.",
    )
    other.store(WORDS)
    container = user.contain("generic")
    assert "Only 1 containers" in user.refused("POST", "/containers", {"type": "generic"})[1]
    user.ok("POST", f"{container}/consumers", {"name": "a", "URL": "b"})
    consumer = {"service": "a", "resource_type": "b", "resource_id": str(uuid.uuid4())}
    assert "Only 1 consumers" in user.refused("POST", f"{refs[0]}/consumers", consumer)[1]
    assert user.ok("GET", "/quotas")["quotas"]["secrets"] == 4
    assert user.ok("GET", "/secrets")["total"] == 4
    with database.write() as tx:  # its time is over: nobody sees it, and it is in nobody's way
        tx.execute(update(secrets).where(secrets.c.expiration.is_not(None)).values(expiration=past()))
    assert user.store(WORDS)


def body_of(payload: str) -> dict[str, str]:
    return {"payload": payload, "payload_content_type": "text/plain"}


def past() -> datetime:
    return NOW.replace(tzinfo=None) - DAY


def test_all_payloads_of_a_graph_are_one_statement(service: Service, user: User) -> None:
    refs = [a_container(user), a_container(user, "ECDSA"), user.store(served().p12()), user.store("x")]
    with counted(service.database) as seen:
        found = service.secrets.certificates("p1", refs, None)
    assert [isinstance(found[ref], Certificate) for ref in refs] == [True, True, True, False]
    assert len([each for each in seen if each.startswith("SELECT")]) == 1


def test_errors_that_nobody_expects_come_in_the_form_of_their_api(tmp_path: Path) -> None:
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    service = Service(nowhere, tmp_path / "secrets.key")
    status, words = service.user().refused("GET", "/secrets")
    assert (status, "database" in words) == (503, True)
    identity = BuiltinIdentity(nowhere, tmp_path / "token.key", 3600)
    app = make_app(identity, lambda: None, "http://evener.test:9876")
    barbican.add_routes(app, service.secrets, BASE, 1000)
    keystone.add_routes(app, identity, BASE)
    client = testing.TestClient(app)
    password = {"user": {"name": "a", "domain": {"id": "default"}, "password": "b"}}
    auth = {"auth": {"identity": {"methods": ["password"], "password": password}}}
    answer = client.simulate_post("/identity/v3/auth/tokens", json=auth)
    assert answer.status_code == answer.json["error"]["code"] == 503
