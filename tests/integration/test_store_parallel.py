"""Parallel clients and agents on each kind of database: every change counted once, nobody turned away."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api_cloud import HOST, Cloud

from evener.resources.facts import Counters, Observation

THREADS, EACH = 10, 5


def at_once(work: Any) -> list[Any]:
    """Run `work(n)` for each of the threads at once, and return what came of it."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, range(THREADS)))


def test_each_of_fifty_parallel_members_is_made_and_counted(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.unlimited("ann")
    subnet = cloud.subnet()["id"]
    balancer = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)["id"]
    pool = cloud.pool(balancer)["id"]
    before = cloud.generation(balancer)

    def five(thread: int) -> list[int]:
        found = []
        for number in range(EACH):
            port = 1000 + thread * EACH + number
            body = {"member": {"subnet_id": subnet, "address": "10.0.0.9", "protocol_port": port}}
            found.append(cloud.ann.send("POST", f"/lbaas/pools/{pool}/members", body).status_code)
        return found

    assert at_once(five) == [[201] * EACH] * THREADS
    assert cloud.generation(balancer) == before + THREADS * EACH
    graph = cloud.controller.graph(HOST, balancer)
    assert graph is not None
    assert len({member.protocol_port for member in graph.pools[0].members}) == THREADS * EACH
    assert cloud.agent.looked.count(balancer) == 2 + THREADS * EACH


def test_parallel_clients_never_get_more_than_their_quota(any_cloud: Cloud) -> None:
    cloud = any_cloud
    tree = cloud.tree()
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"member": 20}})

    def five(thread: int) -> list[int]:
        found = []
        for number in range(EACH):
            given = {"subnet_id": tree.subnet, "address": "10.0.0.9"}
            body = {"member": {**given, "protocol_port": 1000 + thread * EACH + number}}
            found.append(cloud.ann.send("POST", f"/lbaas/pools/{tree.pool}/members", body).status_code)
        return found

    codes = [code for found in at_once(five) for code in found]
    assert (codes.count(201), codes.count(409)) == (19, THREADS * EACH - 19)
    assert len(cloud.ann.entries(f"/lbaas/pools/{tree.pool}/members")) == 20
    cloud.ann.ok("DELETE", f"/lbaas/pools/{tree.pool}/members/{tree.member}")
    assert [code for found in at_once(five) for code in found].count(201) == 1


def test_of_parallel_clients_that_want_the_same_one_gets_it(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.unlimited("ann")
    tree = cloud.tree()
    free = cloud.pool(tree.loadbalancer)["id"]
    monitor = {"pool_id": free, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("/lbaas/healthmonitors", {"healthmonitor": monitor}),
        (
            "/lbaas/listeners",
            {"listener": {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 99}},
        ),
        (
            f"/lbaas/pools/{free}/members",
            {"member": {"subnet_id": tree.subnet, "address": "10.0.0.9", "protocol_port": 80}},
        ),
    ]
    for path, body in wanted:
        found = at_once(lambda _, path=path, body=body: cloud.ann.send("POST", path, body).status_code)
        assert sorted(found) == [201] + [409] * (THREADS - 1)


def test_a_pool_that_is_deleted_while_members_come_takes_them_all_with_it(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.unlimited("ann")
    subnet = cloud.subnet()["id"]
    balancer = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)["id"]
    pool = cloud.pool(balancer)["id"]

    def work(thread: int) -> list[int]:
        if thread == THREADS // 2:
            return [cloud.ann.send("DELETE", f"/lbaas/pools/{pool}").status_code]
        found = []
        for number in range(EACH):
            given = {
                "subnet_id": subnet,
                "address": "10.0.0.9",
                "protocol_port": 1000 + thread * EACH + number,
            }
            answer = cloud.ann.send("POST", f"/lbaas/pools/{pool}/members", {"member": given})
            found.append(answer.status_code)
        return found

    codes = {code for found in at_once(work) for code in found}
    assert codes <= {201, 204, 404}
    graph = cloud.controller.graph(HOST, balancer)
    assert graph is not None
    assert graph.pools == ()
    cloud.applied(balancer)
    left = cloud.contents()
    assert left["pools"] == left["members"] == []


def test_reports_and_questions_meet_changes_without_harm(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.unlimited("ann")
    tree = cloud.tree()

    def work(thread: int) -> set[int]:
        codes = set()
        for number in range(EACH):
            counted = Counters(bytes_in=thread * 100 + number)
            seen = Observation(members={tree.member: "ONLINE"}, listeners={tree.listener: counted})
            cloud.agent.observations[tree.loadbalancer] = seen
            cloud.report(tree.loadbalancer, observation=seen)
            cloud.applied(tree.loadbalancer)
            cloud.controller.heartbeat(f"node-{number}", {})
            path = f"/lbaas/loadbalancers/{tree.loadbalancer}"
            for view in ("", "/stats", "/statuses"):
                codes.add(cloud.ann.send("GET", f"{path}{view}").status_code)
            given = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP"}
            made = cloud.ann.create("listener", **given, protocol_port=1000 + thread * EACH + number)
            cloud.ann.delete("listener", made["id"])
        return codes

    assert at_once(work) == [{200}] * THREADS
    assert cloud.generation(tree.loadbalancer) == 5 + 2 * THREADS * EACH
    cloud.applied(tree.loadbalancer)
    assert cloud.ann.ids("/lbaas/listeners") == [tree.listener]
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert (shown["provisioning_status"], shown["operating_status"]) == ("ACTIVE", "ONLINE")


def test_load_balancers_are_made_and_deleted_in_parallel(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.unlimited("ann")
    subnet = cloud.subnet()["id"]

    def work(_: int) -> list[str]:
        vips = []
        for _ in range(EACH):
            made = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)
            vips.append(made["vip_address"])
        return vips

    vips = [vip for found in at_once(work) for vip in found]
    assert len(set(vips)) == THREADS * EACH
    every = cloud.ann.ids("/lbaas/loadbalancers")

    def end(thread: int) -> None:
        for balancer in every[thread::THREADS]:
            cloud.ann.delete("loadbalancer", balancer)
            cloud.report(balancer, gone=True)

    at_once(end)
    assert cloud.ann.entries("/lbaas/loadbalancers") == cloud.ann.entries("/ports") == []
    assert cloud.controller.assigned(HOST) == {}
    assert cloud.contents()["ip_allocations"] == []
