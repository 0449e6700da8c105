"""Listeners whose certificates are in a real Barbican: made by their users' rights, and let go of with the listener."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import pytest
from falcon import testing

from cloud.barbican_site import Owner, Way, roles, settings, signed_in, us, way
from cloud.conftest import Tenant, load
from evener.bus.inprocess import InProcessBus
from evener.control.controller import BusController
from evener.control.reservations import Reservations
from evener.resources.facts import Report
from evener.services import barbican, barbican_api, neutron
from evener.services.keystone import KeystoneIdentity
from evener.serving.load_balancing import Cloud, make_api
from evener.store import manage
from evener.store.database import Database
from made_certificates import served
from waiting import eventually

pytestmark = pytest.mark.cloud
__all__ = ["settings", "us", "way"]

LBAAS, OCTAVIA = "/networking/v2.0/lbaas", "/load-balancer/v2/lbaas"
BACK_S = 60.0
AT_ONCE_S = 30.0  # three tries, and what else there is to ask, on a busy machine; a request may take a minute


@dataclass(frozen=True)
class Site:
    """An API beside the cloud, whose one user may make secrets."""

    client: testing.TestClient
    user: Owner
    controller: BusController
    reservations: Reservations
    subnet_id: str
    host: str  # where the load balancers are

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status of the answer, and what is in it."""
        headers = {"X-Auth-Token": self.user.caller.token}
        answer = self.client.simulate_request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json if answer.content else None

    def made(self, kind: str, **values: Any) -> str:
        """Make one by LBaaS v2 and return its id."""
        status, answer = self.send("POST", f"{LBAAS}/{kind}s", {kind: values})
        assert status == 201, answer
        return str(answer[kind]["id"])

    def end(self, balancer_id: str) -> None:
        """Delete a load balancer, and have its agent say that it is gone there."""
        assert self.send("DELETE", f"{LBAAS}/loadbalancers/{balancer_id}")[0] == 204
        self.controller.report(self.host, Report(loadbalancer_id=balancer_id, gone=True))


@pytest.fixture
def site(
    tmp_path: Path,
    settings: str,
    us: Owner,
    way: Way,
    tenant: Tenant,
    admin: openstack.connection.Connection,
    host: str,
) -> Iterator[Site]:
    database = Database(f"sqlite:///{tmp_path}/evener.sqlite")
    manage.upgrade(database)
    middleware = (
        f"[keystone_authtoken]\nauth_url = {os.environ['OS_AUTH_URL']}\nauth_type = password\n"
        f"www_authenticate_uri = {os.environ['OS_AUTH_URL']}\nproject_id = {us.caller.project_id}\n"
        f"username = {us.name}\npassword = {us.name}\nuser_domain_id = default\n"
    )
    conf = load(tmp_path, settings + middleware + way.setting)
    network, secrets = neutron.make(conf), barbican.make(conf)
    cloud = Cloud(KeystoneIdentity(conf), network, secrets)
    client = testing.TestClient(make_api(conf, database, InProcessBus(), cloud))
    name = admin.identity.get_user(tenant.caller.user_id).name
    with roles(admin, "creator"):
        role = admin.identity.find_role("creator")
        admin.identity.assign_project_role_to_user(tenant.project_id, tenant.caller.user_id, role)
        with signed_in(name, tenant.caller.user_id, tenant.project_id, "creator") as user:
            controller = BusController(database, network, secrets)
            controller.heartbeat(host, {})
            yield Site(
                client, user, controller, Reservations(database, network, secrets), tenant.subnet_id, host
            )
        for each in network.reserved():
            network.release_vip_port(each)
    database.close()


def test_a_listener_holds_its_certificate_from_its_making_to_its_end(site: Site) -> None:
    made = served()
    ref = site.user.contain(certificate=made.pem, private_key=made.key_pem())
    other = site.user.store(served("ECDSA").p12())
    balancer = site.made("loadbalancer", vip_subnet_id=site.subnet_id)
    tls = {"protocol": "TERMINATED_HTTPS", "loadbalancer_id": balancer}
    listener = site.made("listener", protocol_port=443, default_tls_container_ref=ref, **tls)
    url = f"evener://lbaas/listeners/{listener}"
    assert site.user.consumers(ref) == [{"name": "evener", "URL": url}]

    change = {"listener": {"default_tls_container_ref": other}}
    assert site.send("PUT", f"{LBAAS}/listeners/{listener}", change)[0] == 200
    assert site.user.consumers(ref) == []
    consumer = {"service": "evener", "resource_type": "listener", "resource_id": listener}
    assert site.user.consumers(other) == [consumer]

    assert site.send("DELETE", f"{LBAAS}/listeners/{listener}")[0] == 204
    site.end(balancer)
    assert site.user.consumers(other) == []


def test_what_is_another_projects_is_refused_in_the_words_of_each_dialect(site: Site, us: Owner) -> None:
    theirs = us.store(served().p12())  # which we may read ourselves
    balancer = site.made("loadbalancer", vip_subnet_id=site.subnet_id)
    tls = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_tls_container_ref": theirs}
    body = {"listener": {**tls, "loadbalancer_id": balancer}}
    status, answer = site.send("POST", f"{LBAAS}/listeners", body)
    assert (status, answer["NeutronError"]["type"]) == (404, "TLSContainerNotFound")
    status, answer = site.send("POST", f"{OCTAVIA}/listeners", body)
    assert (status, answer["faultstring"]) == (400, f"Could not retrieve certificate: ['{theirs}']")
    assert us.consumers(theirs) == []
    site.end(balancer)


def test_of_what_a_killed_process_has_begun_no_consumer_is_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    ref, other = (site.user.store(served().p12()) for _ in range(2))
    balancer = site.made("loadbalancer", vip_subnet_id=site.subnet_id)
    tls = {"protocol": "TERMINATED_HTTPS", "loadbalancer_id": balancer, "default_tls_container_ref": ref}
    listener = site.made("listener", protocol_port=443, **tls)
    with monkeypatch.context() as patched:
        patched.setattr("evener.control.certificates.settle", killed)
        with pytest.raises(Killed):
            site.send("POST", f"{LBAAS}/listeners", {"listener": {**tls, "protocol_port": 8443}})
        change = {"listener": {"default_tls_container_ref": other}}
        with pytest.raises(Killed):
            site.send("PUT", f"{LBAAS}/listeners/{listener}", change)
    assert (len(site.user.consumers(ref)), len(site.user.consumers(other))) == (2, 1)
    site.reservations.sweep(0)
    assert (len(site.user.consumers(ref)), site.user.consumers(other)) == (1, [])
    assert site.send("DELETE", f"{LBAAS}/listeners/{listener}")[0] == 204
    site.end(balancer)
    assert site.user.consumers(ref) == []


def test_while_barbican_is_away_all_else_is_done_and_no_certificate_is_half_taken(
    site: Site, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barbican_api, "AWAY_S", 0.1)
    ref = site.user.store(served().p12())
    balancer = site.made("loadbalancer", vip_subnet_id=site.subnet_id)
    tls = {"protocol": "TERMINATED_HTTPS", "loadbalancer_id": balancer, "default_tls_container_ref": ref}
    listener = site.made("listener", protocol_port=443, **tls)
    assert len(site.user.consumers(ref)) == 1
    way.cut()
    begin = time.monotonic()
    status, answer = site.send("POST", f"{LBAAS}/listeners", {"listener": {**tls, "protocol_port": 8443}})
    assert (status, answer["NeutronError"]["type"]) == (503, "CertManagerError")
    assert time.monotonic() - begin < AT_ONCE_S
    plain = {"protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": balancer}
    other = site.made("listener", **plain)
    change = {"listener": {"name": "another", "default_tls_container_ref": ref}}  # which is held already
    assert site.send("PUT", f"{LBAAS}/listeners/{listener}", change)[0] == 200
    assert len(site.send("GET", f"{LBAAS}/listeners")[1]["listeners"]) == 2
    for each in (listener, other):
        assert site.send("DELETE", f"{LBAAS}/listeners/{each}")[0] == 204
    site.end(balancer)
    assert site.send("GET", f"{LBAAS}/loadbalancers/{balancer}")[0] == 200  # it waits for Barbican
    way.mend()

    def is_gone() -> bool:
        site.reservations.sweep()
        return site.send("GET", f"{LBAAS}/loadbalancers/{balancer}")[0] == 404

    eventually(is_gone, BACK_S)
    eventually(lambda: site.user.consumers(ref) == [], BACK_S)
