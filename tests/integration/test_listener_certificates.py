"""Certificates of TERMINATED_HTTPS listeners: which are taken, how long they are held, and who sees their keys."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, SECRETS, Cloud, Json
from secret_service import User as SecretUser
from sqlalchemy import delete, update

from evener.resources.graph import Graph
from evener.store.database import Database, now
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.tables import secrets
from made_certificates import DAY, NOW, Made, authorities, ec_key, make, rsa_key, served

NOBODYS = f"{SECRETS}/key-manager/v1/containers/00000000-0000-4000-8000-00000000dead"
EXPIRED = make("old.example.com", rsa_key(7), end=NOW - timedelta(hours=1))


class Site(Cloud):
    """A cloud with a secret service; all load balancers and certificates are of ann's project."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self.secrets = BuiltinSecrets(database, key_file)
        super().__init__(database, self.secrets)
        self.keeper, self.bobs_keeper = self.secret_user("ann"), self.secret_user("bob")
        self.lb = self.balancer()["id"]

    def secret_user(self, project: str) -> SecretUser:
        return SecretUser(self.client, f"keeper:{project}:member")

    def container(self, made: Made | None = None, keeper: SecretUser | None = None) -> str:
        keeper, made = keeper or self.keeper, made or served()
        chain = b"".join(each.pem for each in reversed(authorities()[1:]))
        return keeper.contain(
            certificate=keeper.store(made.pem.decode()),
            private_key=keeper.store(made.key_pem().decode()),
            intermediates=keeper.store(chain.decode()),
        )

    def body(self, ref: str | None, *sni: str, **more: Any) -> Json:
        given = {"loadbalancer_id": self.lb, "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
        return {**given, "default_tls_container_ref": ref, "sni_container_refs": list(sni), **more}

    def listener(self, ref: str, *sni: str, **more: Any) -> Json:
        return self.ann.create("listener", **self.body(ref, *sni, **more))

    def users(self, ref: str) -> list[str]:
        """Return the ids of the listeners that hold a container."""
        return [each["URL"].rpartition("/")[2] for each in self.keeper.ok("GET", ref)["consumers"]]

    def graph(self) -> Graph:
        graph = self.controller.graph(HOST, self.lb)
        assert graph is not None
        return graph


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    return Site(database, tmp_path / "secrets.key")


def test_the_certificates_of_a_listener_are_in_the_graph_for_agents(site: Site) -> None:
    one, two = site.container(), site.container(served("ECDSA"))
    listener = site.listener(one, two, two)
    assert (listener["default_tls_container_ref"], listener["sni_container_refs"]) == (one, [two, two])
    found = site.graph().certificates
    assert set(found) == {one, two}
    assert found[one].bundle.count("BEGIN CERTIFICATE") == 3
    assert found[one].bundle.startswith(served().pem.decode())
    assert "PRIVATE KEY" in found[one].bundle
    assert found[one].names == ("www.example.com", "*.shop.example.com")
    assert "PRIVATE KEY" not in repr(site.graph())


def test_no_key_is_in_what_users_are_shown(site: Site) -> None:
    listener = site.listener(site.container())
    for path in (f"/lbaas/listeners/{listener['id']}", f"/lbaas/loadbalancers/{site.lb}/statuses"):
        assert "PRIVATE" not in site.ann.send("GET", path).text


def test_what_holds_a_certificate_keeps_it_from_being_deleted(site: Site) -> None:
    ref, sni = site.container(), site.container(served("ECDSA"))
    listener = site.listener(ref, sni)["id"]
    for held in (ref, sni):
        assert site.users(held) == [listener]
        status, why = site.keeper.refused("DELETE", held)
        assert status == 409
        assert listener in why


def test_a_deleted_listener_holds_its_certificates_until_the_agent_has_let_go(site: Site) -> None:
    ref = site.container()
    listener = site.listener(ref)["id"]
    site.applied(site.lb)
    site.ann.delete("listener", listener)
    assert site.users(ref) == [listener]
    site.applied(site.lb)
    assert site.users(ref) == []
    site.keeper.ok("DELETE", ref)


def test_a_load_balancer_that_goes_at_once_lets_go_of_its_certificates(site: Site) -> None:
    ref = site.container()
    listener = site.listener(ref)["id"]
    site.ann.delete("listener", listener)
    site.ann.delete("loadbalancer", site.lb)
    assert site.users(ref) == [listener]
    site.report(site.lb, gone=True)
    assert site.users(ref) == []


def test_an_update_holds_what_is_new_and_lets_go_of_what_is_not_used_any_more(site: Site) -> None:
    one, two, three = (site.container() for _ in range(3))
    listener = site.listener(one, two)["id"]
    site.ann.update("listener", listener, default_tls_container_ref=three, sni_container_refs=[one])
    assert [site.users(ref) for ref in (one, two, three)] == [[listener], [], [listener]]
    assert set(site.graph().certificates) == {one, three}
    site.ann.update("listener", listener, sni_container_refs=[])
    assert [site.users(ref) for ref in (one, two, three)] == [[], [], [listener]]


def test_another_certificate_is_another_generation(site: Site) -> None:
    listener = site.listener(site.container())["id"]
    before = site.generation(site.lb)
    site.ann.update("listener", listener, default_tls_container_ref=site.container())
    assert site.generation(site.lb) == before + 1


def test_the_same_certificates_are_no_news_and_are_held_as_before(site: Site) -> None:
    one, two = site.container(), site.container()
    listener = site.listener(one, two)["id"]
    with site.unchanged():
        site.ann.update("listener", listener, default_tls_container_ref=one, sni_container_refs=[two])
    assert [site.users(ref) for ref in (one, two)] == [[listener], [listener]]


def refused(site: Site, ref: str | None, *sni: str, status: int, kind: str, says: str = "") -> None:
    """Expect that neither a new listener nor an existing one may have these references."""
    post = {"listener": site.body(ref, *sni)}
    site.refuses(site.ann, "POST", "/lbaas/listeners", post, status=status, kind=kind, says=says)
    listener = site.listener(site.container(), protocol_port=8443)["id"]
    put = {"listener": {"default_tls_container_ref": ref, "sni_container_refs": list(sni)}}
    site.refuses(site.ann, "PUT", f"/lbaas/listeners/{listener}", put, status=status, kind=kind, says=says)


def test_a_default_certificate_is_needed(site: Site) -> None:
    refused(site, None, status=400, kind="TLSDefaultContainerNotSpecified")


@pytest.mark.parametrize("where", ["default", "sni"])
def test_a_certificate_that_is_nowhere_or_anothers_is_not_found(site: Site, where: str) -> None:
    good = site.container()
    for ref in (NOBODYS, site.container(keeper=site.bobs_keeper), "http://example.com/a"):
        refs = (ref,) if where == "default" else (good, ref)
        refused(site, *refs, status=404, kind="TLSContainerNotFound", says=ref)
        site.ann.delete("listener", site.ann.entries("/lbaas/listeners")[0]["id"])
        site.applied(site.lb)


@pytest.mark.parametrize("where", ["default", "sni"])
def test_a_certificate_that_cannot_serve_is_refused_by_its_reference(site: Site, where: str) -> None:
    stranger = Made(served().certificate, ec_key(50))
    good = site.container()
    for made, says in ((stranger, "key"), (EXPIRED, "expired")):
        ref = site.container(made)
        refs = (ref,) if where == "default" else (good, ref)
        for text in (ref, says):
            post = {"listener": site.body(*refs)}
            kind = "TLSContainerInvalid"
            site.refuses(site.ann, "POST", "/lbaas/listeners", post, status=400, kind=kind, says=text)


def test_a_listener_whose_certificate_expires_can_still_be_changed_and_served(site: Site) -> None:
    ref = site.container()
    listener = site.listener(ref)["id"]
    with site.database.write() as tx:
        tx.execute(update(secrets).values(expiration=now() - DAY))
    site.ann.update("listener", listener, name="still here")
    site.ann.update("listener", listener, sni_container_refs=[site.container()])
    assert ref in site.graph().certificates


def test_an_unreadable_certificate_is_told_and_keeps_nothing_else_from_agents(site: Site) -> None:
    lost, good = site.container(), site.container(served("ECDSA"))
    site.listener(lost, good)
    plain = site.ann.create("listener", loadbalancer_id=site.lb, protocol="HTTP", protocol_port=80)
    with site.database.write() as tx:
        oldest = (
            secrets.c.id == site.keeper.ok("GET", lost)["secret_refs"][0]["secret_ref"].rpartition("/")[2]
        )
        tx.execute(update(secrets).where(oldest).values(sealed=None))
    graph = site.graph()
    assert plain["id"] in {each.id for each in graph.listeners}
    assert set(graph.certificates) == {good}
    assert set(graph.unreadable) == {lost}
    assert lost in graph.unreadable[lost]


def test_what_was_applied_without_a_certificate_is_an_error_until_it_is_applied_with_it(site: Site) -> None:
    site.listener(site.container())
    generation = site.generation(site.lb)
    failure = {"generation": generation, "reason": "TLS container X is invalid"}
    site.report(site.lb, applied_generation=generation, failure=failure)
    shown = site.ann.show("loadbalancer", site.lb)
    assert shown["provisioning_status"] == "ERROR"
    assert shown["provisioning_error"] == "TLS container X is invalid"
    site.applied(site.lb)
    assert site.ann.show("loadbalancer", site.lb)["provisioning_status"] == "ACTIVE"


def test_only_the_listener_whose_certificate_is_unreadable_is_an_error_and_its_load_balancer(
    site: Site,
) -> None:
    broken = site.listener(site.container())["id"]
    plain = site.ann.create("listener", loadbalancer_id=site.lb, protocol="HTTP", protocol_port=80)["id"]
    pool = site.pool(site.lb, listener_id=broken)["id"]
    generation = site.generation(site.lb)
    failure = {"generation": generation, "reason": "TLS container X is invalid", "objects": [broken]}
    site.report(site.lb, applied_generation=generation, failure=failure)
    tree = site.ann.ok("GET", f"/lbaas/loadbalancers/{site.lb}/statuses")["statuses"]["loadbalancer"]
    found = {each["id"]: each["provisioning_status"] for each in (tree, *tree["listeners"], *tree["pools"])}
    assert found == {site.lb: "ERROR", broken: "ERROR", plain: "ACTIVE", pool: "ACTIVE"}
    site.applied(site.lb)
    tree = site.ann.ok("GET", f"/lbaas/loadbalancers/{site.lb}/statuses")["statuses"]["loadbalancer"]
    assert {each["provisioning_status"] for each in (tree, *tree["listeners"])} == {"ACTIVE"}


def test_a_listener_out_of_service_needs_no_key_on_any_host(site: Site) -> None:
    listener = site.listener(site.container(), admin_state_up=False)["id"]
    assert site.graph().certificates == {}
    site.ann.update("listener", listener, admin_state_up=True)
    assert len(site.graph().certificates) == 1


def test_listeners_of_other_protocols_hold_nothing(site: Site) -> None:
    ref = site.container()
    listener = site.listener(ref, protocol="HTTPS")["id"]
    assert site.users(ref) == []
    site.ann.update("listener", listener, sni_container_refs=[NOBODYS])
    assert site.graph().certificates == {}


def test_a_whole_load_balancer_may_come_with_certificates(site: Site) -> None:
    ref = site.container()
    subnet = site.ann.show("loadbalancer", site.lb)["vip_subnet_id"]
    listener = site.body(ref)
    del listener["loadbalancer_id"]
    whole = {"vip_subnet_id": subnet, "listeners": [listener]}
    answer = site.ann.ok("POST", "/lbaas/graphs", {"graph": {"loadbalancer": whole}})
    assert "PRIVATE" not in str(answer)
    assert len(site.users(ref)) == 1


def test_a_listener_with_tls_goes_with_http_pools_and_policies(site: Site) -> None:
    listener = site.listener(site.container())["id"]
    pool = site.pool(site.lb, listener_id=listener)
    assert site.ann.show("listener", listener)["default_pool_id"] == pool["id"]
    site.ann.ok("POST", "/lbaas/l7policies", {"l7policy": {"listener_id": listener, "action": "REJECT"}})
    other = site.listener(site.container(), protocol_port=8443)["id"]
    body = {"pool": {"protocol": "HTTPS", "lb_algorithm": "ROUND_ROBIN", "listener_id": other}}
    site.refuses(
        site.ann, "POST", "/lbaas/pools", body, status=409, kind="ListenerPoolProtocolMismatch", says="HTTPS"
    )


def test_what_is_gone_from_the_secret_service_stands_in_no_listeners_way(site: Site) -> None:
    listener = site.listener(site.container())["id"]
    with site.database.write() as tx:
        tx.execute(delete(secrets))
    site.ann.delete("listener", listener)
    site.applied(site.lb)
    assert site.controller.assigned(HOST)
    assert site.ann.entries("/lbaas/listeners") == []


def test_a_listener_that_is_refused_in_its_transaction_holds_nothing(site: Site) -> None:
    ref, other = site.container(), site.container()
    listener = site.listener(ref)["id"]
    body = {"listener": site.body(other)}
    kind = "LoadBalancerListenerProtocolPortExists"
    site.refuses(site.ann, "POST", "/lbaas/listeners", body, status=409, kind=kind)
    assert site.users(other) == []
    values = {"listener": {"sni_container_refs": [other], "default_pool_id": listener}}
    path = f"/lbaas/listeners/{listener}"
    site.refuses(site.ann, "PUT", path, values, status=404, kind="EntityNotFound")
    assert site.users(other) == []
    assert len(site.users(ref)) == 1
