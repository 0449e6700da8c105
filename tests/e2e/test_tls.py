"""TLS ends at the load balancer: from a secret stored over HTTP to a request that its certificate vouches for."""

import base64
import http.client
import ssl
from pathlib import Path
from typing import Any

import pytest
from standalone import ANSWER_S, Api, Balancer, Cloud, Thing, Traffic

from evener.host import netns
from made_certificates import Made, authorities, ec_key, make, revoked, rsa_key, served
from waiting import eventually

pytestmark = pytest.mark.root

KEY_MANAGER = "/key-manager/v1"
LISTENERS = "/load-balancer/v2/lbaas/listeners"
ROOT, UPPER, LOWER = authorities()
CLIENTS = make("Clients", ec_key(63), authority=True)
ANN, ROB = (make(name, ec_key(64 + number), CLIENTS) for number, name in enumerate(("Ann", "Rob")))
OTHER = make("api.example.com", ec_key(61), LOWER, ("api.example.com",))
LATER = make("www.example.com", rsa_key(62), LOWER, ("www.example.com",))


def secret(api: Api, payload: bytes) -> str:
    body = {"payload": payload.decode(), "payload_content_type": "text/plain"}
    answer = api.request("POST", f"{KEY_MANAGER}/secrets", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret_ref"])


def container(api: Api, made: Made) -> str:
    parts = {"certificate": made.pem, "private_key": made.key_pem(), "intermediates": LOWER.pem + UPPER.pem}
    refs = [{"name": name, "secret_ref": secret(api, payload)} for name, payload in parts.items()]
    answer = api.request("POST", f"{KEY_MANAGER}/containers", {"type": "certificate", "secret_refs": refs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["container_ref"])


def bundle(api: Api, made: Made) -> str:
    """Store a PKCS12 bundle as Octavia's handbook has it."""
    body = {
        "payload": base64.b64encode(made.p12(LOWER, UPPER)).decode(),
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    answer = api.request("POST", f"{KEY_MANAGER}/secrets", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret_ref"])


class Secure:
    """Requests over TLS by the cloud's client, which trusts the root only and checks the name."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.namespace, self.name = cloud.client.namespace, name
        self.context = ssl.create_default_context(cadata=ROOT.pem.decode())
        self.peer: dict[str, Any] = {}

    def get(self, address: str, port: int = 443) -> str:
        client = http.client.HTTPConnection(address, port, timeout=ANSWER_S)
        try:
            with netns.inside(self.namespace):
                client.connect()
            client.sock = channel = self.context.wrap_socket(client.sock, server_hostname=self.name)
            self.peer = channel.getpeercert()
            client.request("GET", "/", headers={"Host": self.name, "Connection": "close"})
            answer = client.getresponse()
            body = answer.read().decode()
            assert answer.status == 200, f"{answer.status} {body}"
            return body
        finally:
            client.close()

    def serial(self, address: str) -> int:
        self.get(address)
        return int(self.peer["serialNumber"], 16)


@pytest.fixture
def balancer(cloud: Cloud):
    made = cloud.balancer("tls")
    yield made
    for listener in cloud.api.named("listener", "secure"):
        cloud.api.delete(listener)
    cloud.delete(made)


def secure_listener(cloud: Cloud, balancer: Balancer, ref: str, *sni: str) -> Thing:
    below = {"loadbalancer_id": balancer.lb["id"], "default_pool_id": balancer.pool["id"]}
    refs = {"default_tls_container_ref": ref, "sni_container_refs": list(sni)}
    kind = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    listener = cloud.api.create("listener", name="secure", **kind, **below, **refs)
    cloud.api.wait_active(balancer.lb)
    return listener


def test_a_stored_certificate_serves_and_another_follows_without_a_failed_request(
    cloud: Cloud, balancer: Balancer
) -> None:
    api = cloud.api
    first, second, later = (container(api, made) for made in (served(), OTHER, LATER))
    listener = secure_listener(cloud, balancer, first, second)
    assert Secure(cloud, "www.example.com").get(balancer.vip) in ("web1", "web2")
    assert Secure(cloud, "a.shop.example.com").get(balancer.vip)
    assert Secure(cloud, "api.example.com").serial(balancer.vip) == OTHER.certificate.serial_number
    refused = api.request("DELETE", first.removeprefix(cloud.standalone.url))
    assert (refused.status_code, listener["id"] in refused.text) == (409, True)

    www = Secure(cloud, "www.example.com")
    with Traffic(www, balancer.vip, 443) as traffic:
        api.update(listener, default_tls_container_ref=later)
        newer = LATER.certificate.serial_number
        eventually(lambda: Secure(cloud, www.name).serial(balancer.vip) == newer)
    traffic.assert_unharmed()
    assert api.request("DELETE", first.removeprefix(cloud.standalone.url)).status_code == 204

    api.delete(listener)
    eventually(lambda: not api.exists(listener))
    assert api.request("DELETE", later.removeprefix(cloud.standalone.url)).status_code == 204
    log = (cloud.standalone.state / "evener.log").read_text()
    assert "PRIVATE KEY" not in log


def test_keys_that_cannot_be_opened_any_more_are_an_error_and_traffic_goes_on(
    cloud: Cloud, balancer: Balancer
) -> None:
    api, server = cloud.api, cloud.standalone
    listener = secure_listener(cloud, balancer, ref := container(api, served()))
    key_file = server.state / "secrets.key"
    kept = key_file.read_bytes()
    with Traffic(Secure(cloud, "www.example.com"), balancer.vip, 443) as traffic:
        server.stop()
        key_file.unlink()
        server.start()
        api.update(balancer.lb, description="anything")
        eventually(lambda: api.show(balancer.lb)["provisioning_status"] == "ERROR")
        assert ref in api.show(balancer.lb)["provisioning_error"]
        second = cloud.api.create(
            "listener", name="plain", protocol="HTTP", protocol_port=81, loadbalancer_id=balancer.lb["id"],
            default_pool_id=balancer.pool["id"],
        )  # fmt: skip
        eventually(lambda: cloud.client.answers(balancer.vip, 81))

        def statuses() -> list[str]:
            found = {
                each["id"]: each["provisioning_status"] for each in api.statuses(balancer.lb)["listeners"]
            }
            return [found[listener["id"]], found[second["id"]]]

        eventually(lambda: statuses() == ["ERROR", "ACTIVE"], why=statuses)
        server.stop()
        key_file.write_bytes(kept)
        server.start()
        api.wait_active(balancer.lb, 40)
        api.delete(second)
    traffic.assert_unharmed()
    assert api.exists(listener)


def test_clients_show_certificates_and_one_that_is_revoked_is_let_in_no_more(
    cloud: Cloud, balancer: Balancer, tmp_path: Path
) -> None:
    api = cloud.api
    www, ca = bundle(api, served()), secret(api, CLIENTS.pem)
    body = {
        "name": "secure",
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "loadbalancer_id": balancer.lb["id"],
        "default_pool_id": balancer.pool["id"],
        "default_tls_container_ref": www,
        "client_authentication": "MANDATORY",
        "client_ca_tls_container_ref": ca,
        "insert_headers": {"X-SSL-Client-CN": "true"},
    }
    answer = api.request("POST", LISTENERS, {"listener": body})
    assert answer.status_code == 201, answer.text
    listener = answer.json()["listener"]["id"]
    api.wait_active(balancer.lb)
    clients = {name: Secure(cloud, "www.example.com") for name in ("nobody", "ann", "rob")}
    for name, made in (("ann", ANN), ("rob", ROB)):
        file = tmp_path / f"{name}.pem"
        file.write_bytes(made.pem + made.key_pem())
        clients[name].context.load_cert_chain(file)

    def let_in() -> set[str]:
        found = set()
        for name, client in clients.items():
            try:
                client.get(balancer.vip)
            except (OSError, http.client.HTTPException):
                continue
            found.add(name)
        return found

    assert let_in() == {"ann", "rob"}
    crl = secret(api, revoked(CLIENTS, ROB))
    with Traffic(clients["ann"], balancer.vip, 443) as traffic:
        answer = api.request(
            "PUT", f"{LISTENERS}/{listener}", {"listener": {"client_crl_container_ref": crl}}
        )
        assert answer.status_code == 200, answer.text
        api.wait_active(balancer.lb)
        assert let_in() == {"ann"}
    traffic.assert_unharmed()
    for held in (www, ca, crl):
        assert api.request("DELETE", held.removeprefix(cloud.standalone.url)).status_code == 409
