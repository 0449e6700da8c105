"""What lists and statuses cost: a number of SQL statements that does not grow with the number of rows."""

from api_cloud import PATHS, Cloud, counted

from evener.resources.facts import Counters


def fill(cloud: Cloud, number: int) -> None:
    """Make `number` of each kind, all on one more load balancer, and that many load balancers."""
    user = cloud.ann
    tree = cloud.tree()
    for n in range(number - 1):
        network = user.create("network")["id"]
        subnet = user.create("subnet", network_id=network, cidr="10.0.0.0/24", ip_version=4)["id"]
        balancer = user.create("loadbalancer", vip_subnet_id=subnet)["id"]
        pool = cloud.pool(balancer)["id"]
        given = {"protocol": "HTTP", "protocol_port": 100 + n, "default_pool_id": pool}
        user.create("listener", loadbalancer_id=balancer, **given)
        monitor = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        user.create("healthmonitor", pool_id=pool, **monitor)
        for in_pool in (tree.pool, pool):
            given = {"subnet_id": tree.subnet, "protocol_port": 100 + n, "address": "10.0.0.9"}
            member = user.create("member", in_pool=in_pool, **given)["id"]
        cloud.applied(balancer)
        cloud.seen(balancer, [(member, "OFFLINE")])
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")], **{tree.listener: Counters(bytes_in=1)})


def costs(cloud: Cloud) -> dict[str, int]:
    """Return the number of SQL statements of each list, with and without paging, and of the other views."""
    once = "limit=1000"  # asked in other words than below: answers are remembered
    first = min(cloud.ann.entries("/lbaas/loadbalancers", once), key=lambda found: -len(found["listeners"]))
    pool = max(cloud.ann.entries("/lbaas/pools", once), key=lambda found: len(found["members"]))["id"]
    paths = [*PATHS.values(), f"/lbaas/pools/{pool}/members"]
    asked = [(path, query) for path in paths for query in ("", "limit=3&sort_key=name", "page_reverse=true")]
    asked += [(f"/lbaas/loadbalancers/{first['id']}/{view}", "") for view in ("statuses", "stats")]
    found = {}
    for path, query in asked:
        with counted(cloud.database) as statements:
            cloud.ann.ok("GET", path, query_string=query)
        found[f"{path.replace(first['id'], 'LB').replace(pool, 'POOL')}?{query}"] = len(statements)
    return found


def test_a_list_costs_the_same_statements_for_two_rows_and_for_twenty(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    fill(cloud, 2)
    few = costs(cloud)
    fill(cloud, 20)
    many = costs(cloud)
    assert len(cloud.ann.entries("/lbaas/listeners")) == 22
    assert many == few
    assert max(many.values()) < 15


def test_a_tree_of_statuses_costs_the_same_statements_however_large_it_is(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    tree = cloud.tree()
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/statuses"
    with counted(cloud.database) as few:
        cloud.ann.ok("GET", path)
    for number in range(20):
        pool = cloud.pool(tree.loadbalancer)["id"]
        given = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 100 + number}
        cloud.ann.create("listener", **given, default_pool_id=pool)
        monitor = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        cloud.ann.create("healthmonitor", pool_id=pool, **monitor)
        given = {"subnet_id": tree.subnet, "address": "10.0.0.9", "protocol_port": 80}
        cloud.ann.create("member", in_pool=pool, **given)
    with counted(cloud.database) as many:
        shown = cloud.ann.ok("GET", path)["statuses"]["loadbalancer"]
    assert len(shown["pools"]) == len(shown["listeners"]) == 21
    assert len(many) == len(few)
