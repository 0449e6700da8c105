"""Members that no load balancer may have: what is no host, what is reserved, and the load balancer itself."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from api_cloud import Cloud

from evener import config

METADATA, GATEWAY, VIP, HOST = "169.254.169.254", "10.0.0.1", "10.0.0.5", "10.0.0.9"
NOWHERE = (METADATA, "127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255", "10.0.0.0", "10.0.0.255")
NOWHERE_OF_IPV6 = ("::1", "::", "::ffff:169.254.169.254", "fe80::1", "ff02::1", "fd00:ec2::254", "fd00::")


class Site:
    """A load balancer at `VIP` on a network with both IP versions, and a pool."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.ann = cloud, cloud.ann
        self.four = cloud.subnet()["id"]
        network = self.ann.show("subnet", self.four)["network_id"]
        self.six = self.ann.create("subnet", network_id=network, cidr="fd00::/64", ip_version=6)["id"]
        made = self.ann.create("loadbalancer", vip_subnet_id=self.four, vip_address=VIP)
        self.balancer, self.port = made["id"], made["vip_port_id"]
        self.pool = cloud.pool(self.balancer)["id"]

    def member(self, address: str, port: int = 80) -> dict[str, Any]:
        """Return what is asked for to have a member."""
        subnet = self.six if ":" in address else self.four
        return {"address": address, "protocol_port": port, "subnet_id": subnet}

    def refused(self, address: str, port: int = 80, status: int = 400, kind: str = "HTTPBadRequest") -> str:
        path, body = f"/lbaas/pools/{self.pool}/members", {"member": self.member(address, port)}
        says = str(ip_address(address))
        return self.cloud.refuses(self.ann, "POST", path, body, status=status, kind=kind, says=says)

    def listener(self, port: int) -> dict[str, Any]:
        return {"loadbalancer_id": self.balancer, "protocol": "TCP", "protocol_port": port}


def test_what_is_no_host_is_no_member(cloud: Cloud) -> None:
    site = Site(cloud)
    for address in NOWHERE + NOWHERE_OF_IPV6:
        assert site.refused(address).startswith("Invalid input for address. Reason: ")
    for address in (GATEWAY, HOST, "10.9.9.9", "fd00::9", "fd01::9"):  # the last of each over a router
        site.ann.create("member", in_pool=site.pool, **site.member(address))


def test_a_load_balancer_does_not_call_itself_whichever_comes_first(cloud: Cloud) -> None:
    site = Site(cloud)
    site.ann.create("listener", **site.listener(80))
    assert "own address" in site.refused(VIP, 80, 409, "MemberIsListener")
    site.ann.create("member", in_pool=site.pool, **site.member(VIP, 81))
    site.ann.create("member", in_pool=site.pool, **site.member("fd00::9"))
    second = next(
        each["ip_address"]
        for each in site.ann.show("port", site.port)["fixed_ips"]
        if ":" in each["ip_address"]
    )
    site.refused(second, 80, 409, "MemberIsListener")
    site.ann.create("member", in_pool=site.pool, **site.member(second, 82))
    for port, address in ((81, VIP), (82, second)):
        body, kind = {"listener": site.listener(port)}, "MemberIsListener"
        cloud.refuses(site.ann, "POST", "/lbaas/listeners", body, status=409, kind=kind, says=address)
    site.ann.create("listener", **site.listener(83))


def test_a_load_balancer_does_not_call_itself_over_its_floating_ip(cloud: Cloud) -> None:
    site, outside = Site(cloud), cloud.outside()
    router = site.ann.create("router", external_gateway_info={"network_id": outside["network_id"]})
    site.ann.ok("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": site.four})
    given = {"floating_network_id": outside["network_id"], "port_id": site.port}
    floating = site.ann.create("floatingip", **given)["floating_ip_address"]
    site.ann.create("listener", **site.listener(80))
    site.refused(floating, 80, 409, "MemberIsListener")


def test_the_second_address_of_a_load_balancer_is_never_that_of_its_first_member(cloud: Cloud) -> None:
    site = Site(cloud)
    site.ann.create("listener", **site.listener(80))
    site.ann.create("member", in_pool=site.pool, **site.member("fd00::2"))  # else the lowest that is free
    taken = {each["ip_address"] for each in site.ann.show("port", site.port)["fixed_ips"]}
    assert taken == {VIP, "fd00::3"}


def test_a_whole_load_balancer_has_no_such_member_either(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    for address, status in ((METADATA, 400), ("127.0.0.1", 400), (VIP, 409), (HOST, 201)):
        members = [{"address": address, "protocol_port": 80, "subnet_id": subnet}]
        pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}
        listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        balancer = {"vip_subnet_id": subnet, "vip_address": VIP, "listeners": [listener]}
        before = cloud.contents()
        answer = cloud.ann.send("POST", "/lbaas/graphs", {"graph": {"loadbalancer": balancer}})
        assert answer.status_code == status, answer.text
        assert (cloud.contents() == before) == (status != 201)


def test_the_operator_says_which_addresses_are_reserved(tmp_path: Path) -> None:
    file = tmp_path / "evener.conf"
    file.write_text("[networking]\nreserved_ips = 10.0.0.0/8, fd00:ec2::254\n")
    conf = config.load(["--config-file", str(file)], "evener-test")
    assert [str(block) for block in config.reserved_ips(conf)] == ["10.0.0.0/8", "fd00:ec2::254/128"]
    file.write_text("[networking]\nreserved_ips = 10.0.0.1/8\n")
    with pytest.raises(SystemExit, match=r"\[networking\] reserved_ips: '10.0.0.1/8' is neither"):
        config.load(["--config-file", str(file)], "evener-test")


def test_a_member_without_a_subnet_is_reached_from_the_vips(cloud: Cloud) -> None:
    site = Site(cloud)
    site.ann.create("listener", **site.listener(80))
    path = f"/pools/{site.pool}/members"
    for address, status in ((HOST, 201), ("10.9.9.9", 201), (VIP, 409), (METADATA, 400)):
        body = {"member": {"address": address, "protocol_port": 80}}
        assert site.ann.octavia.send("POST", path, body).status_code == status, address
    assert [each["subnet_id"] for each in site.ann.octavia.ok("GET", path)["members"]] == [None, None]
