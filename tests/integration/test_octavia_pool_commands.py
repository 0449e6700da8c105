"""`openstack loadbalancer pool`, `member`, `healthmonitor`, `l7policy` and `l7rule`, with every option."""

from typing import Any

import pytest
from octavia_site import CIPHERS, FEWER_CIPHERS, OctaviaSite, Openstack, everything_ran, wait_each

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def balancer(site: OctaviaSite) -> str:
    """Return the id of the load balancer LB, which is furnished."""
    return site.furnished("LB")


def test_pools_are_made_set_unset_and_listed(site: OctaviaSite, openstack: Openstack, balancer: str) -> None:
    line = "--name P --description d --protocol http --loadbalancer LB --lb-algorithm round_robin"
    cookie = "--session-persistence type=APP_COOKIE,cookie_name=JSESSION"
    made = openstack(f"pool create {line} {cookie} --disable --disable-tls --tag a --tag b")
    path = f"pools/{made['id']}"
    unused = {"persistence_timeout": None, "persistence_granularity": None}
    site.shows(
        path,
        name="P",
        description="d",
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        session_persistence={"type": "APP_COOKIE", "cookie_name": "JSESSION", **unused},
        admin_state_up=False,
        tls_enabled=False,
        tags=["a", "b"],
        loadbalancers=[{"id": balancer}],
    )
    line = "--name Q --description e --lb-algorithm LEAST_CONNECTIONS --enable --disable-tls"
    openstack(f"pool set {line} --session-persistence type=SOURCE_IP --tag c P")
    site.shows(
        path,
        name="Q",
        description="e",
        lb_algorithm="LEAST_CONNECTIONS",
        session_persistence={"type": "SOURCE_IP", "cookie_name": None, **unused},
        admin_state_up=True,
        tags=["a", "b", "c"],
    )
    for words, names in (
        ("--loadbalancer LB", ["P1", "P2", "Q"]),
        ("--tags a,c", ["Q"]),
        ("--any-tags c,z", ["Q"]),
        ("--not-tags a", ["P1", "P2"]),
        ("--not-any-tags c,z", ["P1", "P2"]),
    ):
        assert openstack.names(f"pool list {words}") == names, words
    openstack("pool unset --description --session-persistence --tag a Q")
    site.shows(path, description="", session_persistence=None, tags=["b", "c"])
    openstack("pool set --disable --no-tag Q")
    site.shows(path, tags=[], admin_state_up=False)
    openstack("pool set --tag z Q")
    openstack("pool unset --all-tag --name Q")
    assert openstack(f"pool show {made['id']}")["tags"] == openstack(f"pool show {made['id']}")["name"] == ""
    openstack(f"pool delete {made['id']}")
    made = openstack(
        "pool create --name D --protocol HTTP --listener L80 --lb-algorithm SOURCE_IP --enable --no-tag"
    )
    site.shows(f"pools/{made['id']}", admin_state_up=True, listeners=[{"id": site.named("listeners", "L80")}])
    site.shows(f"listeners/{site.named('listeners', 'L80')}", default_pool_id=made["id"])
    openstack("pool delete D")
    site.shows(f"listeners/{site.named('listeners', 'L80')}", default_pool_id=None)


def test_members_are_made_set_unset_and_listed(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    pool = site.named("pools", "P1")
    line = "--name M --address 10.7.0.50 --protocol-port 80 --subnet-id SUBNET --weight 7 --disable"
    watched = "--monitor-address 10.7.0.51 --monitor-port 81"
    made = openstack(f"member create {line} --enable-backup {watched} --tag a --tag b P1")
    path = f"pools/{pool}/members/{made['id']}"
    site.shows(
        path,
        name="M",
        address="10.7.0.50",
        protocol_port=80,
        subnet_id=site.subnet["id"],
        weight=7,
        backup=True,
        admin_state_up=False,
        monitor_address="10.7.0.51",
        monitor_port=81,
        tags=["a", "b"],
    )
    other = openstack(
        "member create --address 10.7.0.60 --protocol-port 80 --disable-backup --enable --no-tag P1"
    )
    site.shows(f"pools/{pool}/members/{other['id']}", subnet_id=None, weight=1, backup=False, tags=[])
    watched = "--monitor-address 10.7.0.52 --monitor-port 82"
    openstack(f"member set --name N --weight 8 --disable-backup --enable {watched} --tag c P1 M")
    site.shows(
        path,
        name="N",
        weight=8,
        backup=False,
        admin_state_up=True,
        monitor_address="10.7.0.52",
        monitor_port=82,
        tags=["a", "b", "c"],
    )
    for words, names in (
        ("", ["", "N"]),
        ("--tags a,c", ["N"]),
        ("--any-tags c,z", ["N"]),
        ("--not-tags a", [""]),
        ("--not-any-tags c,z", [""]),
    ):
        assert openstack.names(f"member list {words} P1") == names, words
    openstack("member set --enable-backup --disable P1 N")
    openstack("member unset --backup --monitor-address --monitor-port --weight --tag a P1 N")
    site.shows(
        path,
        backup=False,
        monitor_address=None,
        monitor_port=None,
        weight=1,
        tags=["b", "c"],
        admin_state_up=False,
    )
    openstack("member set --no-tag --tag z P1 N")
    openstack("member unset --all-tag --name P1 N")
    assert openstack(f"member show P1 {made['id']}")["tags"] == ""
    refused = openstack.refused("member create --address 10.7.0.60 --protocol-port 80 P1")
    assert "(HTTP 409)" in refused
    for member in (made, other):
        openstack(f"member delete P1 {member['id']}")
    assert openstack("member list P1") == []


def test_health_monitors_are_made_set_unset_and_listed(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    numbers = "--delay 5 --timeout 7 --max-retries 2 --max-retries-down 4"
    asks = (
        "--http-method HEAD --url-path /a --expected-codes 200,204 --http-version 1.1 --domain-name a.example"
    )
    made = openstack(
        f"healthmonitor create --name H --type http {numbers} {asks} --disable --tag a --tag b P1"
    )
    path = f"healthmonitors/{made['id']}"
    site.shows(
        path,
        name="H",
        type="HTTP",
        delay=5,
        timeout=7,
        max_retries=2,
        max_retries_down=4,
        http_method="HEAD",
        url_path="/a",
        expected_codes="200,204",
        http_version=1.1,
        domain_name="a.example",
        admin_state_up=False,
        tags=["a", "b"],
        pools=[{"id": site.named("pools", "P1")}],
    )
    numbers = "--delay 6 --timeout 4 --max-retries 3 --max-retries-down 5"
    asks = "--http-method POST --url-path /b --expected-codes 201 --http-version 1.1 --domain-name b.example"
    openstack(f"healthmonitor set --name I {numbers} {asks} --enable --tag c H")
    site.shows(
        path,
        name="I",
        delay=6,
        timeout=4,
        max_retries=3,
        max_retries_down=5,
        http_method="POST",
        url_path="/b",
        expected_codes="201",
        http_version=1.1,
        domain_name="b.example",
        admin_state_up=True,
        tags=["a", "b", "c"],
    )
    line = "--delay 9 --timeout 1 --max-retries 1 --type TCP --enable --no-tag"
    openstack(f"healthmonitor create --name T {line} P2")
    for words, names in (
        ("", ["I", "T"]),
        ("--tags a,c", ["I"]),
        ("--any-tags c,z", ["I"]),
        ("--not-tags a", ["T"]),
        ("--not-any-tags c,z", ["T"]),
    ):
        assert openstack.names(f"healthmonitor list {words}") == names, words
    asks = "--http-method --url-path --expected-codes --http-version --domain-name"
    openstack(f"healthmonitor unset {asks} --max-retries-down --tag a I")
    site.shows(
        path,
        http_method="GET",
        url_path="/",
        expected_codes="200",
        http_version=None,
        domain_name=None,
        max_retries_down=3,
        tags=["b", "c"],
    )
    openstack("healthmonitor set --disable --no-tag I")
    openstack("healthmonitor set --tag z I")
    openstack("healthmonitor unset --all-tag --name I")
    shown = openstack(f"healthmonitor show {made['id']}")
    assert (shown["name"], shown["tags"], shown["admin_state_up"]) == ("", "", False)
    openstack(f"healthmonitor delete {made['id']}")
    openstack("healthmonitor delete T")


def test_l7_policies_are_made_set_unset_and_listed(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    pool = site.named("pools", "P1")
    line = "--name U --description d --action redirect_to_url --redirect-url http://a.example/"
    made = openstack(f"l7policy create {line} --redirect-http-code 301 --disable --tag a --tag b L80")
    path = f"l7policies/{made['id']}"
    nothing = {
        "redirect_pool_id": None,
        "redirect_url": None,
        "redirect_prefix": None,
        "redirect_http_code": None,
    }
    site.shows(
        path,
        **{**nothing, "redirect_url": "http://a.example/", "redirect_http_code": 301},
        name="U",
        description="d",
        action="REDIRECT_TO_URL",
        position=1,
        admin_state_up=False,
        tags=["a", "b"],
        listener_id=site.named("listeners", "L80"),
    )
    openstack("l7policy create --name R --action REJECT --position 1 --enable --no-tag L80")
    site.shows(path, position=2)
    openstack("l7policy create --name PO --action REDIRECT_TO_POOL --redirect-pool P1 L80")
    site.shows(f"l7policies/{site.named('l7policies', 'PO')}", redirect_pool_id=pool, position=3)
    prefix = "--redirect-prefix https://b.example"
    openstack(f"l7policy create --name PR --action REDIRECT_PREFIX {prefix} L80")
    expected = {**nothing, "redirect_prefix": "https://b.example", "redirect_http_code": 302}
    site.shows(f"l7policies/{site.named('l7policies', 'PR')}", action="REDIRECT_PREFIX", **expected)
    line = f"--name V --description e --action REDIRECT_PREFIX {prefix} --redirect-http-code 307 --position 1"
    openstack(f"l7policy set {line} --enable --tag c U")
    site.shows(
        path,
        **{**nothing, "redirect_prefix": "https://b.example", "redirect_http_code": 307},
        name="V",
        description="e",
        action="REDIRECT_PREFIX",
        position=1,
        admin_state_up=True,
        tags=["a", "b", "c"],
    )
    openstack("l7policy unset --description --redirect-http-code --tag a V")
    site.shows(path, description="", tags=["b", "c"])
    openstack("l7policy set --action REDIRECT_TO_POOL --redirect-pool P1 --disable V")
    site.shows(path, **{**nothing, "redirect_pool_id": pool}, action="REDIRECT_TO_POOL", admin_state_up=False)
    openstack("l7policy set --redirect-url http://c.example/ V")
    site.shows(path, redirect_url="http://c.example/", redirect_pool_id=None, action="REDIRECT_TO_URL")
    for words, names in (
        ("--listener L80", ["PO", "PR", "R", "V"]),
        ("--tags b,c", ["V"]),
        ("--any-tags c,z", ["V"]),
        ("--not-tags c", ["PO", "PR", "R"]),
        ("--not-any-tags c,z", ["PO", "PR", "R"]),
    ):
        assert openstack.names(f"l7policy list {words}") == names, words
    refused = openstack.refused("pool delete P1")
    assert f"Pool {pool} is in use by L7 policy" in refused
    openstack("l7policy set --no-tag --tag z V")
    openstack("l7policy unset --all-tag --name V")
    assert openstack(f"l7policy show {made['id']}")["name"] == ""
    for policy in (made["id"], "PO", "PR", "R"):
        openstack(f"l7policy delete {policy}")
    assert openstack("l7policy list") == []


def test_an_l7_policy_whose_code_is_unset_has_the_usual_one(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    line = "--action REDIRECT_TO_URL --redirect-url http://a.example/ --redirect-http-code 301"
    made = openstack(f"l7policy create --name C {line} L80")["id"]
    openstack("l7policy unset --redirect-http-code C")
    found = site.ok("GET", f"l7policies/{made}")["redirect_http_code"]
    openstack("l7policy delete --wait C")
    assert found == 302


def test_l7_rules_are_made_set_unset_and_listed(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    policy = openstack("l7policy create --name R --action REJECT L80")["id"]
    line = "--type header --key X-One --compare-type starts_with --value v --invert --disable"
    made = openstack(f"l7rule create {line} --tag a --tag b R")
    path = f"l7policies/{policy}/rules/{made['id']}"
    expected: dict[str, Any] = {"type": "HEADER", "key": "X-One", "compare_type": "STARTS_WITH", "value": "v"}
    site.shows(path, **expected, invert=True, admin_state_up=False, tags=["a", "b"])
    line = "--type COOKIE --key two --compare-type EQUAL_TO --value w --enable --tag c"
    openstack(f"l7rule set {line} R {made['id']}")
    expected = {"type": "COOKIE", "key": "two", "compare_type": "EQUAL_TO", "value": "w"}
    site.shows(path, **expected, invert=True, admin_state_up=True, tags=["a", "b", "c"])
    other = openstack("l7rule create --type PATH --compare-type REGEX --value /a --enable --no-tag R")["id"]
    for words, ids in (
        ("", {made["id"], other}),
        ("--tags a,c", {made["id"]}),
        ("--any-tags c,z", {made["id"]}),
        ("--not-tags a", {other}),
        ("--not-any-tags c,z", {other}),
    ):
        assert {each["id"] for each in openstack(f"l7rule list {words} R")} == ids, words
    openstack(f"l7rule set --type PATH R {made['id']}")
    openstack(f"l7rule unset --invert --key --tag a R {made['id']}")
    site.shows(path, invert=False, key=None, tags=["b", "c"])
    openstack(f"l7rule set --invert --disable --no-tag R {made['id']}")
    site.shows(path, invert=True, admin_state_up=False, tags=[])
    openstack(f"l7rule set --tag z R {made['id']}")
    openstack(f"l7rule unset --all-tag R {made['id']}")
    assert openstack(f"l7rule show R {made['id']}")["tags"] == ""
    for rule in (made["id"], other):
        openstack(f"l7rule delete R {rule}")
    openstack("l7policy delete R")


def test_pools_that_speak_tls(
    site: OctaviaSite, openstack: Openstack, references: tuple[str, str, str, str]
) -> None:
    balancer = site.balancer("TLS2")
    first, second, authority, gone = references
    line = f"--name P --protocol HTTP --lb-algorithm ROUND_ROBIN --loadbalancer {balancer} --enable-tls"
    refs = f"--tls-container-ref {first} --ca-tls-container-ref {authority} --crl-container-ref {gone}"
    tls = f"--tls-ciphers {CIPHERS} --tls-version TLSv1.2 --alpn-protocol http/1.1"
    made = openstack(f"pool create {line} {refs} {tls}")
    path = f"pools/{made['id']}"
    site.shows(
        path,
        tls_enabled=True,
        tls_container_ref=first,
        ca_tls_container_ref=authority,
        crl_container_ref=gone,
        tls_ciphers=CIPHERS,
        tls_versions=["TLSv1.2"],
        alpn_protocols=["http/1.1"],
    )
    refs = f"--tls-container-ref {second} --ca-tls-container-ref {authority} --crl-container-ref {gone}"
    tls = f"--tls-ciphers {FEWER_CIPHERS} --tls-version TLSv1.3 --alpn-protocol h2"
    openstack(f"pool set --enable-tls {refs} {tls} P")
    site.shows(
        path,
        tls_container_ref=second,
        tls_ciphers=FEWER_CIPHERS,
        tls_versions=["TLSv1.3"],
        alpn_protocols=["h2"],
    )
    refs = "--tls-container-ref --ca-tls-container-ref --crl-container-ref"
    openstack(f"pool unset {refs} --tls-versions --tls-ciphers --alpn-protocols P")
    nothing = ("tls_container_ref", "ca_tls_container_ref", "crl_container_ref")
    site.shows(path, **dict.fromkeys(nothing), tls_versions=["TLSv1.2", "TLSv1.3"])
    openstack("pool set --disable-tls P")
    site.shows(path, tls_enabled=False)


def test_each_command_waits_until_it_is_done(site: OctaviaSite, openstack: Openstack) -> None:
    numbers = "--delay 5 --timeout 5 --max-retries 3"
    commands = {
        "pool": (
            "create --wait --name WP --protocol HTTP --lb-algorithm ROUND_ROBIN --loadbalancer {lb}",
            "set --wait --lb-algorithm SOURCE_IP WP",
            "unset --wait --session-persistence WP",
            "delete --wait WP",
        ),
        "member": (
            "create --wait --name WM --address 10.7.0.60 --protocol-port 80 P{lb}",
            "set --wait --weight 5 P{lb} WM",
            "unset --wait --weight P{lb} WM",
            "delete --wait P{lb} WM",
        ),
        "healthmonitor": (
            f"create --wait --name WH --type TCP {numbers} P{{lb}}",
            "set --wait --delay 6 WH",
            "unset --wait --max-retries-down WH",
            "delete --wait WH",
        ),
        "l7policy": (
            "create --wait --name WR --action REJECT L{lb}",
            "set --wait --position 1 WR",
            "unset --wait --description WR",
            "delete --wait WR",
        ),
    }
    wait_each(site, openstack, commands)


def test_rules_are_made_changed_and_deleted_where_commands_wait(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    """The client of Debian 12 asks for a policy by the rule's id once the rule is made, as it does of Octavia."""
    openstack("l7policy create --name PR --action REJECT L80")
    create = "loadbalancer l7rule create --wait --type PATH --compare-type EQUAL_TO --value /a PR"
    done = openstack.run(*create.split())
    assert done.returncode == 0 or "not found" in done.stderr.lower()
    (rule,) = openstack("l7rule list PR")
    for line in ("set --wait --value /b PR", "unset --wait --key PR", "delete --wait PR"):
        openstack.run("loadbalancer", "l7rule", *line.split(), rule["id"])
    assert openstack("l7rule list PR") == []
    openstack("l7policy delete PR")


def test_every_option_of_these_commands_was_used(
    request: pytest.FixtureRequest, openstack: Openstack
) -> None:
    everything_ran(request)
    assert openstack.unused("pool", "member", "healthmonitor", "l7policy", "l7rule") == []
