"""What Octavia's clients say of TLS comes back exactly so, with certificates, authorities and lists that are there.

Clients that compare what they want with what they see change it for ever where a value comes back in another form.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, Json
from test_octavia_round_trip import DESCRIBED, Make, check, same_again, some
from test_octavia_tls import LOWER, ROOT, UPPER, Site

from evener.resources.tls_rules import DEFAULT_CIPHERS
from evener.store.database import Database
from made_certificates import revoked, served

TIMES = 12
CIPHERS = (
    "ECDHE+AESGCM",
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384:!SHA1",
    "HIGH:!aNULL:!MD5",
    DEFAULT_CIPHERS,
)


@dataclass(frozen=True)
class Refs:
    """What is in the secret service: certificates, and the lists of the authorities that each may name with."""

    certificates: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]

    def a_certificate(self, r: random.Random) -> str:
        return r.choice(self.certificates)

    def a_trust(self, r: random.Random, authorities: str, revoked: str) -> Json:
        """Return authorities, or none, and perhaps a list of theirs, as values of those attributes."""
        ca = r.choice([None, *self.lists])
        return {authorities: ca, revoked: ca and r.choice([None, *self.lists[ca]])}


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    made = Site(database, tmp_path / "secrets.key")
    made.unlimited("ann")
    return made


@pytest.fixture
def refs(site: Site) -> Refs:
    leaf = served("RSA")
    parts = {"certificate": site.pem(leaf.pem), "private_key": site.pem(leaf.key_pem())}
    chain = site.pem(LOWER.pem + UPPER.pem)
    containers = (
        site.keeper.contain(**parts, intermediates=chain),
        site.keeper.contain(**parts, intermediates=chain),
    )
    one, both = site.pem(ROOT.pem), site.pem(UPPER.pem + ROOT.pem)
    of_root, of_upper = site.pem(revoked(ROOT)), site.pem(revoked(UPPER, LOWER))
    return Refs(
        (site.p12(), site.p12("ECDSA"), *containers),
        {one: (of_root,), both: (of_root, of_upper)},
    )


def a_subset(r: random.Random, *values: Any) -> list[Any]:
    """Return some of the values, one at least, in any order."""
    return list(
        r.choice([each for number in range(1, len(values) + 1) for each in permutations(values, number)])
    )


PARAMETERS: Mapping[str, Make] = {
    "tls_ciphers": lambda r: r.choice(CIPHERS),
    "tls_versions": lambda r: a_subset(r, "TLSv1.2", "TLSv1.3"),
    "alpn_protocols": lambda r: a_subset(r, "h2", "http/1.1", "http/1.0"),
}
LISTENER: Mapping[str, Make] = {**DESCRIBED, **PARAMETERS}
POOL: Mapping[str, Make] = {**DESCRIBED, **PARAMETERS}
SSL_HEADERS = tuple(
    f"X-SSL-{name}" for name in ("Client-Verify", "Client-Has-Cert", "Client-DN", "Client-CN", "Issuer")
)


def of_exporter(r: random.Random, refs: Refs) -> Json:
    """Return what a listener says of certificates and clients: each group of attributes that fits together."""
    sni = r.sample(refs.certificates, r.randrange(3))
    default = refs.a_certificate(r) if not sni or r.random() < 0.7 else None
    trust = refs.a_trust(r, "client_ca_tls_container_ref", "client_crl_container_ref")
    asks = ["NONE", "OPTIONAL", "MANDATORY"] if trust["client_ca_tls_container_ref"] else ["NONE"]
    return {
        "default_tls_container_ref": default,
        "sni_container_refs": sni,
        **trust,
        "client_authentication": r.choice(asks),
    }


def of_listener(r: random.Random, refs: Refs) -> Json:
    """Return the same for one that serves requests, with HSTS and headers about certificates."""
    age = r.choice([None, 0, 31_536_000, 2_147_483_647])
    hsts = {
        name: age is not None and r.random() < 0.5 for name in ("hsts_include_subdomains", "hsts_preload")
    }
    return {
        **of_exporter(r, refs),
        "hsts_max_age": age,
        **hsts,
        "insert_headers": {
            name: r.choice(["true", "false"]) for name in r.sample(SSL_HEADERS, r.randrange(4))
        },
    }


def of_pool(r: random.Random, refs: Refs) -> Json:
    """Return what a pool says of TLS with its members."""
    return {
        "tls_enabled": r.random() < 0.7,
        "tls_container_ref": r.choice([None, refs.a_certificate(r)]),
        **refs.a_trust(r, "ca_tls_container_ref", "crl_container_ref"),
    }


def goes_round(site: Site, kind: str, body: Json, changed: Json) -> None:
    """Make an object, look at it, change it, and change it again to the same."""
    ann, balancer = site.ann.octavia, site.lb
    made = ann.ok("POST", f"/{kind}s", {kind: body})[kind]
    check(made, body)
    one = f"/{kind}s/{made['id']}"
    check(ann.ok("GET", one)[kind], body)
    check(ann.ok("PUT", one, {kind: changed})[kind], {**body, **changed})
    check(ann.ok("GET", one)[kind], {**body, **changed})
    same_again(site, one, kind, changed, balancer)


@pytest.mark.parametrize(
    ("protocol", "generated"), [("TERMINATED_HTTPS", of_listener), ("PROMETHEUS", of_exporter)]
)
def test_what_a_listener_says_of_tls_comes_back_and_the_same_again_is_nothing(
    site: Site, refs: Refs, protocol: str, generated: Callable[[random.Random, Refs], Json]
) -> None:
    r = random.Random(protocol)
    for _ in range(TIMES):
        body = site.body(protocol=protocol, **generated(r, refs), **some(r, LISTENER))["listener"]
        changed = {**(generated(r, refs) if r.random() < 0.8 else {}), **some(r, LISTENER)}
        goes_round(site, "listener", body, changed)


def test_what_a_pool_says_of_tls_comes_back_and_the_same_again_is_nothing(site: Site, refs: Refs) -> None:
    r = random.Random("pool")
    fixed = {"loadbalancer_id": site.lb, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    for _ in range(TIMES):
        body = {**fixed, **of_pool(r, refs), **some(r, POOL)}
        changed = {**(of_pool(r, refs) if r.random() < 0.8 else {}), **some(r, POOL)}
        goes_round(site, "pool", body, changed)


def test_a_whole_load_balancer_comes_with_its_certificates_authorities_and_lists(
    site: Site, refs: Refs
) -> None:
    ca, [crl] = next(iter(refs.lists.items()))
    first, second, third, _ = refs.certificates
    asks = {
        "client_authentication": "MANDATORY",
        "client_ca_tls_container_ref": ca,
        "client_crl_container_ref": crl,
    }
    to_members = {
        "tls_enabled": True,
        "tls_container_ref": second,
        "ca_tls_container_ref": ca,
        "crl_container_ref": crl,
    }
    pool = {"name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **to_members}
    listener = {
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": first,
        "sni_container_refs": [third],
        **asks,
    }
    given = {
        "vip_subnet_id": site.subnet()["id"],
        "listeners": [{**listener, "default_pool": {"name": "web"}}],
        "pools": [pool],
    }
    made = site.ann.octavia.ok("POST", "/loadbalancers", {"loadbalancer": given})["loadbalancer"]
    for kind, wanted in (("listener", listener), ("pool", pool)):
        [shown] = made[f"{kind}s"]
        check(shown, wanted)
        check(site.ann.octavia.ok("GET", f"/{kind}s/{shown['id']}")[kind], wanted)
    by = {kind: (kind, made[f"{kind}s"][0]["id"]) for kind in ("listener", "pool")}
    assert site.users(ca) == site.users(crl) == set(by.values())
    assert site.users(second) == {by["pool"]}
    graph = site.controller.graph(HOST, made["id"])
    assert graph is not None
    assert (set(graph.certificates), set(graph.authorities), set(graph.revoked)) == (
        {first, second, third},
        {ca},
        {crl},
    )


@pytest.mark.parametrize("wrong", ["listener", "pool"])
def test_a_whole_load_balancer_of_which_one_list_is_not_its_authoritys_is_not_made(
    site: Site, refs: Refs, wrong: str
) -> None:
    one, both = refs.lists
    foreign = refs.lists[both][1]
    crl = {"listener": {"client_crl_container_ref": foreign}, "pool": {"crl_container_ref": foreign}}
    pool = {
        "name": "web",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "tls_enabled": True,
        "ca_tls_container_ref": one if wrong == "pool" else both,
        **crl["pool"],
    }
    listener = {
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": refs.certificates[0],
        "client_ca_tls_container_ref": one if wrong == "listener" else both,
        **crl["listener"],
        "default_pool": pool,
    }
    given = {"vip_subnet_id": site.subnet()["id"], "listeners": [listener]}
    with site.unchanged():
        answer = site.ann.octavia.send("POST", "/loadbalancers", {"loadbalancer": given})
    assert answer.status_code == 400, answer.text
    assert f"Could not retrieve certificate: ['{foreign}']" in answer.json["faultstring"]
