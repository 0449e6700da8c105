"""`openstack loadbalancer` of those who run a cloud: quotas, providers, flavors, availability zones and amphorae."""

import json

import pytest
from octavia_site import OctaviaSite, Openstack, everything_ran

pytestmark = pytest.mark.root
QUOTAS = ("load_balancer", "listener", "pool", "health_monitor", "member", "l7policy", "l7rule")
OPTIONS = [f"--{name.replace('_', '')}" for name in QUOTAS]


def test_quotas_are_set_shown_unset_and_reset(site: OctaviaSite, openstack: Openstack) -> None:
    usual = openstack("quota defaults show")
    assert set(usual) == set(QUOTAS)
    project = site.ok("GET", f"loadbalancers/{site.balancer('LB')}")["project_id"]
    limits = {name: number for number, name in enumerate(QUOTAS, 21)}
    given = " ".join(f"{option} {limits[name]}" for option, name in zip(OPTIONS, QUOTAS, strict=True))
    openstack(f"quota set {given} admin")
    assert openstack("quota show admin") == limits
    site.shows(f"quotas/{project}", **limits, loadbalancer=21, healthmonitor=24)
    # The same counters as LBaaS v2's.
    answer = site.api.request("GET", f"/networking/v2.0/quotas/{project}").json()["quota"]
    assert (answer["loadbalancer"], answer["member"]) == (21, 25)
    (row,) = openstack("quota list --project admin")
    assert row == {"project_id": project, **limits}
    openstack(f"quota unset {' '.join(OPTIONS)} admin")
    assert openstack("quota show admin") == usual
    openstack("quota set --loadbalancer 1 admin")
    refused = openstack.refused("create --name SECOND --vip-subnet-id SUBNET")
    assert "Quota has been met for resources: Load Balancer (HTTP 403)" in refused
    openstack("quota reset admin")
    assert openstack("quota show admin") == usual
    site.ok("DELETE", f"loadbalancers/{site.ok('GET', 'loadbalancers')[0]['id']}")


def test_providers_say_what_they_can(openstack: Openstack) -> None:
    assert {"amphora", "haproxy", "octavia"} <= set(openstack.names("provider list"))
    flavors = openstack("provider capability list --flavor haproxy")
    assert "loadbalancer_topology" in {each["name"] for each in flavors}
    zones = openstack("provider capability list --availability-zone haproxy")
    assert "compute_zone" in {each["name"] for each in zones}
    both = openstack("provider capability list haproxy")
    assert {each["type"] for each in both} == {"flavor", "availability_zone"}
    assert "Provider 'nope' is not enabled" in openstack.refused("provider capability list nope")


def test_flavors_and_their_profiles(site: OctaviaSite, openstack: Openstack) -> None:
    data = json.dumps({"loadbalancer_topology": "SINGLE", "connection_limit": 500})
    made = openstack(f"flavorprofile create --name FP --provider haproxy --flavor-data '{data}'")
    site.shows(f"flavorprofiles/{made['id']}", name="FP", provider_name="haproxy", flavor_data=data)
    data = json.dumps({"loadbalancer_topology": "SINGLE"})
    openstack(f"flavorprofile set --name FQ --provider amphora --flavor-data '{data}' FP")
    site.shows(f"flavorprofiles/{made['id']}", name="FQ", provider_name="amphora", flavor_data=data)
    assert openstack("flavorprofile show FQ")["flavor_data"] == data
    assert openstack.names("flavorprofile list --name FQ --provider amphora") == ["FQ"]
    assert openstack.names("flavorprofile list --provider other") == []
    flavor = openstack("flavor create --name F --flavorprofile FQ --description d --disable")
    expected = {"flavor_profile_id": made["id"], "description": "d", "enabled": False}
    site.shows(f"flavors/{flavor['id']}", name="F", **expected)
    assert openstack.names("flavor list --name F --flavorprofile FQ --disable") == ["F"]
    assert "not allowed in this deployment" in openstack.refused(
        "create --vip-subnet-id SUBNET --provider amphora --flavor F"
    )
    openstack("flavor set --name G --enable F")
    openstack("flavor unset --description G")
    site.shows(f"flavors/{flavor['id']}", name="G", description="", enabled=True)
    assert openstack.names("flavor list --enable") == ["G"]
    assert openstack.names("flavor list --disable") == []
    assert openstack("flavor create --name H --flavorprofile FQ --enable")["enabled"] is True
    openstack("flavor set --disable H")
    assert openstack("flavor show H")["enabled"] is False
    lb = openstack("create --name FLAVORED --vip-subnet-id SUBNET --provider amphora --flavor G")["id"]
    site.shows(f"loadbalancers/{lb}", flavor_id=flavor["id"])
    assert openstack.names("list --flavor G") == ["FLAVORED"]
    assert "in use" in openstack.refused("flavor delete G")
    assert "(HTTP 409)" in openstack.refused("flavorprofile delete FQ")
    openstack("delete --wait FLAVORED")
    for name in "GH":
        openstack(f"flavor delete {name}")
    openstack("flavorprofile delete FQ")
    assert openstack("flavor list") == openstack("flavorprofile list") == []


def test_availability_zones_and_their_profiles(site: OctaviaSite, openstack: Openstack) -> None:
    data = json.dumps({"compute_zone": "east"})
    line = f"--name ZP --provider haproxy --availability-zone-data '{data}'"
    made = openstack(f"availabilityzoneprofile create {line}")
    path = f"availabilityzoneprofiles/{made['id']}"
    site.shows(path, name="ZP", provider_name="haproxy", availability_zone_data=data)
    # The client of Debian 12 never sends its --availabilityzone-data.
    openstack(f"availabilityzoneprofile set --name ZQ --provider amphora --availabilityzone-data '{data}' ZP")
    site.shows(path, name="ZQ", provider_name="amphora", availability_zone_data=data)
    assert openstack("availabilityzoneprofile show ZQ")["availability_zone_data"] == data
    assert openstack.names("availabilityzoneprofile list --name ZQ --provider amphora") == ["ZQ"]
    openstack("availabilityzone create --name Z --availabilityzoneprofile ZQ --description d --disable")
    expected = {"availability_zone_profile_id": made["id"], "description": "d", "enabled": False}
    site.shows("availabilityzones/Z", **expected)
    words = "--name Z --availabilityzoneprofile ZQ --disable"
    assert openstack.names(f"availabilityzone list {words}") == ["Z"]
    openstack("availabilityzone set --description e --enable Z")
    assert openstack("availabilityzone show Z")["description"] == "e"
    assert openstack.names("availabilityzone list --enable") == ["Z"]
    openstack("availabilityzone unset --description Z")
    site.shows("availabilityzones/Z", description="", enabled=True)
    made = openstack("availabilityzone create --name Y --availabilityzoneprofile ZQ --enable")
    assert made["enabled"] is True
    openstack("availabilityzone set --disable Y")
    refused = openstack.refused("create --vip-subnet-id SUBNET --availability-zone Y")
    assert "not allowed in this deployment" in refused
    assert "(HTTP 409)" in openstack.refused("availabilityzoneprofile delete ZQ")
    for name in "YZ":
        openstack(f"availabilityzone delete {name}")
    openstack("availabilityzoneprofile delete ZQ")
    assert openstack("availabilityzone list") == openstack("availabilityzoneprofile list") == []


def test_amphorae_are_where_load_balancers_are_served(site: OctaviaSite, openstack: Openstack) -> None:
    lb = site.balancer("SERVED")
    (found,) = openstack("amphora list --loadbalancer SERVED")
    assert (found["loadbalancer_id"], found["status"], found["role"]) == (lb, "ALLOCATED", "STANDALONE")
    (long,) = openstack("amphora list --long --role STANDALONE --provisioning-status ALLOCATED")
    assert (long["id"], long["compute_id"]) == (found["id"], None)
    for words in ("--role MASTER", "--provisioning-status ERROR", f"--compute-id {lb}"):
        assert openstack(f"amphora list {words}") == [], words
    assert openstack(f"amphora show {found['id']}")["loadbalancer_id"] == lb
    listener = {"loadbalancer_id": lb, "protocol": "TCP", "protocol_port": 80}
    listener_id = site.ok("POST", "listeners", {"listener": listener})["id"]
    site.active(lb)
    stats = openstack(f"amphora stats show {found['id']}")
    assert stats["bytes_in"] == stats["total_connections"] == 0
    assert openstack(f"amphora stats show --listener {listener_id} {found['id']}") == stats
    assert "(HTTP 409)" in openstack.refused(f"amphora delete --wait {found['id']}")
    openstack(f"amphora configure --wait {found['id']}")
    openstack(f"amphora failover --wait {found['id']}")
    site.active(lb)
    openstack("delete --cascade SERVED")


def test_every_option_of_these_commands_was_used(
    request: pytest.FixtureRequest, openstack: Openstack
) -> None:
    everything_ran(request)
    families = ("quota", "provider", "flavor", "flavorprofile", "availabilityzone")
    assert openstack.unused(*families, "availabilityzoneprofile", "amphora") == []
