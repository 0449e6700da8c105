"""Statuses as a table of what was changed, applied, refused and seen; no database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.control.operating import OperatingTree, Seen
from evener.control.operating import operating_tree as tree_of
from evener.control.statuses import (
    AGENT_DOWN_AFTER,
    Lifetime,
    Progress,
    combined_health,
    explanation,
    progress,
    provisioning_status,
    reasons_out,
    why_out,
)
from evener.resources.graph import Graph
from evener.resources.types import OperatingStatus, ProvisioningStatus
from haproxy_graphs import graph, graphs, listener, member, monitor, nth, pool

MOMENT = datetime(2030, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the tables hold it
DONE = Progress(applied=10)
GENERATIONS = st.integers(0, 12)


def operating_tree(whole: Graph, health: Mapping[str, OperatingStatus], at: Progress) -> OperatingTree:
    return tree_of(whole, Seen(at, health))


@pytest.mark.parametrize(
    ("created", "changed", "deleted", "applied", "failed", "status"),
    [
        (1, 1, None, 0, None, "PENDING_CREATE"),
        (1, 1, None, 1, None, "ACTIVE"),
        (1, 1, None, 9, None, "ACTIVE"),
        (1, 1, None, 0, 1, "ERROR"),
        (1, 1, None, 1, 2, "ACTIVE"),
        (1, 3, None, 2, None, "PENDING_UPDATE"),
        (1, 3, None, 0, None, "PENDING_CREATE"),
        (1, 3, None, 2, 2, "PENDING_UPDATE"),
        (1, 3, None, 2, 3, "ERROR"),
        (1, 3, None, 2, 4, "ERROR"),
        (1, 3, None, 3, 4, "ACTIVE"),
        (3, 3, None, 2, None, "PENDING_CREATE"),
        (3, 4, None, 3, None, "PENDING_UPDATE"),
        (1, 4, 4, 3, None, "PENDING_DELETE"),
        (1, 4, 4, 4, None, "PENDING_DELETE"),
        (1, 4, 4, 3, 4, "PENDING_DELETE"),
    ],
)
def test_generations_make_the_provisioning_status(
    created: int, changed: int, deleted: int | None, applied: int, failed: int | None, status: str
) -> None:
    found = provisioning_status(Lifetime(created, changed, deleted), Progress(applied, failed))
    assert found == status


@given(GENERATIONS, GENERATIONS, GENERATIONS, st.none() | GENERATIONS)
def test_nothing_is_stuck_once_the_newest_generation_is_applied(
    created: int, more: int, applied: int, failed: int | None
) -> None:
    life = Lifetime(created, created + more)
    reached = max(applied, life.changed)
    status = provisioning_status(life, Progress(reached, failed))
    repair_failed = failed is not None and life.changed <= failed <= reached
    assert status == (ProvisioningStatus.ERROR if repair_failed else ProvisioningStatus.ACTIVE)


def binding(
    applied: int, failed: int | None = None, silent_s: float = 0, host: str = "h", objects: Any = None
) -> dict[str, Any]:
    return {
        "agent_id": host,
        "applied_generation": applied,
        "failed_generation": failed,
        "failure": None if failed is None else f"{host} refused {failed}",
        "failed_objects": objects,
        "host": host,
        "heartbeat_at": MOMENT - timedelta(seconds=silent_s),
    }


def test_without_an_agent_nothing_is_applied() -> None:
    assert progress([], MOMENT) == Progress(0, silence="No agent serves it", unknown=True)


def test_the_agent_that_is_least_far_counts() -> None:
    assert progress([binding(7), binding(4), binding(9)], MOMENT) == Progress(4)


def test_the_agent_that_refused_counts_and_says_why() -> None:
    silent = AGENT_DOWN_AFTER.total_seconds() + 1
    rows = [binding(7, silent_s=silent, host="silent"), binding(7, 8, host="two"), binding(9)]
    for order in (rows, rows[::-1]):
        at = progress(order, MOMENT)
        assert (at.applied, at.failed, at.reason, at.unknown) == (7, 8, "two refused 8", False)


@given(st.lists(st.tuples(GENERATIONS, st.none() | GENERATIONS), min_size=1, max_size=4), st.data())
def test_the_reason_is_that_of_the_newest_generation_that_failed_whoever_comes_first(
    agents: list[tuple[int, int | None]], data: Any
) -> None:
    rows = [binding(applied, failed, host=f"h{n}") for n, (applied, failed) in enumerate(agents)]
    at = progress(data.draw(st.permutations(rows)), MOMENT)
    newest = max((failed for _, failed in agents if failed is not None), default=None)
    last = [row for row in rows if newest is not None and row["failed_generation"] == newest]
    assert at.failed == newest
    assert (at.reason is None) == (not last)
    assert {row["host"] for row in rows if f"{row['host']} refused" in (at.reason or "")} == {
        row["host"] for row in last
    }


@pytest.mark.parametrize(
    ("objects", "concerned"),
    [((["a"],), "a"), ((["a"], ["b"]), "ab"), ((["a"], None), "abc"), ((None,), "abc"), (([],), "abc")],
)
def test_a_failure_concerns_the_objects_it_names_or_else_all(objects: Any, concerned: str) -> None:
    at = progress([binding(8, 8, objects=each) for each in objects], MOMENT)
    life = Lifetime(created=1, changed=5)
    failed = [each for each in "abc" if provisioning_status(life, at.of(each)) == ProvisioningStatus.ERROR]
    assert failed == list(concerned)
    assert provisioning_status(life, at) == ProvisioningStatus.ERROR


def test_a_silent_agent_is_named() -> None:
    limit = AGENT_DOWN_AFTER.total_seconds()
    assert progress([binding(7, silent_s=limit)], MOMENT).silence is None
    at = progress([binding(7), binding(7, silent_s=limit + 1, host="node-7")], MOMENT)
    assert at.silence == "The agent on node-7 has not been heard of since 2030-01-02T03:02:49Z"
    for life in (Lifetime(1, 7), Lifetime(1, 8), Lifetime(8, 8), Lifetime(1, 8, 8)):
        assert explanation(life, at) == at.silence


@pytest.mark.parametrize(("failed", "said"), [(None, None), (7, None), (8, "why")])
def test_what_cannot_be_removed_says_why_and_an_older_failure_does_not(
    failed: int | None, said: str | None
) -> None:
    at, life = Progress(6, failed, "why"), Lifetime(created=1, changed=8, deleted=8)
    assert provisioning_status(life, at) == ProvisioningStatus.PENDING_DELETE
    assert explanation(life, at) == said


@given(st.data(), st.lists(st.booleans(), min_size=1, max_size=3))
def test_a_member_is_well_when_every_agent_that_is_heard_of_sees_it_well(
    data: Any, alive: list[bool]
) -> None:
    limit = AGENT_DOWN_AFTER.total_seconds()
    rows = [binding(7, silent_s=0 if up else limit + 1, host=f"h{n}") for n, up in enumerate(alive)]
    said = {row["host"]: data.draw(st.sampled_from(["ONLINE", "OFFLINE", None])) for row in rows}
    seen = [{"member_id": "m", "agent_id": host, "status": word} for host, word in said.items() if word]
    heard = [said[row["host"]] for row, up in zip(rows, alive, strict=True) if up]
    found = combined_health(rows, data.draw(st.permutations(seen)), MOMENT).get("m", OperatingStatus.OFFLINE)
    assert found == ("ONLINE" if heard and set(heard) == {"ONLINE"} else "OFFLINE")
    assert progress(rows, MOMENT).unknown == (not heard)


def test_why_a_member_is_out_is_what_the_agents_say_that_are_heard_of() -> None:
    limit = AGENT_DOWN_AFTER.total_seconds()
    one, other, dead = binding(7, host="a"), binding(7, host="b"), binding(7, silent_s=limit + 1, host="c")

    def row(agent: str, status: str, reason: str | None) -> dict[str, Any]:
        values = {"agent_id": agent, "status": status, "reason": reason}
        return {"member_id": "m", "changed_at": MOMENT, **values}

    out, since = row("a", "OFFLINE", "PING: no answer"), "since 2030-01-02 03:04:05 UTC"
    assert reasons_out([one], [out], MOMENT) == {"m": f"PING: no answer, {since}"}
    assert reasons_out([one], [row("a", "OFFLINE", None)], MOMENT) == {"m": f"Its checks fail, {since}"}
    assert reasons_out([one], [row("a", "ONLINE", None)], MOMENT) == {}
    seen = [row("b", "OFFLINE", "No HAProxy runs"), out, row("c", "OFFLINE", "x")]
    both = {"m": f"a: PING: no answer, {since}; b: No HAProxy runs, {since}"}
    assert reasons_out([one, other, dead], seen, MOMENT) == both
    assert why_out("m", progress([one, other, dead], MOMENT), both) == both["m"]
    assert why_out("n", progress([one], MOMENT), both) == "No agent has said how it is"
    assert why_out("m", progress([dead], MOMENT), {}).startswith("The agent on c has not been heard of since")
    assert why_out("m", progress([binding(0)], MOMENT), both) == "Nothing of its load balancer is served"
    assert why_out("m", progress([], MOMENT), {}) == "No agent serves it"


@given(graphs())
def test_of_what_nobody_knows_nothing_is_online(whole: Graph) -> None:
    limit = AGENT_DOWN_AFTER.total_seconds()
    health = dict.fromkeys(everything(whole), OperatingStatus.ONLINE)
    dead, alive = binding(7, silent_s=limit + 1), binding(7, host="other")
    tree = operating_tree(whole, health, progress([dead], MOMENT))
    assert {*tree.by_id.values(), tree.loadbalancer} <= {"OFFLINE", "DISABLED"}
    both = operating_tree(whole, health, progress([dead, alive], MOMENT))
    assert both.loadbalancer == ("DEGRADED" if whole.loadbalancer.admin_state_up else "DISABLED")
    assert both.by_id == operating_tree(whole, health, progress([alive], MOMENT)).by_id


@pytest.mark.parametrize(
    ("members", "pool_status", "balancer"),
    [
        ({}, "ONLINE", "ONLINE"),
        ({1: "ONLINE"}, "ONLINE", "ONLINE"),
        ({1: "OFFLINE"}, "OFFLINE", "DEGRADED"),
        ({1: "ONLINE", 2: "OFFLINE"}, "DEGRADED", "DEGRADED"),
        ({1: "ONLINE", 2: None}, "DEGRADED", "DEGRADED"),
        ({1: None}, "OFFLINE", "DEGRADED"),
        ({1: "ONLINE", 2: "disabled"}, "ONLINE", "ONLINE"),
        ({1: "OFFLINE", 2: "disabled"}, "OFFLINE", "DEGRADED"),
        ({1: "disabled"}, "ONLINE", "ONLINE"),
    ],
)
def test_members_make_the_status_of_their_pool_listener_and_load_balancer(
    members: dict[int, str | None], pool_status: str, balancer: str
) -> None:
    nodes = [member(id=nth(number), admin_state_up=seen != "disabled") for number, seen in members.items()]
    health = {nth(n): OperatingStatus(seen) for n, seen in members.items() if seen in ("ONLINE", "OFFLINE")}
    one = listener(id=nth(8), default_pool_id=nth(9))
    whole = graph(listeners=[one], pools=[(pool(id=nth(9)), nodes, monitor())])
    tree = operating_tree(whole, health, DONE)
    assert (tree.by_id[nth(9)], tree.loadbalancer) == (pool_status, balancer)
    assert tree.by_id[nth(8)] == ("ONLINE" if pool_status == "ONLINE" else "DEGRADED")


def test_without_a_monitor_members_are_not_judged() -> None:
    for watch in (None, monitor(admin_state_up=False)):
        whole = graph(pools=[(pool(id=nth(9)), [member(id=nth(1))], watch)])
        tree = operating_tree(whole, {nth(1): OperatingStatus.OFFLINE}, DONE)
        assert (tree.by_id[nth(1)], tree.by_id[nth(9)]) == ("NO_MONITOR", "ONLINE")
        assert tree.loadbalancer == "ONLINE"


def everything(whole: Graph) -> set[str]:
    members = {each.id for node in whole.pools for each in node.members}
    return members | {each.id for each in whole.listeners} | {node.pool.id for node in whole.pools}


SEEN = st.sampled_from(list(OperatingStatus))


@given(st.data(), graphs(), GENERATIONS)
def test_every_object_has_one_status_and_what_is_disabled_says_so(
    data: Any, whole: Graph, applied: int
) -> None:
    ids = sorted(everything(whole))
    health = {key: data.draw(SEEN) for key in ids if data.draw(st.booleans())}
    tree = operating_tree(whole, health, Progress(applied))
    assert tree.by_id.keys() == everything(whole)
    up = whole.loadbalancer.admin_state_up
    assert (tree.loadbalancer == "DISABLED") == (not up)
    for node in whole.pools:
        enabled = up and node.pool.admin_state_up
        assert (tree.by_id[node.pool.id] == "DISABLED") == (not enabled)
        for one in node.members:
            assert (tree.by_id[one.id] == "DISABLED") == (not (enabled and one.admin_state_up))
    for one in whole.listeners:
        assert (tree.by_id[one.id] == "DISABLED") == (not (up and one.admin_state_up))
    if applied == 0:
        assert {*tree.by_id.values(), tree.loadbalancer} <= {"DISABLED", "OFFLINE"}


@given(st.data(), graphs())
def test_a_load_balancer_is_online_exactly_when_no_checked_member_is_out(data: Any, whole: Graph) -> None:
    members = [each.id for node in whole.pools for each in node.members]
    health = {key: data.draw(SEEN) for key in members if data.draw(st.booleans())}
    tree = operating_tree(whole, health, DONE)
    if not whole.loadbalancer.admin_state_up:
        return
    out = [key for key in members if tree.by_id[key] == "OFFLINE"]
    assert tree.loadbalancer == ("DEGRADED" if out else "ONLINE")
    # A member that recovers makes nothing worse.
    if out:
        order = ["ONLINE", "DEGRADED", "OFFLINE"]
        better = operating_tree(whole, {**health, out[0]: OperatingStatus.ONLINE}, DONE)
        for key, status in better.by_id.items():
            if tree.by_id[key] in order and status in order:
                assert order.index(status) <= order.index(tree.by_id[key])
