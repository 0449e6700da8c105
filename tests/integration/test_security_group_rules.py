"""Security group rules over HTTP: what they may say, and how it is shown; Neutron's rules and types of errors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_cloud import NOBODYS, Cloud, on_sqlite

from evener_cloud.network.resources.security_group_rule import PROTOCOLS

RULES = "/security-group-rules"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return one cloud for all tests: each makes a group of its own."""
    directory: Path = tmp_path_factory.mktemp("rules")
    with on_sqlite(directory) as opened:
        opened.unlimited("ann")
        yield opened


@pytest.fixture
def group(cloud: Cloud) -> str:
    return str(cloud.ann.create("security_group", name="web")["id"])


def rule(group: str, **values: Any) -> dict[str, Any]:
    return {"security_group_rule": {"security_group_id": group, "direction": "ingress", **values}}


TCP_80 = {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80}
V6 = {"ethertype": "IPv6"}
SHOWN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"ethertype": "IPv4", "protocol": None, "remote_ip_prefix": None, "port_range_min": None}),
    ({"protocol": "any"}, {"protocol": None}),
    ({"protocol": "TCP"}, {"protocol": "tcp"}),
    ({"protocol": 6}, {"protocol": "6"}),
    ({"protocol": "132"}, {"protocol": "132"}),
    (TCP_80, TCP_80),
    ({**TCP_80, "protocol": 17}, {"protocol": "17", "port_range_min": 80}),
    ({**TCP_80, "port_range_min": "1", "port_range_max": "65535"}, {"port_range_min": 1}),
    ({"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}, {"port_range_max": 0}),
    ({"protocol": "icmp", "port_range_min": 255}, {"port_range_min": 255, "port_range_max": None}),
    ({**V6, "protocol": "icmp"}, {"protocol": "ipv6-icmp"}),
    ({**V6, "protocol": "icmpv6"}, {"protocol": "ipv6-icmp"}),
    ({**V6, "protocol": "1"}, {"protocol": "58"}),
    ({"ethertype": "ipv6"}, {"ethertype": "IPv6"}),
    ({"remote_ip_prefix": "10.0.0.7"}, {"remote_ip_prefix": "10.0.0.7/32"}),
    ({"remote_ip_prefix": "10.0.0.7/8"}, {"remote_ip_prefix": "10.0.0.7/8"}),
    ({"remote_ip_prefix": ""}, {"remote_ip_prefix": None}),
    ({**V6, "remote_ip_prefix": "FD00:0::/64"}, {"remote_ip_prefix": "fd00::/64"}),
    ({"direction": "egress", "description": "out"}, {"direction": "egress", "description": "out"}),
]


@pytest.mark.parametrize(("given", "shown"), SHOWN)
def test_a_rule_is_shown_in_one_spelling(
    cloud: Cloud, group: str, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    # The rules that every group has say what some of these say.
    for first in cloud.ann.show("security_group", group)["security_group_rules"]:
        cloud.ann.delete("security_group_rule", first["id"])
    made = cloud.ann.ok("POST", RULES, rule(group, **given))["security_group_rule"]
    assert {name: made[name] for name in shown} == shown
    assert (made["project_id"], made["tenant_id"]) == ("ann", "ann")
    assert cloud.ann.show("security_group_rule", made["id"]) == made
    assert cloud.ann.show("security_group", group)["security_group_rules"] == [made]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_a_name_and_a_number_that_mean_the_same(
    cloud: Cloud, group: str, protocol: str
) -> None:
    cloud.ann.ok("POST", RULES, rule(group, **V6, protocol=protocol))
    again = rule(group, **V6, protocol=PROTOCOLS[protocol])
    cloud.refuses(cloud.ann, "POST", RULES, again, status=409, kind="SecurityGroupRuleExists")


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"remote_ip_prefix": "0.0.0.0/0"}),
    ({"protocol": "any"}, {}),
    ({"remote_ip_prefix": "10.0.0.7/8"}, {"remote_ip_prefix": "10.0.0.0/8"}),
    ({**V6, "protocol": "icmp"}, {**V6, "protocol": 58}),
    ({**TCP_80, "description": "x"}, {**TCP_80, "description": "y"}),
    ({"direction": "egress", "protocol": "tcp"}, {"direction": "egress", "protocol": "6"}),
]


@pytest.mark.parametrize(("given", "again"), SAME)
def test_a_rule_that_says_the_same_exists_already(
    cloud: Cloud, group: str, given: dict[str, Any], again: dict[str, Any]
) -> None:
    made = cloud.ann.ok("POST", RULES, rule(group, **given))["security_group_rule"]["id"]
    message = f"Security group rule already exists. Rule id is {made}."
    said = cloud.refuses(
        cloud.ann, "POST", RULES, rule(group, **again), status=409, kind="SecurityGroupRuleExists"
    )
    assert said == message
    other = str(cloud.ann.create("security_group")["id"])
    cloud.ann.ok("POST", RULES, rule(other, **again))


PORT, ICMP = "SecurityGroupInvalidPortValue", "SecurityGroupInvalidIcmpValue"
RANGE, PROTOCOL = "SecurityGroupInvalidPortRange", "SecurityGroupRuleInvalidProtocol"
NEEDED, OTHER = "SecurityGroupProtocolRequiredWithPorts", "SecurityGroupInvalidProtocolForPort"
VERSION, CONFLICT = "SecurityGroupEthertypeConflictWithProtocol", "SecurityGroupRuleParameterConflict"
WRONG: list[tuple[str, str, dict[str, Any]]] = [
    (RANGE, "port_range_min must be <= port_range_max", {**TCP_80, "port_range_min": 81}),
    (RANGE, "port_range_max", {**TCP_80, "port_range_min": None}),
    (RANGE, "port_range_max", {**TCP_80, "port_range_max": None}),
    (PORT, "Invalid value for port 0", {**TCP_80, "port_range_min": 0}),
    (PORT, "Invalid value for port 65536", {**TCP_80, "port_range_max": 65536}),
    (PORT, "Invalid value for port -1", {**TCP_80, "port_range_max": -1}),
    (PORT, "Invalid value for port x", {**TCP_80, "port_range_max": "x"}),
    (PORT, "Invalid value for port true", {**TCP_80, "port_range_max": True}),
    (PORT, "Invalid value for port 80.5", {**TCP_80, "port_range_max": 80.5}),
    (PORT, "Invalid value for port [80]", {**TCP_80, "port_range_max": [80]}),
    (PORT, "Invalid value for port \\ud800", {**TCP_80, "port_range_max": "\ud800"}),
    (NEEDED, "protocol", {**TCP_80, "protocol": None}),
    (OTHER, "gre", {**TCP_80, "protocol": "gre"}),
    (OTHER, "DCCP, SCTP, TCP, UDP, UDPLITE", {**TCP_80, "protocol": 47}),
    (ICMP, "ICMP type (port_range_min) 256", {"protocol": "icmp", "port_range_min": 256}),
    (ICMP, "ICMP code", {"protocol": 1, "port_range_min": 8, "port_range_max": 300}),
    ("SecurityGroupMissingIcmpType", "ICMP code (port-range-max) 3", {"protocol": 1, "port_range_max": 3}),
    (PROTOCOL, "protocol x not", {"protocol": "x"}),
    (PROTOCOL, "[0 to 255]", {"protocol": 256}),
    (PROTOCOL, "protocol -1 not", {"protocol": -1}),
    (PROTOCOL, "protocol true not", {"protocol": True}),
    (PROTOCOL, "not supported", {"protocol": {"a": []}}),
    (PROTOCOL, "not supported", {"protocol": "tcp\x00"}),
    ("SecurityGroupRuleInvalidEtherType", "IPv4, IPv6", {"ethertype": "IPX"}),
    ("SecurityGroupRuleInvalidEtherType", "'null'", {"ethertype": None}),
    (VERSION, "ipv6-icmp", {"protocol": "ipv6-icmp"}),
    (VERSION, "58", {"protocol": 58}),
    (CONFLICT, "IPv4 for CIDR fd00::/64", {"remote_ip_prefix": "fd00::/64"}),
    (CONFLICT, "IPv6 for CIDR 10.0.0.0/8", {**V6, "remote_ip_prefix": "10.0.0.0/8"}),
    ("InvalidCIDR", "10.0.0.0/33", {"remote_ip_prefix": "10.0.0.0/33"}),
    ("InvalidCIDR", "fe80::1%lo", {**V6, "remote_ip_prefix": "fe80::1%lo"}),
    ("InvalidCIDR", "5 given", {"remote_ip_prefix": 5}),
    ("HTTPBadRequest", "direction", {"direction": "in"}),
    ("HTTPBadRequest", "remote_group_id", {"remote_group_id": "x"}),
    ("HTTPBadRequest", "description", {"description": "x" * 256}),
    ("HTTPBadRequest", "remote_address_group_id", {"remote_address_group_id": None}),
]


@pytest.mark.parametrize(("kind", "says", "given"), WRONG)
def test_what_makes_no_sense_is_refused_by_neutron_s_type(
    cloud: Cloud, group: str, kind: str, says: str, given: dict[str, Any]
) -> None:
    body = json.dumps(rule(group, **given)).encode()  # half a surrogate pair is sent escaped
    headers = {"Content-Type": "application/json"}
    cloud.refuses(cloud.ann, "POST", RULES, body, status=400, kind=kind, says=says, headers=headers)


def test_a_rule_names_an_address_or_a_group_and_only_groups_that_are_seen(cloud: Cloud, group: str) -> None:
    both = rule(group, remote_ip_prefix="10.0.0.0/8", remote_group_id=group)
    kind = "SecurityGroupRemoteGroupAndRemoteIpPrefix"
    cloud.refuses(cloud.ann, "POST", RULES, both, status=400, kind=kind)
    his = cloud.bob.create("security_group", name="his")["id"]
    for unseen in (his, NOBODYS):
        for body in (rule(unseen), rule(group, remote_group_id=unseen)):
            message = cloud.refuses(cloud.ann, "POST", RULES, body, status=404, kind="SecurityGroupNotFound")
            assert message == f"Security group {unseen} does not exist"


def test_an_administrator_s_rule_belongs_to_the_project_of_its_group(cloud: Cloud, group: str) -> None:
    made = cloud.admin.ok("POST", RULES, rule(group, **TCP_80))["security_group_rule"]
    assert made["project_id"] == "ann"
    cloud.ann.delete("security_group_rule", made["id"])
    gone = f"{RULES}/{made['id']}"
    said = cloud.refuses(cloud.ann, "GET", gone, status=404, kind="SecurityGroupRuleNotFound")
    assert said == f"Security group rule {made['id']} does not exist"


def test_rules_are_listed_by_what_they_say(cloud: Cloud, group: str) -> None:
    tcp = cloud.ann.ok("POST", RULES, rule(group, **TCP_80))["security_group_rule"]["id"]
    mine = f"security_group_id={group}"
    assert cloud.ann.ids(RULES, f"{mine}&direction=ingress") == [tcp]
    assert cloud.ann.ids(RULES, f"{mine}&protocol=tcp&port_range_min=80") == [tcp]
    assert len(cloud.ann.ids(RULES, f"{mine}&ethertype=ipv6")) == 1
    assert len(cloud.ann.ids(RULES, f"{mine}&ethertype=ipv6&ethertype=IPv4")) == 3
    assert cloud.ann.ids(RULES, f"{mine}&sort_key=direction&sort_dir=desc&limit=1") == [tcp]
    assert cloud.ann.ids(RULES, f"{mine}&ethertype=x") == []
    assert cloud.bob.ids(RULES, mine) == []
    assert cloud.ann.entries(RULES, f"{mine}&fields=id&direction=ingress") == [{"id": tcp}]


def test_a_rule_is_never_changed(cloud: Cloud, group: str) -> None:
    made = cloud.ann.ok("POST", RULES, rule(group, **TCP_80))["security_group_rule"]["id"]
    answer = cloud.ann.send("PUT", f"{RULES}/{made}", {"security_group_rule": {"description": "x"}})
    assert answer.status_code == 405
