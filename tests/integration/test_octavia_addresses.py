"""Addresses that objects name in Octavia's API besides members' own: who may call, and where health is asked."""

import pytest
from api_cloud import Cloud

ADDRESSES = ["169.254.169.254", "127.0.0.1", "::1", "224.0.0.1", "64:ff9b::a9fe:a9fe"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_health_is_asked_only_where_a_member_may_be(cloud: Cloud, address: str) -> None:
    ann, tree = cloud.ann.octavia, cloud.tree()
    path = f"/pools/{tree.pool}/members"
    given = {"address": "10.0.0.20", "protocol_port": 80}
    made = ann.ok("POST", path, {"member": given})["member"]["id"]
    with cloud.unchanged():
        for refused in (
            ann.send("POST", path, {"member": {**given, "protocol_port": 81, "monitor_address": address}}),
            ann.send("PUT", f"{path}/{made}", {"member": {"monitor_address": address}}),
            ann.send("PUT", path, {"members": [{**given, "monitor_address": address}]}),
        ):
            assert refused.status_code == 400, refused.text
            assert f"monitor_address. Reason: '{address}' is " in refused.json["faultstring"]
    elsewhere = {"monitor_address": "10.0.0.21", "monitor_port": 8080}
    changed = ann.ok("PUT", f"{path}/{made}", {"member": elsewhere})["member"]
    assert elsewhere.items() <= changed.items()


def test_who_may_call_is_of_an_ip_version_that_the_load_balancer_has(cloud: Cloud) -> None:
    ann, tree = cloud.ann.octavia, cloud.tree()
    values = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 81}
    blocks = ["10.0.0.0/8", "2001:db8::/32"]
    with cloud.unchanged():
        for refused in (
            ann.send("POST", "/listeners", {"listener": {**values, "allowed_cidrs": blocks}}),
            ann.send("PUT", f"/listeners/{tree.listener}", {"listener": {"allowed_cidrs": blocks}}),
        ):
            assert refused.status_code == 400, refused.text
            assert "'2001:db8::/32' is of another IP version than the VIP" in refused.json["faultstring"]
    cloud.ann.create("subnet", network_id=tree.network, cidr="2001:db8::/64", ip_version=6)
    member = {"address": "2001:db8::9", "protocol_port": 80}
    ann.ok("POST", f"/pools/{tree.pool}/members", {"member": member})
    made = ann.ok("POST", "/listeners", {"listener": {**values, "allowed_cidrs": blocks}})["listener"]
    assert made["allowed_cidrs"] == blocks
