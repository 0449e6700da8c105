"""TLS in Octavia's API: certificates, authorities and lists of revoked certificates as secrets, rules and defaults."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, SECRETS, Cloud, Json
from secret_service import User as SecretUser

from evener.resources.graph import Graph
from evener.resources.tls_rules import DEFAULT_CIPHERS
from evener.store.database import Database
from evener_cloud.secrets.builtin import BuiltinSecrets
from made_certificates import NOW, authorities, ec_key, make, revoked, served

NOBODYS = f"{SECRETS}/key-manager/v1/secrets/00000000-0000-4000-8000-00000000dead"
ROOT, UPPER, LOWER = authorities()
PARAMETERS = ("tls_ciphers", "tls_versions", "alpn_protocols")
DEFAULTS = (DEFAULT_CIPHERS, ["TLSv1.2", "TLSv1.3"], ["h2", "http/1.1", "http/1.0"])


class Site(Cloud):
    """A cloud with a secret service, and a load balancer of ann's project."""

    def __init__(self, database: Database, key_file: Path) -> None:
        super().__init__(database, BuiltinSecrets(database, key_file))
        self.keeper = SecretUser(self.client, "keeper:ann:member")
        self.lb = self.balancer()["id"]
        self.port = 442

    def p12(self, kind: str = "RSA") -> str:
        """Store a bundle without a passphrase as clients do: in base64."""
        return self.keeper.store(served(kind).p12(LOWER, UPPER))

    def pem(self, text: bytes) -> str:
        return self.keeper.store(text.decode())

    def body(self, **given: Any) -> Json:
        self.port += 1
        return {
            "listener": {
                "loadbalancer_id": self.lb,
                "protocol": "TERMINATED_HTTPS",
                "protocol_port": self.port,
            }
            | given
        }

    def new_listener(self, **given: Any) -> Json:
        return dict(self.ann.octavia.ok("POST", "/listeners", self.body(**given))["listener"])

    def new_pool(self, **given: Any) -> Json:
        values = {"loadbalancer_id": self.lb, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        return dict(self.ann.octavia.ok("POST", "/pools", {"pool": values | given})["pool"])

    def change(self, kind: str, object_id: str, **given: Any) -> Json:
        return dict(self.ann.octavia.ok("PUT", f"/{kind}s/{object_id}", {kind: given})[kind])

    def refused(self, method: str, path: str, kind: str, **given: Any) -> str:
        """Return why something is refused, with 400."""
        body = self.body(**given) if (method, kind) == ("POST", "listener") else {kind: given}
        if (method, kind) == ("POST", "pool"):
            common = {"loadbalancer_id": self.lb, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
            body = {"pool": common | given}
        answer = self.ann.octavia.send(method, path, body)
        assert answer.status_code == 400, answer.text
        assert answer.json["faultcode"] == "Client"
        return str(answer.json["faultstring"])

    def users(self, ref: str) -> set[tuple[str, str]]:
        found = self.keeper.ok("GET", ref.replace("/secrets/", "/secrets/") + "/consumers")["consumers"]
        return {(each["resource_type"], each["resource_id"]) for each in found}

    def graph(self) -> Graph:
        graph = self.controller.graph(HOST, self.lb)
        assert graph is not None
        return graph


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    return Site(database, tmp_path / "secrets.key")


def test_a_secret_with_a_bundle_is_a_certificate_in_both_apis(site: Site) -> None:
    ref, sni = site.p12(), site.p12("ECDSA")
    made = site.new_listener(default_tls_container_ref=ref, sni_container_refs=[sni])
    assert (made["default_tls_container_ref"], made["sni_container_refs"]) == (ref, [sni])
    theirs = {"loadbalancer_id": site.lb, "protocol": "TERMINATED_HTTPS", "protocol_port": 8443}
    site.ann.create("listener", **theirs, default_tls_container_ref=ref)
    found = site.graph()
    assert set(found.certificates) == {ref, sni}
    assert found.certificates[ref].bundle.count("BEGIN CERTIFICATE") == 3
    assert "PRIVATE" not in repr(found)


def test_a_listener_that_exports_metrics_may_have_certificates_or_not(site: Site) -> None:
    www, ca = site.p12(), site.pem(ROOT.pem)
    exporter = {"protocol": "PROMETHEUS", "client_ca_tls_container_ref": ca}
    plain = site.new_listener(protocol="PROMETHEUS")
    assert site.graph().certificates == {}
    assert "with a client CA" in site.refused("POST", "/listeners", "listener", **exporter)
    made = site.new_listener(**exporter, default_tls_container_ref=www, client_authentication="MANDATORY")
    assert (set(site.graph().certificates), set(site.graph().authorities)) == ({www}, {ca})
    assert site.users(www) == site.users(ca) == {("listener", made["id"])}
    assert [made[name] for name in PARAMETERS] == [None] * 3
    path = f"/listeners/{made['id']}"
    assert "with a client CA" in site.refused("PUT", path, "listener", default_tls_container_ref=None)
    for which in (made, plain):
        assert "HSTS" in site.refused("PUT", f"/listeners/{which['id']}", "listener", hsts_max_age=1)
    nothing = dict.fromkeys(("default_tls_container_ref", "client_ca_tls_container_ref"))
    site.change("listener", made["id"], **nothing, client_authentication="NONE")
    assert (site.graph().certificates, site.users(www), site.users(ca)) == ({}, set(), set())


def test_sni_alone_is_enough_and_lbaas_can_change_such_a_listener(site: Site) -> None:
    made = site.new_listener(sni_container_refs=[site.p12()])
    assert made["default_tls_container_ref"] is None
    assert site.ann.update("listener", made["id"], name="web")["name"] == "web"
    assert len(site.graph().certificates) == 1


def test_authorities_and_lists_are_secrets_that_go_to_the_agent_and_are_held(site: Site) -> None:
    www, ca, crl = site.p12(), site.pem(ROOT.pem + UPPER.pem), site.pem(revoked(ROOT))
    given = {"client_ca_tls_container_ref": ca, "client_crl_container_ref": crl}
    made = site.new_listener(default_tls_container_ref=www, client_authentication="MANDATORY", **given)
    assert {name: made[name] for name in given} == given
    assert made["client_authentication"] == "MANDATORY"
    whole = {
        "tls_enabled": True,
        "tls_container_ref": www,
        "ca_tls_container_ref": ca,
        "crl_container_ref": crl,
    }
    pool = site.new_pool(**whole)
    assert {name: pool[name] for name in whole} == whole
    found = site.graph()
    assert found.authorities == {ca: (ROOT.pem + UPPER.pem).decode()}
    assert list(found.revoked) == [crl]
    assert set(found.certificates) == {www}
    both = {("listener", made["id"]), ("pool", pool["id"])}
    for ref in (www, ca, crl):
        assert site.users(ref) == both
        assert site.keeper.refused("DELETE", ref)[0] == 409
    site.change("pool", pool["id"], tls_container_ref=None, crl_container_ref=None)
    assert [site.users(ref) for ref in (www, ca, crl)] == [
        {("listener", made["id"])},
        both,
        {("listener", made["id"])},
    ]
    site.change("listener", made["id"], client_authentication="NONE", **dict.fromkeys(given))
    assert site.users(ca) == {("pool", pool["id"])}
    site.applied(site.lb)
    site.ann.octavia.ok("DELETE", f"/pools/{pool['id']}")
    assert site.users(ca) == {("pool", pool["id"])}
    site.applied(site.lb)
    assert site.users(ca) == set()
    site.keeper.ok("DELETE", ca)


def test_what_a_change_that_is_refused_would_hold_is_let_go_of(site: Site) -> None:
    ca = site.pem(ROOT.pem)
    pool = site.new_pool(tls_enabled=True)
    why = site.refused("PUT", f"/pools/{pool['id']}", "pool", ca_tls_container_ref=ca, tls_ciphers="NOPE")
    assert "cipher" in why
    assert site.users(ca) == set()


def test_an_update_is_checked_with_what_is_there(site: Site) -> None:
    ca, crl, foreign = site.pem(ROOT.pem), site.pem(revoked(ROOT)), site.pem(revoked(UPPER))
    made = site.new_listener(default_tls_container_ref=site.p12(), client_ca_tls_container_ref=ca)
    path = f"/listeners/{made['id']}"
    assert "not signed" in site.refused("PUT", path, "listener", client_crl_container_ref=foreign)
    site.change("listener", made["id"], client_crl_container_ref=crl, client_authentication="OPTIONAL")
    assert "requires a client CA" in site.refused("PUT", path, "listener", client_ca_tls_container_ref=None)
    assert "not signed" in site.refused(
        "PUT", path, "listener", client_ca_tls_container_ref=site.pem(UPPER.pem)
    )
    pool = site.new_pool(tls_enabled=True, ca_tls_container_ref=ca, crl_container_ref=crl)
    why = site.refused("PUT", f"/pools/{pool['id']}", "pool", ca_tls_container_ref=None)
    assert "CA certificate" in why


@pytest.mark.parametrize("kind", ["listener", "pool"])
def test_what_cannot_be_read_is_told_by_its_reference(site: Site, kind: str) -> None:
    ca, words = site.pem(ROOT.pem), site.keeper.store("words")
    expired = site.keeper.store(make("old", ec_key(7), end=NOW - timedelta(hours=1)).p12())
    names = {
        "listener": ("default_tls_container_ref", "client_ca_tls_container_ref", "client_crl_container_ref"),
        "pool": ("tls_container_ref", "ca_tls_container_ref", "crl_container_ref"),
    }[kind]
    well = {names[0]: site.p12(), names[1]: ca, names[2]: site.pem(revoked(ROOT))}
    for name, ref in (
        *((name, NOBODYS) for name in names),
        *((name, words) for name in names),
        (names[0], expired),
        (names[1], site.pem(UPPER.pem)),
    ):
        why = site.refused("POST", f"/{kind}s", kind, **{**well, name: ref})
        told = well[names[2]] if (name, ref) not in ((name, NOBODYS), (name, words), (name, expired)) else ref
        assert why.startswith(f"Could not retrieve certificate: ['{told}']"), why
        assert "BEGIN" not in why
    assert [site.users(ref) for ref in well.values()] == [set()] * 3


RULES: list[tuple[Json, str]] = [
    ({"default_tls_container_ref": None}, "SNI or default"),
    ({"protocol": "HTTP"}, "not allowed on HTTP"),
    ({"client_authentication": "MANDATORY"}, "requires a client CA"),
    ({"client_crl_container_ref": NOBODYS}, "required to use a client CRL"),
    ({"tls_ciphers": "aNULL:@SECLEVEL=0"}, "prohibited"),
    ({"tls_ciphers": "a b"}, "tls_ciphers"),
    ({"tls_versions": ["TLSv1.1", "TLSv1.2"]}, "less than the minimum"),
    ({"tls_versions": []}, "Empty TLS version list"),
    ({"tls_versions": ["TLSv9"]}, "tls_versions"),
    ({"alpn_protocols": []}, "Empty ALPN protocol list"),
    ({"alpn_protocols": ["gopher"]}, "alpn_protocols"),
    ({"insert_headers": {"X-SSL-Client-Verify": True}}, "insert_headers"),
]


@pytest.mark.parametrize(("given", "why"), RULES)
def test_rules_of_listeners(site: Site, given: Json, why: str) -> None:
    ref = site.p12()
    assert why in site.refused(
        "POST", "/listeners", "listener", **{"default_tls_container_ref": ref, **given}
    )
    if "protocol" not in given:
        made = site.new_listener(default_tls_container_ref=ref)
        assert why in site.refused("PUT", f"/listeners/{made['id']}", "listener", **given)


def test_defaults_are_stored_where_tls_is_spoken(site: Site) -> None:
    made = site.new_listener(default_tls_container_ref=site.p12(), tls_ciphers=None)
    assert tuple(made[name] for name in PARAMETERS) == DEFAULTS
    plain = site.new_listener(protocol="HTTP")
    assert [plain[name] for name in PARAMETERS] == [None] * 3
    assert tuple(site.new_pool(tls_enabled=True)[name] for name in PARAMETERS) == DEFAULTS
    assert [site.new_pool()[name] for name in PARAMETERS] == [None] * 3
    own = {
        "tls_ciphers": "ECDHE+AESGCM",
        "tls_versions": ["TLSv1.3", "TLSv1.2"],
        "alpn_protocols": ["http/1.1"],
    }
    for kind, object_id in (("listener", made["id"]), ("pool", site.new_pool(tls_enabled=True)["id"])):
        changed = site.change(kind, object_id, **own)
        assert {name: changed[name] for name in own} == own
        shown = site.ann.octavia.ok("GET", f"/{kind}s/{object_id}")[kind]
        assert {name: shown[name] for name in own} == own
        assert (
            tuple(site.change(kind, object_id, **dict.fromkeys(own))[name] for name in PARAMETERS) == DEFAULTS
        )
    theirs = {"loadbalancer_id": site.lb, "protocol": "TERMINATED_HTTPS", "protocol_port": 8443}
    ours = site.ann.create("listener", **theirs, default_tls_container_ref=site.p12())
    shown = site.ann.octavia.ok("GET", f"/listeners/{ours['id']}")["listener"]
    assert [shown[name] for name in PARAMETERS] == [None] * 3


def test_headers_about_certificates_come_back_as_they_were_given(site: Site) -> None:
    given = {"X-SSL-Client-Verify": "true", "X-SSL-Client-DN": "false", "X-SSL-Issuer": "true"}
    made = site.new_listener(default_tls_container_ref=site.p12(), insert_headers=given)
    assert made["insert_headers"] == given


CERTIFICATE_RULES: list[tuple[Json, bool]] = [
    ({"type": "SSL_CONN_HAS_CERT", "value": "true"}, True),
    ({"type": "SSL_CONN_HAS_CERT", "value": "True"}, True),
    ({"type": "SSL_CONN_HAS_CERT", "value": "no"}, False),
    ({"type": "SSL_CONN_HAS_CERT", "value": "true", "key": "a"}, False),
    ({"type": "SSL_CONN_HAS_CERT", "value": "true", "compare_type": "CONTAINS"}, False),
    ({"type": "SSL_VERIFY_RESULT", "value": "0"}, True),
    ({"type": "SSL_VERIFY_RESULT", "value": "-1"}, False),
    ({"type": "SSL_VERIFY_RESULT", "value": "0", "compare_type": "REGEX"}, False),
    ({"type": "SSL_DN_FIELD", "key": "CN", "value": "a b"}, True),
    ({"type": "SSL_DN_FIELD", "key": "CN", "value": "^a", "compare_type": "REGEX"}, True),
    ({"type": "SSL_DN_FIELD", "key": "CN", "value": "(", "compare_type": "REGEX"}, False),
    ({"type": "SSL_DN_FIELD", "value": "a"}, False),
    ({"type": "SSL_DN_FIELD", "key": "C,N", "value": "a"}, False),
]


@pytest.mark.parametrize(("given", "taken"), CERTIFICATE_RULES)
def test_rules_about_certificates(site: Site, given: Json, taken: bool) -> None:
    tree = site.tree()
    body = {"l7policy": {"listener_id": tree.listener, "action": "REJECT"}}
    policy = site.ann.octavia.ok("POST", "/l7policies", body)["l7policy"]["id"]
    path = f"/l7policies/{policy}/rules"
    answer = site.ann.octavia.send("POST", path, {"rule": {"compare_type": "EQUAL_TO", **given}})
    assert answer.status_code == (201 if taken else 400), answer.text
    if taken:
        assert {name: answer.json["rule"][name] for name in given} == given
        shown = site.ann.send("GET", f"/lbaas/l7policies/{policy}/rules/{answer.json['rule']['id']}")
        assert shown.json["rule"]["type"] == given["type"]
