"""The flow of statuses: what agents report, and what users are shown of it, over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from api_cloud import HOST, Cloud, Tree
from network_service import Service

from evener.api.dialects import octavia_words
from evener.bus.inprocess import InProcessBus
from evener.control import operating
from evener.control.operations import LoadBalancing
from evener.control.status_views import with_statuses
from evener.resources.describe import Resource
from evener.resources.facts import Counters, Failure, Observation, Report
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import OperatingStatus
from evener.store import rows
from evener.store.database import now
from evener.store.schema import agents


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    return cloud.tree()


def provisioning(cloud: Cloud, tree: Tree) -> str:
    shown: str = cloud.ann.show("loadbalancer", tree.loadbalancer)["provisioning_status"]
    assert shown == statuses(cloud, tree)["provisioning_status"]
    return shown


def statuses(cloud: Cloud, tree: Tree) -> dict[str, Any]:
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/statuses"
    return dict(cloud.ann.ok("GET", path)["statuses"]["loadbalancer"])


def flat(entry: dict[str, Any], attribute: str) -> dict[str, str]:
    """Return one attribute of everything in a tree of statuses, by id."""
    found = {entry["id"]: entry[attribute]} if attribute in entry else {}
    for value in entry.values():
        below = value if isinstance(value, list) else [value]
        for part in below:
            if isinstance(part, dict) and part:
                found |= flat(part, attribute)
    return found


def stats(cloud: Cloud, tree: Tree) -> dict[str, int]:
    return dict(cloud.ann.ok("GET", f"/lbaas/loadbalancers/{tree.loadbalancer}/stats")["stats"])


def test_the_tree_of_statuses_has_the_form_of_lbaas(cloud: Cloud, tree: Tree) -> None:
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, [(tree.member, "ONLINE")])
    well = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
    member = {"id": tree.member, "name": "", "address": "10.0.0.9", "protocol_port": 80, **well}
    monitor = {"id": tree.healthmonitor, "name": "", "type": "TCP", "provisioning_status": "ACTIVE"}
    pool = {"id": tree.pool, "name": "", "members": [member], "healthmonitor": monitor, **well}
    listener = {"id": tree.listener, "name": "", "pools": [pool], "l7policies": [], **well}
    assert statuses(cloud, tree) == {
        "id": tree.loadbalancer,
        "name": "web",
        "listeners": [listener],
        "pools": [pool],
        **well,
    }


def test_what_is_applied_is_active(cloud: Cloud, tree: Tree) -> None:
    assert set(flat(statuses(cloud, tree), "provisioning_status").values()) == {"PENDING_CREATE"}
    cloud.applied(tree.loadbalancer)
    assert set(flat(statuses(cloud, tree), "provisioning_status").values()) == {"ACTIVE"}
    cloud.ann.update("pool", tree.pool, name="x")
    found = flat(statuses(cloud, tree), "provisioning_status")
    pending = {key for key, status in found.items() if status == "PENDING_UPDATE"}
    assert pending == {tree.loadbalancer, tree.pool}
    assert set(found.values()) == {"PENDING_UPDATE", "ACTIVE"}
    cloud.applied(tree.loadbalancer)
    assert provisioning(cloud, tree) == "ACTIVE"


def test_what_is_refused_is_an_error_with_the_reason_until_the_next_good_change(
    cloud: Cloud, tree: Tree
) -> None:
    cloud.applied(tree.loadbalancer)
    cloud.ann.update("listener", tree.listener, connection_limit=5)
    cloud.failed(tree.loadbalancer, "HAProxy said no")
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert (shown["provisioning_status"], shown["provisioning_error"]) == ("ERROR", "HAProxy said no")
    found = statuses(cloud, tree)
    assert found["provisioning_error"] == "HAProxy said no"
    wrong = {key for key, status in flat(found, "provisioning_status").items() if status == "ERROR"}
    assert wrong == {tree.loadbalancer, tree.listener}
    cloud.ann.update("listener", tree.listener, connection_limit=6)
    assert provisioning(cloud, tree) == "PENDING_UPDATE"
    cloud.applied(tree.loadbalancer)
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert shown["provisioning_status"] == "ACTIVE"
    assert "provisioning_error" not in shown


def test_a_new_load_balancer_that_is_refused_is_an_error(cloud: Cloud) -> None:
    made = cloud.balancer()["id"]
    cloud.failed(made, "x" * 5000)
    shown = cloud.ann.show("loadbalancer", made)
    assert shown["provisioning_status"] == "ERROR"
    assert shown["provisioning_error"] == "x" * 2000


def test_a_deleted_one_is_pending_and_says_what_keeps_it_until_the_agent_says_it_is_gone(
    cloud: Cloud,
) -> None:
    made = cloud.balancer()
    cloud.ann.delete("loadbalancer", made["id"])
    assert cloud.ann.show("loadbalancer", made["id"])["provisioning_status"] == "PENDING_DELETE"
    path = f"/lbaas/loadbalancers/{made['id']}"
    found = cloud.ann.ok("GET", f"{path}/statuses")["statuses"]["loadbalancer"]
    assert found["provisioning_status"] == "PENDING_DELETE"
    assert cloud.ann.ids("/ports") == [made["vip_port_id"]]
    cloud.applied(made["id"])
    assert "provisioning_error" not in cloud.ann.show("loadbalancer", made["id"])
    cloud.failed(made["id"], "It is held")
    for shown in (
        cloud.ann.show("loadbalancer", made["id"]),
        cloud.ann.ok("GET", f"{path}/statuses")["statuses"]["loadbalancer"],
    ):
        assert shown["provisioning_status"] == "PENDING_DELETE"
        assert shown["provisioning_error"] == "It is held"
    cloud.report(made["id"], gone=True)
    cloud.refuses(cloud.ann, "GET", path, status=404, kind="EntityNotFound")
    cloud.refuses(cloud.ann, "GET", f"{path}/statuses", status=404, kind="EntityNotFound")
    assert cloud.ann.ids("/ports") == []


def test_a_member_that_is_out_says_why_and_since_when(cloud: Cloud, tree: Tree) -> None:
    cloud.applied(tree.loadbalancer)

    def why(status: str, said: str | None = None) -> str | None:
        reasons = {} if said is None else {tree.member: said}
        seen = Observation(members={tree.member: OperatingStatus(status)}, reasons=reasons)
        cloud.report(tree.loadbalancer, observation=seen)
        return flat(statuses(cloud, tree), "operating_reason").get(tree.member)

    assert why("ONLINE") is None
    first = why("OFFLINE", said="PING: no answer") or ""
    assert first.startswith("PING: no answer, since 2")
    assert why("OFFLINE") == first  # the agent has forgotten
    assert why("OFFLINE", said="x" * 9999) == first.replace("PING: no answer", "x" * 255)
    assert why("ONLINE") is None
    assert (why("OFFLINE") or "").startswith("Its checks fail, since 2")


def test_a_silent_agent_is_named_whatever_is_asked_of_it(cloud: Cloud, tree: Tree) -> None:
    cloud.applied(tree.loadbalancer)
    with cloud.database.write() as tx:
        tx.execute(agents.update().values(heartbeat_at=now() - timedelta(seconds=76)))
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert (shown["provisioning_status"], shown["operating_status"]) == ("ACTIVE", "OFFLINE")
    assert HOST in shown["provisioning_error"]
    cloud.ann.update("loadbalancer", tree.loadbalancer, name="x")
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert shown["provisioning_status"] == "PENDING_UPDATE"
    assert HOST in shown["provisioning_error"]
    cloud.controller.heartbeat(HOST, {})
    assert "provisioning_error" not in cloud.ann.show("loadbalancer", tree.loadbalancer)


def test_an_agent_that_cannot_be_told_hears_of_it_at_its_next_look(cloud: Cloud, tree: Tree) -> None:
    nobody = LoadBalancing(cloud.database, Service(cloud.database).network, InProcessBus())
    cloud.balancing.update = nobody.update  # type: ignore[method-assign]
    cloud.ann.update("pool", tree.pool, name="x")
    assert cloud.controller.assigned(HOST) == {tree.loadbalancer: 6}


@pytest.mark.parametrize(
    ("seen", "member", "pool", "balancer"),
    [
        (None, "OFFLINE", "OFFLINE", "DEGRADED"),
        ("OFFLINE", "OFFLINE", "OFFLINE", "DEGRADED"),
        ("ONLINE", "ONLINE", "ONLINE", "ONLINE"),
        ("NO_MONITOR", "OFFLINE", "OFFLINE", "DEGRADED"),
    ],
)
def test_a_list_and_the_tree_agree_on_how_traffic_fares(
    cloud: Cloud, tree: Tree, seen: str | None, member: str, pool: str, balancer: str
) -> None:
    cloud.applied(tree.loadbalancer)
    if seen:
        cloud.seen(tree.loadbalancer, [(tree.member, seen)])
    found = flat(statuses(cloud, tree), "operating_status")
    assert (found[tree.member], found[tree.pool], found[tree.loadbalancer]) == (member, pool, balancer)
    assert cloud.ann.show("loadbalancer", tree.loadbalancer)["operating_status"] == balancer


@pytest.mark.parametrize("kind", ["loadbalancer", "pool", "member", "healthmonitor"])
def test_they_agree_when_something_is_disabled(cloud: Cloud, tree: Tree, kind: str) -> None:
    cloud.ann.ok("PUT", tree.paths()[kind], {kind: {"admin_state_up": False}})
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")])
    found = flat(statuses(cloud, tree), "operating_status")
    expected = "DISABLED" if kind == "loadbalancer" else "ONLINE"
    assert found[tree.loadbalancer] == expected
    assert cloud.ann.show("loadbalancer", tree.loadbalancer)["operating_status"] == expected
    assert found[tree.member] == ("NO_MONITOR" if kind == "healthmonitor" else "DISABLED")


def test_they_agree_on_a_pool_without_a_monitor(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")])
    for _ in range(2):
        found = flat(statuses(cloud, tree), "operating_status")
        shown = cloud.ann.show("loadbalancer", tree.loadbalancer)["operating_status"]
        assert found[tree.loadbalancer] == shown
        cloud.applied(tree.loadbalancer)
    assert found[tree.member] == "NO_MONITOR"


def test_counters_are_summed_over_listeners_and_asked_for_afresh(cloud: Cloud, tree: Tree) -> None:
    other = cloud.ann.create("listener", loadbalancer_id=tree.loadbalancer, protocol="TCP", protocol_port=81)[
        "id"
    ]
    assert set(stats(cloud, tree).values()) == {0}
    big = Counters(
        active_connections=1,
        total_connections=2,
        bytes_in=2**40,
        bytes_out=2**62,
        request_errors=5,
        requests=9,
    )
    cloud.seen(tree.loadbalancer, **{tree.listener: big, other: Counters(bytes_in=1)})
    assert stats(cloud, tree) == {**big.model_dump(exclude={"requests"}), "bytes_in": 2**40 + 1}
    fresh = Observation(listeners={tree.listener: big.model_copy(update={"bytes_in": 2**41})})
    cloud.agent.observations[tree.loadbalancer] = fresh
    assert stats(cloud, tree)["bytes_in"] == 2**41 + 1
    cloud.bus.close()
    assert stats(cloud, tree)["bytes_in"] == 2**41 + 1


def test_reading_statistics_writes_only_what_has_moved(cloud: Cloud, tree: Tree) -> None:
    def writes(**counted: int) -> bool:
        seen = Observation(listeners={tree.listener: Counters(**counted)})
        cloud.agent.observations[tree.loadbalancer] = seen
        before = cloud.database.changes
        stats(cloud, tree)
        return cloud.database.changes != before

    assert writes(bytes_in=1)
    assert not writes(bytes_in=1)
    assert not writes(bytes_in=0)  # an older reading than the last
    assert writes(bytes_in=1, active_connections=1)
    assert writes(bytes_in=1)


def test_counters_never_fall_when_a_listener_goes(cloud: Cloud, tree: Tree) -> None:
    first = Counters(
        active_connections=3, total_connections=10, bytes_in=100, bytes_out=200, request_errors=1
    )
    cloud.seen(tree.loadbalancer, **{tree.listener: first})
    for _ in range(3):
        listener = cloud.ann.entries("/lbaas/listeners")[0]["id"]
        before = stats(cloud, tree)
        cloud.ann.delete("listener", listener)
        assert stats(cloud, tree) == before
        cloud.applied(tree.loadbalancer)
        after = stats(cloud, tree)
        assert {**before, "active_connections": 0} == after
        # What is still reported of the one that is gone is not counted twice.
        cloud.seen(tree.loadbalancer, **{listener: first})
        assert stats(cloud, tree) == after
        given = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 80}
        made = cloud.ann.create("listener", **given)["id"]
        cloud.seen(tree.loadbalancer, **{made: first})
        assert stats(cloud, tree)["bytes_in"] == after["bytes_in"] + 100


def test_requests_are_shown_where_they_are_counted_and_none_is_forgotten(cloud: Cloud, tree: Tree) -> None:
    def shown() -> tuple[int | None, int | None]:
        path = f"/lbaas/loadbalancers/{tree.loadbalancer}/stats"
        found = cloud.ann.ok("GET", path, query_string="detail=true")["stats"]
        return found.get("requests"), found["listeners"][tree.listener].get("requests")

    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(total_connections=1)})
    assert shown() == (None, None)
    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(total_connections=2, requests=7)})
    assert shown() == (7, 7)
    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(total_connections=3)})  # of an earlier agent
    assert shown() == (7, 7)
    given = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 81}
    stream = cloud.ann.create("listener", **given)["id"]
    cloud.seen(tree.loadbalancer, **{stream: Counters(total_connections=4)})
    assert shown() == (7, 7)
    cloud.ann.delete("listener", tree.listener)
    cloud.applied(tree.loadbalancer)
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/stats"
    assert cloud.ann.ok("GET", path, query_string="detail=true")["stats"]["requests"] == 7


def test_late_and_doubled_reports_change_nothing(cloud: Cloud, tree: Tree) -> None:
    cloud.applied(tree.loadbalancer)
    cloud.ann.update("pool", tree.pool, name="x")
    cloud.applied(tree.loadbalancer)
    for _ in range(2):
        cloud.report(tree.loadbalancer, applied_generation=3)
        cloud.failed(tree.loadbalancer, "old", generation=4)
        assert provisioning(cloud, tree) == "ACTIVE"
    cloud.ann.update("pool", tree.pool, name="y")
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert shown["provisioning_status"] == "PENDING_UPDATE"
    assert "provisioning_error" not in shown, "an old failure is no reason for waiting"
    cloud.failed(tree.loadbalancer, "new")
    cloud.report(tree.loadbalancer, applied_generation=6)
    assert provisioning(cloud, tree) == "ERROR"
    cloud.failed(tree.loadbalancer, "old", generation=3)
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert (shown["provisioning_status"], shown["provisioning_error"]) == ("ERROR", "new")


def test_reports_about_what_is_not_there_change_nothing(cloud: Cloud, tree: Tree) -> None:
    cloud.applied(tree.loadbalancer)
    nobody = "00000000-0000-4000-8000-00000000dead"
    seen = Observation(members={nobody: "ONLINE"}, listeners={nobody: Counters(bytes_in=1)})
    with cloud.unchanged():
        cloud.report(nobody, applied_generation=1, observation=seen)
        cloud.report(nobody, failure=Failure(generation=1, reason="x"))
        cloud.report(nobody, gone=True)
        cloud.report(tree.loadbalancer, gone=True)  # nobody told it to go
        cloud.report(tree.loadbalancer, observation=seen)
        cloud.controller.report("stranger", Report(loadbalancer_id=tree.loadbalancer, gone=True))
        cloud.controller.report("stranger", Report(loadbalancer_id=tree.loadbalancer, applied_generation=1))


def test_another_agent_s_word_does_not_make_a_load_balancer_gone(cloud: Cloud, tree: Tree) -> None:
    cloud.controller.heartbeat("node-2", {})
    made = cloud.balancer()["id"]
    server = next(host for host in (HOST, "node-2") if made in cloud.controller.assigned(host))
    other = "node-2" if server == HOST else HOST
    cloud.ann.delete("loadbalancer", made)
    cloud.controller.report(other, Report(loadbalancer_id=made, gone=True))
    assert cloud.ann.show("loadbalancer", made)["provisioning_status"] == "PENDING_DELETE"
    cloud.controller.report(server, Report(loadbalancer_id=made, gone=True))
    cloud.refuses(cloud.ann, "GET", f"/lbaas/loadbalancers/{made}", status=404, kind="EntityNotFound")


def test_load_balancers_go_to_the_living_agent_with_the_fewest(cloud: Cloud) -> None:
    cloud.controller.heartbeat("node-2", {})
    for _ in range(4):  # on a network each: one that is local has one host
        cloud.ann.create("loadbalancer", vip_subnet_id=cloud.subnet()["id"])
    assert [len(cloud.controller.assigned(host)) for host in (HOST, "node-2")] == [2, 2]


def test_a_repair_that_is_refused_is_an_error_until_it_succeeds(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    generation = cloud.applied(balancer)
    cloud.failed(balancer, "cannot bind socket", generation)
    shown = cloud.ann.show("loadbalancer", balancer)
    assert (shown["provisioning_status"], shown["provisioning_error"]) == ("ERROR", "cannot bind socket")
    assert cloud.ann.ids("/lbaas/loadbalancers", "provisioning_status=ERROR") == [balancer]
    cloud.applied(balancer)
    shown = cloud.ann.show("loadbalancer", balancer)
    assert (shown["provisioning_status"], "provisioning_error" in shown) == ("ACTIVE", False)


def test_an_old_failure_does_not_explain_what_is_on_its_way(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    cloud.applied(balancer)
    cloud.failed(balancer, "cannot bind socket", cloud.generation(balancer))
    shown = cloud.ann.update("loadbalancer", balancer, name="again")
    assert (shown["provisioning_status"], "provisioning_error" in shown) == ("PENDING_UPDATE", False)


def test_stats_in_detail_are_those_of_each_listener_and_member(cloud: Cloud) -> None:
    tree = cloud.tree()
    counted = Counters(total_connections=7, bytes_in=70, requests=30)
    cloud.agent.observations[tree.loadbalancer] = Observation(
        listeners={tree.listener: counted}, servers={tree.member: Counters(total_connections=5)}
    )
    path = f"/lbaas/loadbalancers/{tree.loadbalancer}/stats"
    plain = cloud.ann.ok("GET", path)["stats"]
    assert (plain["total_connections"], "listeners" in plain, "requests" in plain) == (7, False, False)
    detailed = cloud.ann.ok("GET", path, query_string="detail=true")["stats"]
    assert detailed["requests"] == 30
    assert detailed["listeners"][tree.listener]["bytes_in"] == 70
    assert detailed["members"][tree.member] == {**dict.fromkeys(plain, 0), "total_connections": 5}
    cloud.refuses(cloud.ann, "GET", path, status=400, kind="HTTPInvalidParam", query_string="detail=x")


@pytest.mark.parametrize("words", [operating.WORDS, octavia_words.WORDS], ids=["lbaas", "octavia"])
@pytest.mark.parametrize("cls", [LoadBalancer, Listener, Pool, Member], ids=lambda it: it.__name__)
def test_what_goes_while_a_list_is_read_is_shown_as_on_its_way(
    cloud: Cloud, tree: Tree, cls: type[Resource], words: operating.Words
) -> None:
    with cloud.database.read() as tx:
        there = rows.listing(tx, cls, rows.ListQuery())
        gone = [each.trusted({**vars(each), "id": str(uuid4())}) for each in there]
        shown = with_statuses(tx, cls, [*there, *gone], words)
    assert [each.id for each in shown] == [each.id for each in [*there, *gone]]
    if cls is LoadBalancer or words.everywhere:
        assert {str(vars(each)["provisioning_status"]) for each in shown[len(there) :]} == {"PENDING_DELETE"}
