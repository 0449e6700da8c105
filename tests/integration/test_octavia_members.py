"""Members through Octavia's API: without a subnet, and all of a pool in one request."""

import pytest
from api_cloud import NOBODYS, Cloud, Json, Tree
from network_service import statements


def members(cloud: Cloud, pool: str) -> list[Json]:
    found: list[Json] = cloud.ann.octavia.ok("GET", f"/pools/{pool}/members")["members"]
    return found


def add(cloud: Cloud, tree: Tree, **values: object) -> Json:
    given = {"address": "10.0.0.20", "protocol_port": 80, **values}
    made: Json = cloud.ann.octavia.ok("POST", f"/pools/{tree.pool}/members", {"member": given})["member"]
    return made


def test_a_member_needs_no_subnet(cloud: Cloud) -> None:
    tree = cloud.tree()
    assert add(cloud, tree)["subnet_id"] is None
    assert add(cloud, tree, address="10.0.0.21", subnet_id=None)["subnet_id"] is None
    assert add(cloud, tree, address="192.0.2.7")["address"] == "192.0.2.7"
    subnets = {each["address"]: each["subnet_id"] for each in members(cloud, tree.pool)}
    assert subnets == {"10.0.0.9": tree.subnet, "10.0.0.20": None, "10.0.0.21": None, "192.0.2.7": None}


def test_lbaas_still_asks_for_a_subnet(cloud: Cloud) -> None:
    tree = cloud.tree()
    body = {"member": {"address": "10.0.0.20", "protocol_port": 80}}
    path = f"/lbaas/pools/{tree.pool}/members"
    cloud.refuses(cloud.ann, "POST", path, body, status=400, kind="HTTPBadRequest", says="subnet_id")


def test_a_member_of_the_other_ip_version_gets_a_way_from_the_vips_network(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.ann.create("subnet", network_id=tree.network, cidr="2001:db8::/64", ip_version=6)
    add(cloud, tree, address="2001:db8:1::9")
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    addresses = [each["ip_address"] for each in cloud.ann.show("port", port)["fixed_ips"]]
    assert any(":" in each for each in addresses)


def test_a_member_without_a_subnet_is_not_the_load_balancer_itself(cloud: Cloud) -> None:
    tree = cloud.tree()
    vip = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_address"]
    body = {"member": {"address": vip, "protocol_port": 80}}
    path = f"/pools/{tree.pool}/members"
    with cloud.unchanged():
        refused = cloud.ann.octavia.send("POST", path, body)
    assert refused.status_code == 409, refused.text
    assert add(cloud, tree, address=vip, protocol_port=81)["protocol_port"] == 81


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"subnet_id": NOBODYS}, f"Subnet {NOBODYS} not found."),
        ({"address": "169.254.169.254"}, "reserved"),
        ({"address": "127.0.0.1"}, "loopback"),
        ({"address": "nowhere"}, "address"),
        ({"protocol_port": 0}, "protocol_port"),
        ({"protocol_port": 65536}, "protocol_port"),
        ({"weight": 257}, "weight"),
        ({"subnet_id": "x"}, "subnet_id"),
        ({"bogus": 1}, "Unknown attribute"),
    ],
)
def test_a_wrong_member_is_refused(cloud: Cloud, values: Json, says: str) -> None:
    tree = cloud.tree()
    with cloud.unchanged():
        body = {"member": {"address": "10.0.0.20", "protocol_port": 80, **values}}
        refused = cloud.ann.octavia.send("POST", f"/pools/{tree.pool}/members", body)
    assert refused.status_code == 400, refused.text
    assert says in refused.json["faultstring"]


def a_member(last: int, **values: object) -> Json:
    return {"address": f"10.0.0.{last}", "protocol_port": 80, **values}


def batch(cloud: Cloud, pool: str, *given: Json, query: str = "") -> None:
    answer = cloud.ann.octavia.send("PUT", f"/pools/{pool}/members", {"members": given}, query_string=query)
    assert (answer.status_code, answer.content) == (202, b"")


def by_address(cloud: Cloud, pool: str) -> dict[str, Json]:
    return {each["address"]: each for each in members(cloud, pool)}


def test_a_batch_makes_changes_and_deletes_at_one_generation(cloud: Cloud) -> None:
    tree = cloud.tree()
    batch(cloud, tree.pool, a_member(20, weight=5), a_member(21, backup=True))
    generation, told = cloud.applied(tree.loadbalancer), len(cloud.agent.looked)
    before = by_address(cloud, tree.pool)
    assert set(before) == {"10.0.0.20", "10.0.0.21"}
    batch(cloud, tree.pool, a_member(20, weight=7), a_member(22), query="additive_only=False")
    assert cloud.applied(tree.loadbalancer) == generation + 1
    assert cloud.agent.looked[told:] == [tree.loadbalancer]
    after = by_address(cloud, tree.pool)
    assert set(after) == {"10.0.0.20", "10.0.0.22"}
    assert (after["10.0.0.20"]["id"], after["10.0.0.20"]["weight"]) == (before["10.0.0.20"]["id"], 7)


def test_a_batch_that_is_additive_deletes_nothing(cloud: Cloud) -> None:
    tree = cloud.tree()
    for word in ("true", "True", "1", "yes"):
        batch(cloud, tree.pool, a_member(20), query=f"additive_only={word}")
    assert set(by_address(cloud, tree.pool)) == {"10.0.0.9", "10.0.0.20"}
    batch(cloud, tree.pool)
    cloud.applied(tree.loadbalancer)
    assert not members(cloud, tree.pool)


def test_what_a_batch_does_not_say_is_as_by_default_but_for_names_and_monitors(cloud: Cloud) -> None:
    tree = cloud.tree()
    kept = {"name": "a", "monitor_address": "10.0.0.99", "monitor_port": 8080}
    given = {**kept, "weight": 9, "backup": True, "admin_state_up": False}
    batch(cloud, tree.pool, a_member(20, **given, subnet_id=tree.subnet))
    (made,) = (each for each in members(cloud, tree.pool) if each["address"] == "10.0.0.20")
    assert {name: made[name] for name in given} == given
    batch(cloud, tree.pool, a_member(20))
    after = by_address(cloud, tree.pool)["10.0.0.20"]
    usual = {"weight": 1, "backup": False, "admin_state_up": True}
    assert {name: after[name] for name in given} == {**kept, **usual}
    assert (after["id"], after["subnet_id"]) == (made["id"], tree.subnet)
    batch(cloud, tree.pool, a_member(20, monitor_port=None, weight=None, subnet_id=NOBODYS))
    assert by_address(cloud, tree.pool)["10.0.0.20"]["monitor_port"] is None


def test_a_batch_of_what_is_there_changes_nothing(cloud: Cloud) -> None:
    tree = cloud.tree()
    given = [a_member(last, name=f"m{last}", weight=last) for last in range(20, 40)]
    batch(cloud, tree.pool, *given)
    with cloud.unchanged():
        batch(cloud, tree.pool, *given)
        batch(cloud, tree.pool, a_member(30, weight=30), query="additive_only=true")


def test_a_batch_costs_as_many_statements_for_many_members_as_for_few(cloud: Cloud) -> None:
    cloud.unlimited("ann")

    def costs(number: int) -> int:
        tree = cloud.tree()
        batch(cloud, tree.pool, *(a_member(last, weight=1) for last in range(20, 20 + number)))
        with statements(cloud.database) as sent:
            changed = (a_member(last, weight=2) for last in range(20, 20 + number // 2))
            new = (a_member(last) for last in range(200, 200 + number // 2))
            batch(cloud, tree.pool, *changed, *new)
        return len(sent)

    assert costs(40) == costs(4)


def test_the_quota_is_counted_on_the_difference(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"member": 3}})
    batch(cloud, tree.pool, *(a_member(last) for last in (20, 21, 22)))
    batch(cloud, tree.pool, *(a_member(last) for last in (22, 23, 24)))
    body = {"members": [a_member(last) for last in (22, 23, 24, 25)]}
    with cloud.unchanged():
        refused = cloud.ann.octavia.send("PUT", f"/pools/{tree.pool}/members", body)
    assert refused.status_code == 403, refused.text


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"members": None}, 400, "members"),
        ({"members": {}}, 400, "members"),
        ({"members": [None]}, 400, "member"),
        ({"members": [3]}, 400, "member"),
        ({"members": [[]]}, 400, "member"),
        ({}, 400, "members"),
        ([], 400, "members"),
        (3, 400, "members"),
        ({"members": [], "more": 1}, 400, "members"),
        ({"members": [{}]}, 400, "Mandatory field missing"),
        ({"members": [a_member(20, id=NOBODYS)]}, 400, "Unknown attribute"),
        ({"members": [a_member(20, weight="many")]}, 400, "weight"),
        ({"members": [a_member(20, address="169.254.169.254")]}, 400, "reserved"),
        ({"members": [a_member(20, subnet_id=NOBODYS)]}, 400, f"Subnet {NOBODYS} not found."),
        ({"members": [a_member(9), a_member(9)]}, 400, "only once"),
        ({"members": [a_member(20), a_member(20)]}, 409, "already present"),
    ],
)
def test_a_wrong_batch_is_refused_and_changes_nothing(
    cloud: Cloud, body: Json, status: int, says: str
) -> None:
    tree = cloud.tree()
    with cloud.unchanged():
        refused = cloud.ann.octavia.send("PUT", f"/pools/{tree.pool}/members", body)
    assert refused.status_code == status, refused.text
    assert says in refused.json["faultstring"]


def test_a_batch_is_for_who_may_do_all_of_it(cloud: Cloud) -> None:
    tree = cloud.tree()
    path, body = f"/pools/{tree.pool}/members", {"members": [a_member(20)]}
    for user, status in ((cloud.reader, 403), (cloud.bob, 403)):
        with cloud.unchanged():
            assert user.octavia.send("PUT", path, body).status_code == status
    assert cloud.ann.octavia.send("PUT", f"/pools/{NOBODYS}/members", body).status_code == 404
