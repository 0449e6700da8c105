"""`evener explain`: a page in words, which fits a terminal whatever names it holds."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.cli.explanation import Facts, page

LB = "0a1b2c3d-0000-4000-8000-000000000001"
POOL, LISTENER, OUT, WELL = (f"0a1b2c3d-0000-4000-8000-00000000000{n}" for n in range(2, 6))
WHY = "HTTP check: answered 503 instead of 200, since 2026-11-26 09:14:03 UTC"
BALANCER = {"id": LB, "name": "web", "vip_address": "10.0.0.5", "project_id": "p", "provider": "haproxy"}
BOTH = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
MEMBERS = [
    {**BOTH, "id": WELL, "name": "m1", "address": "10.0.0.1", "protocol_port": 80},
    {
        **BOTH,
        "operating_status": "OFFLINE",
        "operating_reason": WHY,
        "id": OUT,
        "name": "m2",
        "address": "10.0.0.2",
        "protocol_port": 80,
    },
]
POOL_NODE = {
    **BOTH,
    "id": POOL,
    "name": "servers",
    "members": MEMBERS,
    "operating_status": "DEGRADED",
    "healthmonitor": {"id": "m", "type": "HTTP", "provisioning_status": "ACTIVE"},
}
TREE = {
    **BOTH,
    "id": LB,
    "name": "web",
    "operating_status": "DEGRADED",
    "pools": [POOL_NODE],
    "listeners": [{**BOTH, "id": LISTENER, "name": "front", "pools": [POOL_NODE], "l7policies": []}],
}
EVENT = {"resource_id": LB, "resource_type": "loadbalancer", "resource_name": "", "attributes": []}
EVENT |= dict.fromkeys(("reason", "host", "user_id", "generation"))
WENT = {
    **EVENT,
    "type": "MEMBER_OUT",
    "resource_type": "member",
    "resource_id": OUT,
    "resource_name": "m2",
    "created_at": "2026-11-26 09:14:03",
    "host": "node-1",
    "reason": "HTTP check: answered 503 instead of 200; it was in from 2026-11-26 08:00:00 UTC until now",
}
CHANGED = {
    **EVENT,
    "type": "UPDATED",
    "resource_type": "pool",
    "resource_name": "servers",
    "attributes": ["name"],
    "created_at": "2026-11-26 08:30:00",
    "user_id": "ann",
    "generation": 3,
}
FAILED = {
    **EVENT,
    "type": "FAILED",
    "created_at": "2026-11-26 07:00:00",
    "host": "node-1",
    "generation": 2,
    "reason": "There is no bridge brq1",
}
FACTS = Facts(
    {**BALANCER, "topology": "ACTIVE_STANDBY"},
    TREE,
    {LISTENER: {"id": LISTENER, "protocol": "HTTP", "protocol_port": 80}},
    [{"host": "node-1", "role": "MASTER"}, {"host": "node-2", "role": "BACKUP"}],
    {
        "node-1": {"alive": True, "admin_state_up": True, "heartbeat_timestamp": "2026-11-26 09:20:00"},
        "node-2": {"alive": False, "admin_state_up": True, "heartbeat_timestamp": "2026-11-26 08:20:00"},
    },
    [WENT, CHANGED, FAILED],
)


def joined(facts: Facts) -> str:
    """Return the page with each of its lines put together again."""
    return " ".join(page(facts).split())


def test_it_says_what_the_load_balancer_is_and_how_it_fares() -> None:
    said = joined(FACTS)
    assert f"Load balancer web ({LB}) at 10.0.0.5, of project p, provider haproxy." in said
    assert "DEGRADED: it serves, and not all of it is well." in said
    assert "ACTIVE: all that was asked for is in effect." in said
    assert "Listener front: HTTP on port 80 pool servers: 1 of 2 members in, checked by HTTP" in said


def test_it_says_which_member_is_out_since_when_and_why_and_until_when_it_was_well() -> None:
    assert (
        f"Member m2 10.0.0.2:80 of pool servers is out: {WHY}"
        " (it was in from 2026-11-26 08:00:00 UTC until now)." in joined(FACTS)
    )


def test_it_says_which_hosts_serve_it_in_which_role_and_how_their_agents_are() -> None:
    said = joined(FACTS)
    assert "Topology ACTIVE_STANDBY: two agents serve it." in said
    assert "node-1: has the VIP; its agent is alive, last heard of at 2026-11-26 09:20:00 UTC" in said
    assert "node-2: takes over when the other is lost; its agent is silent" in said
    others = joined(dataclasses.replace(FACTS, places=(), agents={}))
    assert "Heard of it of late: node-1 (administrators are told more)." in others


def test_it_says_since_when_a_change_could_not_be_applied() -> None:
    tree = {**TREE, "provisioning_status": "ERROR", "provisioning_error": FAILED["reason"]}
    said = joined(dataclasses.replace(FACTS, tree=tree))
    assert "ERROR since 2026-11-26 07:00:00 UTC on node-1: There is no bridge brq1" in said


def test_it_says_what_happened_last_and_who_did_it() -> None:
    said = joined(FACTS)
    assert "2026-11-26 08:30:00 pool servers updated (name) by ann" in said
    assert "2026-11-26 07:00:00 generation 2 could not be applied on node-1: There is no bridge brq1" in said
    assert "This server tells no events." in joined(dataclasses.replace(FACTS, events=None))


def test_where_all_is_well_it_says_so() -> None:
    tree = {**BOTH, "id": LB, "name": "web", "listeners": [], "pools": []}
    said = joined(dataclasses.replace(FACTS, tree=tree))
    assert "Nothing that anybody knows of." in said
    assert "It has no listener: nothing answers at its address." in said


@given(st.text(min_size=1, max_size=255), st.sampled_from(["name", "reason", "host", "user_id"]))
def test_no_name_breaks_the_page(text: str, where: str) -> None:
    tree = {**TREE, "name": text, "pools": [{**POOL_NODE, "name": text}]}
    event = {**WENT, where: text, "resource_name": text}
    shown = page(Facts({**BALANCER, "name": text}, tree, events=[event, {**FAILED, where: text}]))
    for line in shown.splitlines():
        assert len(line) <= 80
        assert line.isprintable() or not line.isascii()
    assert "\x1b" not in shown


@pytest.mark.parametrize("admin", [False, True])
def test_the_command_asks_for_all_of_it_and_changes_nothing(run, server, admin) -> None:
    server.roles = ["admin"] if admin else ["member"]
    balancer = server.put("lbaas/loadbalancers", **{k: v for k, v in BALANCER.items() if k != "id"})
    path = f"lbaas/loadbalancers/{balancer['id']}"
    server.answers[f"{path}/statuses"] = {"statuses": {"loadbalancer": {**TREE, "id": balancer["id"]}}}
    server.answers[f"{path}/events"] = {"events": [WENT, CHANGED]}
    server.answers[f"{path}/loadbalancer-hosting-agent"] = {"agent": {"host": "node-1"}}
    server.put("agents", host="node-1", alive=True, admin_state_up=True, heartbeat_timestamp="2026-11-26")
    said = " ".join(run("explain web").split())
    assert "is out: HTTP check: answered 503" in said
    assert ("node-1: serves it alone; its agent is alive" in said) == admin
    assert not server.changes()


def test_a_server_of_before_has_no_events(run, server) -> None:
    balancer = server.put("lbaas/loadbalancers", **{k: v for k, v in BALANCER.items() if k != "id"})
    path = f"lbaas/loadbalancers/{balancer['id']}"
    server.answers[f"{path}/statuses"] = {"statuses": {"loadbalancer": {**TREE, "id": balancer["id"]}}}
    server.refusals["GET", f"{path}/events"] = (404, {})
    assert "This server tells no events." in run("explain web")


def test_the_page_has_its_parts_in_one_order() -> None:
    headings = ["What it serves", "What runs where", "What is wrong", "What happened last"]
    places = [page(FACTS).index(heading) for heading in headings]
    assert all(one < other for one, other in itertools.pairwise(places))
