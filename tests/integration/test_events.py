"""What happened to a load balancer: who changed what, what agents said of it, and how long that is known."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from api_cloud import HOST, Cloud, Json, User, counted
from sqlalchemy import select

from evener.control import events
from evener.resources.facts import Failure, Observation
from evener.store.database import now
from evener.store.schema import events as table

REQUEST = f"req-{uuid.UUID(int=7)}"


def listed(user: User, balancer_id: str, query: str = "") -> list[Json]:
    """Return the events of a load balancer, in LBaaS v2 or as Octavia writes its paths."""
    below = "/lbaas" if user.below.endswith("/v2.0") else ""
    answer = user.ok("GET", f"{below}/loadbalancers/{balancer_id}/events", query_string=query)
    found: list[Json] = answer["events"]
    return found


def told(found: list[Json], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(event[name] for name in names) for event in found]


def test_a_change_is_told_with_who_made_it_and_which_attributes(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    body = {"member": {"weight": 7, "name": "nine"}}
    headers = {"X-Openstack-Request-Id": REQUEST}
    cloud.ann.ok("PUT", tree.paths()["member"], body, headers=headers)
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    gone, changed, *_, first = listed(cloud.ann, tree.loadbalancer)
    assert (gone["type"], gone["resource_type"], gone["resource_id"]) == (
        *("DELETED", "healthmonitor"),
        tree.healthmonitor,
    )
    assert told([changed], "type", "resource_type", "resource_id", "resource_name", "attributes") == [
        ("UPDATED", "member", tree.member, "10.0.0.9:80", ["name", "weight"])
    ]
    assert told([changed], "user_id", "user_project_id", "request_id", "host") == [
        ("ann-member", "ann", REQUEST, None)
    ]
    assert changed["generation"] == cloud.generation(tree.loadbalancer) - 1
    assert told([first], "type", "resource_type", "resource_name") == [("CREATED", "loadbalancer", "web")]
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/events/{changed['id']}"
    assert cloud.ann.ok("GET", path)["event"] == changed


def test_each_api_tells_them_by_its_own_names(cloud: Cloud) -> None:
    tree = cloud.tree()
    values = {"timeout_client_data": 7000, "default_pool_id": None}
    cloud.ann.octavia.ok("PUT", f"/listeners/{tree.listener}", {"listener": values})
    assert listed(cloud.ann.octavia, tree.loadbalancer)[0]["attributes"] == sorted(values)
    assert listed(cloud.ann, tree.loadbalancer)[0]["attributes"] == ["default_pool_id"]


def test_what_makes_many_objects_is_one_event(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    members = [{"address": f"10.0.0.{n}", "protocol_port": 80} for n in range(20, 40)]
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "name": "a", "members": members}
    listeners = [{"protocol": "HTTP", "protocol_port": port} for port in (80, 81)]
    listeners[0]["default_pool"] = pool
    whole = {"vip_subnet_id": subnet, "listeners": listeners}
    made = cloud.ann.octavia.ok("POST", "/loadbalancers", {"loadbalancer": whole})["loadbalancer"]
    found = listed(cloud.ann, made["id"])
    assert told(found, "type", "reason") == [("CREATED", "1 pool, 2 listeners, 20 members")]
    pool_id = made["pools"][0]["id"]
    batch = {"members": [*members[:5], {"address": "10.0.0.50", "protocol_port": 80}]}
    assert cloud.ann.octavia.send("PUT", f"/pools/{pool_id}/members", batch).status_code == 202
    newest = listed(cloud.ann, made["id"])[0]
    assert told([newest], "type", "resource_type", "attributes", "reason") == [
        ("UPDATED", "pool", ["members"], "members: 1 new, 0 changed, 15 gone")
    ]


def test_a_change_costs_one_statement_more_and_to_look_writes_nothing(cloud: Cloud) -> None:
    tree = cloud.tree()
    with counted(cloud.database) as sent:
        cloud.ann.ok("PUT", tree.paths()["pool"], {"pool": {"name": "other"}})
    assert sum("INTO events" in statement for statement in sent) == 1
    with cloud.unchanged():
        listed(cloud.ann, tree.loadbalancer)
        cloud.ann.ok("GET", f"/lbaas/loadbalancers/{tree.loadbalancer}/statuses")
        cloud.ann.ok("PUT", tree.paths()["pool"], {"pool": {"name": "other"}})


def test_agents_tell_what_they_applied_and_what_they_could_not_once_each(any_cloud: Cloud) -> None:
    cloud, balancer = any_cloud, any_cloud.balancer()["id"]
    for _ in range(2):
        cloud.report(balancer, failure=Failure(generation=1, reason="no bridge"))
    for _ in range(2):
        cloud.applied(balancer)
    found = listed(cloud.ann, balancer)
    assert told(found, "type", "generation", "host", "reason", "user_id") == [
        ("APPLIED", 1, HOST, None, None),
        ("FAILED", 1, HOST, "no bridge", None),
        ("CREATED", 1, None, None, "ann-member"),
    ]
    assert {event["project_id"] for event in found} == {"ann"}


def test_members_that_go_out_and_come_back_are_told_with_the_reason(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    why = {tree.member: "TCP check: no connection in time"}
    for status in ("ONLINE", "OFFLINE", "OFFLINE", "ONLINE", "ONLINE"):
        reasons = why if status == "OFFLINE" else {}
        cloud.report(
            tree.loadbalancer, observation=Observation(members={tree.member: status}, reasons=reasons)
        )
    found = listed(cloud.ann, tree.loadbalancer, "resource_type=member&host=" + HOST)
    assert told(found, "type", "resource_id", "resource_name", "reason") == [
        ("MEMBER_IN", tree.member, "10.0.0.9:80", None),
        ("MEMBER_OUT", tree.member, "10.0.0.9:80", found[1]["reason"]),
    ]
    was = rf"{why[tree.member]}; it was in from 20..-..-.. ..:..:.. UTC until now"
    assert re.fullmatch(was, found[1]["reason"])


def test_a_member_that_never_passed_its_checks_is_told_as_such(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")])
    (event,) = listed(cloud.ann, tree.loadbalancer, "type=MEMBER_OUT")
    assert event["reason"] == "Its checks fail; it was never in before"


def test_which_of_two_agents_has_the_vip_is_told_when_it_changes(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    for has in (True, True, False, True):
        cloud.report(balancer, observation=Observation(has_vip=has))
    assert told(listed(cloud.ann, balancer), "type", "host")[:2] == [("VIP_TAKEN", HOST)] * 2
    assert len(listed(cloud.ann, balancer, "type=VIP_TAKEN")) == 2


def test_to_have_it_served_anew_is_told(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    assert cloud.admin.octavia.send("PUT", f"/loadbalancers/{balancer}/failover").status_code == 202
    (event,) = listed(cloud.ann, balancer, "type=FAILED_OVER")
    assert (event["user_id"], event["reason"]) == ("cloud-admin", "by new workers where it is")


def test_who_deleted_a_load_balancer_is_known_when_it_is_gone(any_cloud: Cloud) -> None:
    cloud, balancer = any_cloud, any_cloud.balancer()["id"]
    cloud.ann.delete("loadbalancer", balancer)
    cloud.report(balancer, gone=True)
    cloud.refuses(cloud.ann, "GET", f"/lbaas/loadbalancers/{balancer}", status=404, kind="EntityNotFound")
    newest = listed(cloud.ann, balancer)[0]
    assert (newest["type"], newest["user_id"]) == ("DELETED", "ann-member")
    path = f"/lbaas/loadbalancers/{balancer}/events"
    cloud.refuses(cloud.bob, "GET", path, status=404, kind="EntityNotFound")


def test_nobody_sees_another_project_s_events(cloud: Cloud) -> None:
    tree = cloud.tree()
    event = listed(cloud.ann, tree.loadbalancer)[0]
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/events"
    for each in (path, f"{path}/{event['id']}"):
        cloud.refuses(cloud.bob, "GET", each, status=404, kind="EntityNotFound")
        assert cloud.bob.octavia.send("GET", each.removeprefix("/lbaas")).status_code == 403
    assert listed(cloud.admin, tree.loadbalancer) == listed(cloud.ann, tree.loadbalancer)
    other = cloud.balancer()["id"]
    elsewhere = f"/lbaas/loadbalancers/{other}/events/{event['id']}"
    cloud.refuses(cloud.ann, "GET", elsewhere, status=404, kind="EntityNotFound")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_makes_or_changes_one(cloud: Cloud, method: str) -> None:
    balancer = cloud.balancer()["id"]
    (event,) = listed(cloud.ann, balancer)
    path = f"/lbaas/loadbalancers/{balancer}/events" + ("" if method == "POST" else f"/{event['id']}")
    assert cloud.admin.send(method, path, {"event": {}}).status_code == 405


@pytest.mark.parametrize("octavia", [False, True])
def test_they_are_paged_from_the_newest_to_the_oldest(cloud: Cloud, octavia: bool) -> None:
    user = cloud.ann.octavia if octavia else cloud.ann
    tree = cloud.tree()
    everything = [event["id"] for event in listed(user, tree.loadbalancer)]
    assert len(everything) == 5
    paged: list[str] = []
    while page := listed(user, tree.loadbalancer, f"limit=2&marker={paged[-1] if paged else ''}"):
        paged += [event["id"] for event in page]
    assert paged == everything
    oldest = listed(user, tree.loadbalancer, "sort_key=created_at&sort_dir=asc")
    assert [event["id"] for event in oldest] == everything[::-1]


def test_what_is_too_old_is_forgotten(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    old = [event["id"] for event in listed(cloud.ann, tree.loadbalancer)][2:]
    with cloud.database.write() as tx:
        aged = table.update().where(table.c.id.in_(old))
        tx.execute(aged.values(created_at=now() - timedelta(days=31)))
    events.sweep(cloud.database, days=30, most=1000)
    left = [event["id"] for event in listed(cloud.ann, tree.loadbalancer)]
    assert len(left) == 2
    assert not {*left} & {*old}


def test_of_one_load_balancer_the_newest_are_kept_and_of_others_all(any_cloud: Cloud) -> None:
    cloud, tree, quiet = any_cloud, any_cloud.tree(), any_cloud.balancer()["id"]
    for weight in range(2, 20):
        cloud.ann.ok("PUT", tree.paths()["member"], {"member": {"weight": weight}})
    newest = listed(cloud.ann, tree.loadbalancer)[:10]
    events.sweep(cloud.database, days=30, most=10)
    assert listed(cloud.ann, tree.loadbalancer) == newest
    with cloud.database.read() as tx:
        assert len(tx.execute(select(table).where(table.c.loadbalancer_id == quiet)).all()) == 1
