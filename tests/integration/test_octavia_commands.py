"""`openstack loadbalancer` and `… listener`, with every option: what they make, change, clear, list and delete."""

import json

import pytest
from octavia_site import CIPHERS, FEWER_CIPHERS, OctaviaSite, Openstack, everything_ran, wait_each

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def balancer(site: OctaviaSite) -> str:
    """Return the id of the load balancer LB, which is furnished."""
    return site.furnished("LB")


def test_a_load_balancer_is_made_on_a_subnet_a_network_or_a_port(
    site: OctaviaSite, openstack: Openstack
) -> None:
    where = {"vip_subnet_id": site.subnet["id"], "vip_network_id": site.network["id"]}
    line = "--name S --description 'of the web' --vip-subnet-id SUBNET --vip-address 10.7.0.77"
    made = openstack(f"create {line} --provider amphora --project admin --disable --tag a --tag b")
    project = site.ok("GET", f"loadbalancers/{made['id']}")["project_id"]
    expected = {"name": "S", "description": "of the web", "provider": "amphora", "project_id": project}
    site.shows(
        f"loadbalancers/{made['id']}",
        vip_address="10.7.0.77",
        admin_state_up=False,
        tags=["a", "b"],
        **expected,
        **where,
    )
    made = openstack("create --name N --vip-network-id NET --enable --no-tag")
    shown = site.shows(f"loadbalancers/{made['id']}", admin_state_up=True, tags=[], **where)
    assert shown["vip_address"].startswith("10.7.0.")
    port = site.api.create("port", name="PORT", network_id=site.network["id"])
    made = openstack("create --name P --vip-port-id PORT")
    address = port["fixed_ips"][0]["ip_address"]
    site.shows(f"loadbalancers/{made['id']}", vip_port_id=port["id"], vip_address=address, **where)
    for name in "SNP":
        openstack(f"delete --wait {name}")
    assert site.api.exists(port)
    site.api.delete(port)


def test_load_balancers_are_set_unset_and_shown(site: OctaviaSite, openstack: Openstack) -> None:
    path = f"loadbalancers/{site.balancer('WEB', tags=['a'])}"
    openstack("set --name W --description d --disable --vip-qos-policy-id None --tag b WEB")
    site.shows(path, name="W", description="d", admin_state_up=False, tags=["a", "b"])
    openstack("set --enable --no-tag --tag c W")
    site.shows(path, admin_state_up=True, tags=["c"], vip_qos_policy_id=None)
    openstack("set --tag d W")
    openstack("unset --description --vip-qos-policy-id --tag c W")
    site.shows(path, name="W", description="", tags=["d"])
    openstack("unset --all-tag W")
    site.active(path[14:])
    found = openstack("show W")
    assert (found["id"], found["tags"], found["provisioning_status"]) == (path[14:], "", "ACTIVE")
    assert all(found[name][10] == "T" for name in ("created_at", "updated_at"))
    openstack(f"unset --name --wait {path[14:]}")
    assert openstack(f"show {path[14:]}")["name"] == ""
    openstack(f"delete {path[14:]}")


def test_load_balancers_are_listed_by_each_filter(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    other = site.balancer("OTHER", admin_state_up=False, tags=["x", "y"])
    port = site.ok("GET", f"loadbalancers/{other}")["vip_port_id"]
    assert openstack.names("list") == ["LB", "OTHER"]
    for words in (
        "--name OTHER",
        "--disable",
        f"--vip-port-id {port}",
        "--operating-status OFFLINE",
        "--tags x,y",
        "--any-tags y,z",
    ):
        assert openstack.names(f"list {words}") == ["OTHER"], words
    for words in ("--enable", "--operating-status ONLINE", "--not-tags x", "--not-any-tags y,z"):
        assert openstack.names(f"list {words}") == ["LB"], words
    for words in (
        "--project admin",
        "--provider haproxy",
        "--vip-network-id NET",
        "--vip-subnet-id SUBNET",
        "--provisioning-status ACTIVE",
    ):
        assert openstack.names(f"list {words}") == ["LB", "OTHER"], words
    for words in ("--provider other", "--availability-zone nowhere", "--provisioning-status ERROR"):
        assert openstack.names(f"list {words}") == [], words
    openstack("delete OTHER")


def test_a_load_balancer_has_statuses_statistics_and_fails_over(
    site: OctaviaSite, openstack: Openstack, balancer: str
) -> None:
    tree = json.loads(openstack("status show LB"))["loadbalancer"]
    assert (tree["id"], tree["provisioning_status"]) == (balancer, "ACTIVE")
    assert [each["name"] for each in tree["listeners"]] == ["L80"]
    counts = {"active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections"}
    assert openstack("stats show LB") == dict.fromkeys(counts, 0)
    assert openstack("listener stats show L80") == dict.fromkeys(counts, 0)
    openstack("failover --wait LB")
    assert openstack("show LB")["provisioning_status"] == "ACTIVE"


def test_a_load_balancer_with_children_goes_with_cascade_only(
    site: OctaviaSite, openstack: Openstack
) -> None:
    made = site.balancer("FULL")
    openstack("listener create --name LF --protocol TCP --protocol-port 81 FULL")
    refused = openstack.refused("delete FULL")
    assert f"Cannot delete Load Balancer {made} - it has children (HTTP 400)" in refused
    openstack("delete --cascade --wait FULL")
    assert site.send("GET", f"loadbalancers/{made}").status_code == 404
    assert "Unable to locate FULL in loadbalancers" in openstack.refused("show FULL")
    assert openstack.names("listener list --name LF") == []


def test_listeners_are_made_set_and_unset(site: OctaviaSite, openstack: Openstack, balancer: str) -> None:
    timeouts = ("timeout_client_data", "timeout_member_connect", "timeout_member_data", "timeout_tcp_inspect")
    pools = {name: site.named("pools", name) for name in ("P1", "P2")}

    def given(first: int) -> str:
        return " ".join(f"--{name.replace('_', '-')} {first + turn}" for turn, name in enumerate(timeouts))

    line = (
        "--name L --description d --protocol http --protocol-port 8080 --connection-limit 5 --default-pool P1"
    )
    more = "--insert-headers X-Forwarded-For=true,X-Forwarded-Port=false --disable --tag a --tag b"
    cidrs = "--allowed-cidr 10.0.0.0/8 --allowed-cidr 192.0.2.7"
    made = openstack(f"listener create {line} {more} {cidrs} {given(1000)} LB")
    path = f"listeners/{made['id']}"
    assert made["loadbalancers"] == balancer
    site.shows(
        path,
        name="L",
        description="d",
        protocol="HTTP",
        protocol_port=8080,
        connection_limit=5,
        default_pool_id=pools["P1"],
        insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Port": "false"},
        admin_state_up=False,
        tags=["a", "b"],
        allowed_cidrs=["10.0.0.0/8", "192.0.2.7/32"],
        **{name: 1000 + turn for turn, name in enumerate(timeouts)},
    )
    line = "--name M --description e --connection-limit 6 --default-pool P2 --enable --tag c"
    more = "--insert-headers X-Forwarded-Proto=true --allowed-cidr 10.7.0.0/24"
    openstack(f"listener set {line} {more} {given(2000)} L")
    site.shows(
        path,
        name="M",
        description="e",
        connection_limit=6,
        default_pool_id=pools["P2"],
        insert_headers={"X-Forwarded-Proto": "true"},
        admin_state_up=True,
        tags=["a", "b", "c"],
        allowed_cidrs=["10.7.0.0/24"],
        **{name: 2000 + turn for turn, name in enumerate(timeouts)},
    )
    flags = " ".join(f"--{name.replace('_', '-')}" for name in timeouts)
    line = "--description --connection-limit --default-pool --insert-headers --allowed-cidrs --tag a"
    openstack(f"listener unset {line} {flags} M")
    site.shows(
        path,
        description="",
        connection_limit=-1,
        default_pool_id=None,
        insert_headers={},
        tags=["b", "c"],
        allowed_cidrs=None,
        **dict(zip(timeouts, (50_000, 5_000, 50_000, 0), strict=True)),
    )
    openstack("listener set --disable --no-tag M")
    site.shows(path, tags=[], admin_state_up=False)
    openstack("listener set --tag z M")
    openstack("listener unset --all-tag --name M")
    site.shows(path, tags=[], name="")
    assert openstack(f"listener show {made['id']}")["protocol_port"] == 8080
    openstack(f"listener delete {made['id']}")


def test_listeners_are_listed_by_each_filter(site: OctaviaSite, openstack: Openstack, balancer: str) -> None:
    openstack("listener create --name T --protocol TCP --protocol-port 7 --disable --tag x --tag y LB")
    openstack("listener create --name N --protocol HTTPS --protocol-port 8 --enable --no-tag LB")
    for words, names in (
        ("--name T", ["T"]),
        ("--disable", ["T"]),
        ("--enable", ["L80", "N"]),
        ("--loadbalancer LB", ["L80", "N", "T"]),
        ("--project admin", ["L80", "N", "T"]),
        ("--tags x,y", ["T"]),
        ("--any-tags y,z", ["T"]),
        ("--not-tags x", ["L80", "N"]),
        ("--not-any-tags x,z", ["L80", "N"]),
    ):
        assert openstack.names(f"listener list {words}") == names, words
    openstack("listener delete T")
    openstack("listener delete N")


def test_listeners_that_terminate_tls(
    site: OctaviaSite, openstack: Openstack, references: tuple[str, str, str, str]
) -> None:
    site.balancer("TLS")
    first, second, authority, gone = references
    line = "--name L --protocol TERMINATED_HTTPS --protocol-port 443"
    trust = f"--client-ca-tls-container-ref {authority} --client-authentication optional"
    tls = f"--tls-ciphers {CIPHERS} --tls-version TLSv1.2 --tls-version TLSv1.3 --alpn-protocol http/1.1"
    refs = f"--default-tls-container-ref {first} --client-crl-container-ref {gone}"
    made = openstack(
        f"listener create {line} {trust} {tls} {refs} --sni-container-refs {second} --enable TLS"
    )
    path = f"listeners/{made['id']}"
    expected = {"client_ca_tls_container_ref": authority, "client_crl_container_ref": gone}
    site.shows(
        path,
        **expected,
        default_tls_container_ref=first,
        sni_container_refs=[second],
        client_authentication="OPTIONAL",
        tls_ciphers=CIPHERS,
        tls_versions=["TLSv1.2", "TLSv1.3"],
        alpn_protocols=["http/1.1"],
    )
    trust = f"--client-ca-tls-container-ref {authority} --client-authentication MANDATORY"
    tls = f"--tls-ciphers {FEWER_CIPHERS} --tls-version TLSv1.3 --alpn-protocol h2 --alpn-protocol http/1.1"
    refs = f"--default-tls-container-ref {second} --client-crl-container-ref {gone}"
    openstack(f"listener set {trust} {tls} {refs} --sni-container-refs {first} {second} --enable L")
    site.shows(
        path,
        **expected,
        default_tls_container_ref=second,
        sni_container_refs=[first, second],
        client_authentication="MANDATORY",
        tls_ciphers=FEWER_CIPHERS,
        tls_versions=["TLSv1.3"],
        alpn_protocols=["h2", "http/1.1"],
    )
    trust = "--client-ca-tls-container-ref --client-authentication --client-crl-container-ref"
    openstack(f"listener unset {trust} --sni-container-refs --tls-versions --tls-ciphers --alpn-protocols L")
    shown = site.shows(
        path,
        client_ca_tls_container_ref=None,
        client_crl_container_ref=None,
        client_authentication="NONE",
        sni_container_refs=[],
        tls_versions=["TLSv1.2", "TLSv1.3"],
        alpn_protocols=["h2", "http/1.1", "http/1.0"],
    )
    assert shown["tls_ciphers"].startswith("TLS_AES_128_GCM_SHA256:")
    openstack(f"listener set --sni-container-refs {first} --enable L")
    openstack("listener unset --default-tls-container-ref L")
    site.shows(path, default_tls_container_ref=None, sni_container_refs=[first])
    unreadable = f"--default-tls-container-ref {first[:-1]}"
    assert "Could not retrieve certificate" in openstack.refused(f"listener set {unreadable} L")


def test_what_nobody_serves_is_said_in_the_servers_words(openstack: Openstack) -> None:
    refused = openstack.refused("create --vip-subnet-id SUBNET --additional-vip subnet-id=SUBNET")
    assert "does not support a requested option" in refused
    assert "(HTTP 501)" in refused
    # Policies of quality of service are Neutron's, and there are none here.
    for line in ("create --vip-subnet-id SUBNET", "list", "set LB"):
        assert openstack.refused(f"{line} --vip-qos-policy-id gold")


def test_each_command_waits_until_it_is_done(site: OctaviaSite, openstack: Openstack) -> None:
    listener = (
        "create --wait --name WL --protocol TCP --protocol-port 1 {lb}",
        "set --wait --connection-limit 5 WL",
        "unset --wait --connection-limit WL",
        "delete --wait WL",
    )
    balancer = (
        "create --wait --name OWN --vip-subnet-id SUBNET",
        "set --wait --disable OWN",
        "unset --wait --description OWN",
        "failover --wait OWN",
        "delete --wait --cascade OWN",
    )
    wait_each(site, openstack, {"listener": listener, "": balancer})
    assert "OWN" not in openstack.names("list")


def test_every_option_of_these_commands_was_used(
    request: pytest.FixtureRequest, openstack: Openstack
) -> None:
    everything_ran(request)
    administration = [
        "create --availability-zone",
        "create --flavor",
        "list --flavor",
    ]  # tested where those are made
    unused = openstack.unused("", "stats", "status", "listener")
    assert sorted(unused) == [f"loadbalancer {command}" for command in administration]
