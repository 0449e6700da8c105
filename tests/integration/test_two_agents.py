"""Two agents bound to one load balancer: what each reports is its own, and what is shown is put together from both."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from api_cloud import HOST, Cloud, counted
from test_metrics_database import assert_like_the_api, values

from evener.control import scheduling
from evener.resources.errors import Unavailable
from evener.resources.facts import ANYONE, Asker, Counters, Failure, Observation, Report, Run
from evener.store.database import now
from evener.store.schema import agents, member_health

OTHER, STRANGER = "node-2", "node-3"
BALANCERS = "/lbaas/loadbalancers"


class Pair:
    """A load balancer with two agents; each numbers its reports."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.tree = cloud, cloud.tree()
        self.numbers = {HOST: 0, OTHER: 0, STRANGER: 0}
        self.runs = {host: Run(place=host, start=1, id=f"run of {host}") for host in self.numbers}
        for host, run in self.runs.items():
            cloud.controller.heartbeat(host, {}, run)
        with cloud.database.write() as tx:
            agent = next(row.id for row in tx.execute(agents.select()) if row.host == OTHER)
            scheduling.bind(tx, self.lb, agent)

    @property
    def lb(self) -> str:
        return self.tree.loadbalancer

    def report(self, host: str, *, number: int | None = None, run: str | None = None, **parts: Any) -> bool:
        self.numbers[host] += 1
        report = Report(
            loadbalancer_id=self.lb,
            run=run or self.runs[host].id,
            number=number or self.numbers[host],
            **parts,
        )
        return self.cloud.controller.report(host, report, Asker(run=report.run))

    def asker(self, host: str) -> Asker:
        return Asker(run=self.runs[host].id)

    def seen(self, host: str, member: str, **counted: int) -> bool:
        listeners = {self.tree.listener: Counters(**counted)}
        return self.report(
            host, observation=Observation(members={self.tree.member: member}, listeners=listeners)
        )

    def applied(self, *hosts: str) -> None:
        generation = self.cloud.generation(self.lb)
        for host in hosts:
            assert self.report(host, applied_generation=generation)

    def shown(self) -> tuple[str, str, str | None]:
        entry = self.cloud.ann.show("loadbalancer", self.lb)
        return entry["provisioning_status"], entry["operating_status"], entry.get("provisioning_error")

    def member(self) -> str:
        tree = self.cloud.ann.ok("GET", f"{BALANCERS}/{self.lb}/statuses")["statuses"]["loadbalancer"]
        return str(tree["pools"][0]["members"][0]["operating_status"])

    @contextmanager
    def silent(self, *hosts: str) -> Iterator[None]:
        for host in hosts:
            with self.cloud.database.write() as tx:
                old = {"heartbeat_at": now() - timedelta(seconds=76)}
                tx.execute(agents.update().where(agents.c.host == host).values(**old))
        yield
        for host in hosts:
            self.cloud.controller.heartbeat(host, {}, self.runs[host])

    def is_listed_as(self, operating: str) -> None:
        """Expect that the filter, the list and the metrics say what is shown."""
        every = {status: self.cloud.ann.ids(BALANCERS, f"operating_status={status}") for status in STATUSES}
        assert {status for status, found in every.items() if self.lb in found} == {operating}
        assert_like_the_api(self.cloud)


STATUSES = ("ONLINE", "OFFLINE", "DEGRADED", "DISABLED")


@pytest.fixture
def pair(any_cloud: Cloud) -> Pair:
    return Pair(any_cloud)


def test_what_two_agents_see_is_put_together(pair: Pair) -> None:
    pair.applied(HOST)
    assert pair.shown()[0] == "PENDING_CREATE"  # the other one has yet to come to it
    pair.applied(OTHER)
    pair.seen(HOST, "ONLINE", total_connections=3, bytes_in=10, active_connections=1)
    assert (pair.member(), pair.shown()) == ("OFFLINE", ("ACTIVE", "DEGRADED", None))
    pair.is_listed_as("DEGRADED")
    pair.seen(OTHER, "ONLINE", total_connections=4, bytes_in=2**40, active_connections=2)
    assert (pair.member(), pair.shown()) == ("ONLINE", ("ACTIVE", "ONLINE", None))
    pair.is_listed_as("ONLINE")
    stats = pair.cloud.ann.ok("GET", f"{BALANCERS}/{pair.lb}/stats")["stats"]
    assert (stats["total_connections"], stats["bytes_in"], stats["active_connections"]) == (7, 2**40 + 10, 3)
    assert values(pair.cloud, "evener_listener_connections_total") == {pair.tree.listener: 7}
    assert values(pair.cloud, "evener_loadbalancer_bytes_in_total") == {pair.lb: 2**40 + 10}
    pair.seen(OTHER, "OFFLINE")
    assert pair.member() == "OFFLINE"
    # What a listener counted on both stays when it goes.
    pair.cloud.ann.delete("listener", pair.tree.listener)
    pair.applied(HOST, OTHER)
    assert values(pair.cloud, "evener_loadbalancer_connections_total") == {pair.lb: 7}


def test_when_two_agents_fail_what_is_shown_is_why_the_newest_generation_did(pair: Pair) -> None:
    old = pair.cloud.generation(pair.lb)
    pair.report(OTHER, failure=Failure(generation=old, reason="old"))
    pair.cloud.ann.update("loadbalancer", pair.lb, description="x")
    pair.report(HOST, failure=Failure(generation=old + 1, reason="new"))
    assert pair.shown()[::2] == ("ERROR", "new")
    pair.report(OTHER, failure=Failure(generation=old + 1, reason="disk full"))
    assert pair.shown()[::2] == ("ERROR", f"{HOST}: new; {OTHER}: disk full")
    pair.applied(HOST)
    assert pair.shown()[::2] == ("ERROR", "disk full")


def test_a_dead_agent_s_word_does_not_count_and_it_is_named(pair: Pair) -> None:
    pair.applied(HOST, OTHER)
    pair.seen(HOST, "ONLINE")
    pair.seen(OTHER, "OFFLINE")
    with pair.silent(OTHER):
        assert pair.member() == "ONLINE"
        provisioning, operating, why = pair.shown()
        assert (provisioning, operating) == ("ACTIVE", "DEGRADED")
        assert f"The agent on {OTHER} has not been heard of since" in str(why)
        pair.is_listed_as("DEGRADED")
    with pair.silent(HOST, OTHER):
        assert pair.member() == "OFFLINE"
        provisioning, operating, why = pair.shown()
        assert (provisioning, operating) == ("ACTIVE", "OFFLINE")
        assert all(f"The agent on {host} has not been heard of" in str(why) for host in (HOST, OTHER))
        pair.is_listed_as("OFFLINE")
        assert values(pair.cloud, "evener_member_up") == {pair.tree.member: 0}
    pair.seen(OTHER, "ONLINE")
    assert (pair.member(), pair.shown()) == ("ONLINE", ("ACTIVE", "ONLINE", None))


def test_a_report_that_comes_late_undoes_nothing(pair: Pair) -> None:
    pair.applied(HOST, OTHER)
    pair.seen(HOST, "ONLINE", total_connections=9)
    pair.seen(OTHER, "ONLINE", total_connections=1)
    before = pair.cloud.contents()
    old = Observation(members={pair.tree.member: "OFFLINE"})
    for number in (1, pair.numbers[HOST] - 1, pair.numbers[HOST]):
        assert not pair.report(HOST, number=number, observation=old)
    for parts in ({"observation": old}, {"failure": Failure(generation=99, reason="no")}):
        with pytest.raises(Unavailable, match="Another agent"):
            pair.report(HOST, number=99, run="an earlier run", **parts)
    assert pair.cloud.contents() == before
    # A new run begins to count again.
    pair.runs[HOST] = Run(place=HOST, start=2, id="second")
    pair.cloud.controller.heartbeat(HOST, {}, pair.runs[HOST])
    assert pair.report(HOST, number=1, observation=old)
    assert pair.member() == "OFFLINE"
    with pytest.raises(Unavailable, match="Another agent"):
        pair.report(HOST, number=1000, run=f"run of {HOST}", observation=Observation())


def test_an_agent_gets_and_reports_what_it_is_bound_to_and_nothing_else(pair: Pair) -> None:
    cloud = pair.cloud
    first, second = (cloud.controller.graph(each, pair.lb, pair.asker(each)) for each in (HOST, OTHER))
    assert first == second is not None
    assert cloud.controller.graph(STRANGER, pair.lb, pair.asker(STRANGER)) is None
    assert cloud.controller.graph("nobody", pair.lb) is None
    before = cloud.contents()
    for parts in (
        {"applied_generation": 99},
        {"failure": Failure(generation=99, reason="no")},
        {"observation": Observation(members={pair.tree.member: "ONLINE"})},
        {"gone": True},
    ):
        assert not pair.report(STRANGER, **parts)
    assert cloud.contents() == before


def test_who_gives_the_name_of_another_host_learns_nothing_and_changes_nothing(pair: Pair) -> None:
    control, before = pair.cloud.controller, pair.cloud.contents()
    report = Report(loadbalancer_id=pair.lb, number=99, gone=True)
    for asker in (ANYONE, pair.asker(STRANGER)):
        for call in (control.assigned, control.settled, control.networks, control.routers):
            with pytest.raises(Unavailable, match="Another agent"):
                call(HOST, asker)
        for asked in (control.graph, control.departed):
            with pytest.raises(Unavailable, match="Another agent"):
                asked(HOST, pair.lb, asker)
        with pytest.raises(Unavailable, match="Another agent"):
            control.report(HOST, report.model_copy(update={"run": asker.run}), asker)
    assert pair.cloud.contents() == before
    for run in (None, pair.runs[STRANGER]):
        assert "runs as host" in str(control.heartbeat(HOST, {}, run).refusal)
    assert pair.cloud.contents() == before
    with pair.silent(HOST):
        assert control.heartbeat(HOST, {}, None).refusal is not None


def test_a_load_balancer_is_gone_when_both_agents_have_let_go_of_it(pair: Pair) -> None:
    cloud = pair.cloud
    pair.applied(HOST, OTHER)
    pair.seen(HOST, "ONLINE", total_connections=1)
    cloud.ann.delete("listener", pair.tree.listener)
    for kind in ("healthmonitor", "member", "pool", "loadbalancer"):
        cloud.ann.ok("DELETE", pair.tree.paths()[kind])
    assert cloud.controller.departed(HOST, [pair.lb], pair.asker(HOST)) == {pair.lb}
    assert pair.report(HOST, gone=True)
    assert pair.shown()[0] == "PENDING_DELETE"
    assert cloud.controller.departed(HOST, [pair.lb], pair.asker(HOST)) == {pair.lb}
    with pair.silent(OTHER):
        assert pair.shown()[0] == "PENDING_DELETE"
    assert pair.report(OTHER, gone=True)
    assert cloud.ann.ids(BALANCERS) == cloud.ann.ids("/ports") == []
    assert cloud.controller.departed(OTHER, [pair.lb], pair.asker(OTHER)) == {pair.lb}
    assert not any(cloud.contents()[name] for name in ("bindings", "member_health", "counters"))


def test_a_host_is_told_that_what_it_holds_went_elsewhere_and_of_nothing_that_nobody_knows(
    pair: Pair,
) -> None:
    cloud, tree = pair.cloud, pair.tree
    unknown = "00000000-0000-4000-8000-00000000dead"
    asked = [pair.lb, tree.network, unknown]
    assert cloud.controller.departed(HOST, asked, pair.asker(HOST)) == {
        tree.network
    }  # which only asks who was not told to have it
    assert cloud.controller.departed(STRANGER, asked, pair.asker(STRANGER)) == {pair.lb, tree.network}
    network = cloud.subnet()["network_id"]
    cloud.ann.delete("network", network)
    assert cloud.controller.departed(HOST, [network, unknown], pair.asker(HOST)) == {network}


def test_the_second_agent_of_a_name_is_refused_while_the_first_is_alive(any_cloud: Cloud) -> None:
    cloud = any_cloud

    def beat(place: str, start: int) -> str | None:
        run = Run(place=place, start=start, id=f"{place}{start}")
        return cloud.controller.heartbeat("node-9", {"from": place}, run).refusal

    def owner() -> str:
        (found,) = cloud.admin.entries("/agents", "host=node-9")
        return str(found["configurations"]["from"])

    assert beat("here", 1) is None
    assert "node-9" in str(beat("there", 1))
    assert beat("here", 1) is None
    assert beat("here", 2) is None  # a restart
    assert "has been started on this state directory since" in str(beat("here", 1))  # what came late
    assert owner() == "here"
    with cloud.database.write() as tx:
        old = {"heartbeat_at": now() - timedelta(seconds=76)}
        tx.execute(agents.update().where(agents.c.host == "node-9").values(**old))
    assert beat("there", 1) is None
    assert "node-9" in str(beat("here", 3))
    assert owner() == "there"


def test_a_lost_node_is_removed_by_force_and_what_it_served_goes_to_others(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(total_connections=5, active_connections=2)})
    going = cloud.balancer()
    cloud.ann.delete("loadbalancer", going["id"])
    (lost,) = cloud.admin.ids("/agents")
    path = f"/agents/{lost}"
    cloud.refuses(cloud.admin, "DELETE", path, status=409, kind="AgentInUse", says="by force")
    force = {"query_string": "force=true"}
    cloud.refuses(cloud.admin, "DELETE", path, status=409, kind="AgentInUse", says="is alive", **force)
    cloud.refuses(
        cloud.admin,
        "DELETE",
        path,
        status=400,
        kind="HTTPBadRequest",
        query_string="leave=true",
        says="force",
    )
    cloud.refuses(
        cloud.admin,
        "DELETE",
        path,
        status=400,
        kind="HTTPBadRequest",
        query_string="force=maybe",
        says="force",
    )
    with cloud.database.write() as tx:
        tx.execute(agents.update().values(heartbeat_at=now() - timedelta(seconds=76)))
    nobody = cloud.refuses(cloud.admin, "DELETE", path, status=409, kind="NoActiveLbaasAgent", **force)
    assert "start an agent" in nobody
    assert cloud.ann.send("DELETE", path, **force).status_code in (403, 404)
    cloud.controller.heartbeat(OTHER, {})
    cloud.admin.ok("DELETE", path, **force)
    assert cloud.admin.ids("/agents", f"host={HOST}") == []
    assert cloud.controller.assigned(OTHER).keys() == {tree.loadbalancer}
    assert cloud.ann.ids(BALANCERS) == [tree.loadbalancer]
    assert cloud.ann.ids("/ports", f"id={going['vip_port_id']}") == []  # its address is free again
    stats = cloud.ann.ok("GET", f"{BALANCERS}/{tree.loadbalancer}/stats")["stats"]
    assert (stats["total_connections"], stats["active_connections"]) == (5, 0)
    # Should the node come back, it learns that what it holds is elsewhere, or gone.
    cloud.controller.heartbeat(HOST, {})
    assert cloud.controller.departed(HOST, [tree.loadbalancer, going["id"]]) == {
        tree.loadbalancer,
        going["id"],
    }


def removed_by_force(cloud: Cloud) -> None:
    """Lose the one agent there is, with another one in its place."""
    with cloud.database.write() as tx:
        tx.execute(agents.update().values(heartbeat_at=now() - timedelta(seconds=76)))
    (lost,) = cloud.admin.ids("/agents")
    cloud.controller.heartbeat(OTHER, {})
    cloud.admin.ok("DELETE", f"/agents/{lost}", query_string="force=true")


def provisioning(cloud: Cloud, balancer: str) -> dict[str, str]:
    """Return how far Octavia's API says that a load balancer is, and what is below it, by kind."""
    octavia = cloud.ann.octavia
    found = {}
    for kind in ("loadbalancer", "listener", "pool"):
        name = "id" if kind == "loadbalancer" else "loadbalancer_id"
        listed = octavia.ok("GET", f"/{kind}s", query_string=f"{name}={balancer}")[f"{kind}s"]
        for each in listed:
            alone = octavia.ok("GET", f"/{kind}s/{each['id']}")[kind]
            assert each["provisioning_status"] == alone["provisioning_status"]
            found[f"{kind} {each['name']}".strip()] = each["provisioning_status"]
    return found


def test_what_goes_to_another_agent_is_what_it_was_and_on_its_way(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    generation = cloud.applied(tree.loadbalancer)
    cloud.pool(tree.loadbalancer, name="new")
    removed_by_force(cloud)
    web = {"loadbalancer web": "PENDING_UPDATE", "listener": "ACTIVE", "pool": "ACTIVE"}
    assert provisioning(cloud, tree.loadbalancer) == {**web, "pool new": "PENDING_CREATE"}
    (assigned,) = cloud.controller.assigned(OTHER).values()
    assert assigned == generation + 2  # one for the pool, one to be served elsewhere
    cloud.controller.report(
        OTHER, Report(loadbalancer_id=tree.loadbalancer, applied_generation=assigned), ANYONE
    )
    assert set(provisioning(cloud, tree.loadbalancer).values()) == {"ACTIVE"}


def test_what_nobody_had_served_yet_still_comes(any_cloud: Cloud) -> None:
    tree = any_cloud.tree()
    removed_by_force(any_cloud)
    assert set(provisioning(any_cloud, tree.loadbalancer).values()) == {"PENDING_CREATE"}


def test_what_could_not_be_served_is_tried_elsewhere(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    cloud.failed(tree.loadbalancer, "no HAProxy")
    assert provisioning(cloud, tree.loadbalancer)["loadbalancer web"] == "ERROR"
    removed_by_force(cloud)
    assert provisioning(cloud, tree.loadbalancer)["loadbalancer web"] == "PENDING_CREATE"
    assert cloud.ann.show("loadbalancer", tree.loadbalancer).get("provisioning_error") is None


def test_what_a_lost_node_served_goes_to_nobody_where_that_is_wanted_until_it_is_changed(
    any_cloud: Cloud,
) -> None:
    cloud = any_cloud
    kept, dropped = cloud.balancer()["id"], cloud.balancer()["id"]
    (lost,) = cloud.admin.ids("/agents")
    with cloud.database.write() as tx:
        tx.execute(agents.update().values(heartbeat_at=now() - timedelta(seconds=76)))
    cloud.admin.ok("DELETE", f"/agents/{lost}", query_string="force=true&leave=true")
    shown = cloud.ann.show("loadbalancer", kept)
    assert (shown["operating_status"], shown["provisioning_error"]) == ("OFFLINE", "No agent serves it")
    assert_like_the_api(cloud)
    cloud.ann.update("loadbalancer", kept, description="still nobody")
    cloud.ann.delete("loadbalancer", dropped)  # there is nobody to wait for
    assert cloud.ann.ids(BALANCERS) == [kept]
    cloud.controller.heartbeat(OTHER, {})
    cloud.ann.update("loadbalancer", kept, description="somebody")
    assert cloud.controller.assigned(OTHER).keys() == {kept}


def test_control_tells_an_agent_that_comes_back_of_what_it_knows_all(pair: Pair) -> None:
    settled = pair.cloud.controller.settled
    hosts = {host: pair.asker(host) for host in (HOST, OTHER)}
    assert [settled(*each) for each in hosts.items()] == [{}, {}]
    pair.applied(HOST)
    generation = pair.cloud.generation(pair.lb)
    assert [settled(*each) for each in hosts.items()] == [{pair.lb: generation}, {}]
    failure = Failure(generation=generation, reason="no", objects=(pair.tree.listener,))
    pair.report(HOST, applied_generation=generation, failure=failure)
    assert settled(HOST, hosts[HOST]) == {}
    pair.applied(HOST)
    pair.cloud.ann.update("loadbalancer", pair.lb, description="another")
    assert settled(HOST, hosts[HOST]) == {}


def test_many_reports_cost_as_many_statements_as_one(any_cloud: Cloud) -> None:
    cloud = any_cloud
    trees = [cloud.tree() for _ in range(5)]
    run = Run(place="here", start=1, id="run of here")
    cloud.controller.heartbeat(HOST, {}, run)

    def cost(number: int, those: Sequence[Any]) -> int:
        said = [
            Report(
                loadbalancer_id=tree.loadbalancer,
                run=run.id,
                number=number,
                observation=Observation(
                    members={tree.member: "ONLINE"},
                    listeners={tree.listener: Counters(total_connections=number)},
                ),
            )
            for tree in those
        ]
        with counted(cloud.database) as statements:
            assert all(cloud.controller.report_all(HOST, said, Asker(run=run.id)))
        return len(statements)

    first, *others = trees
    assert cost(1, [first]) == cost(2, others), "the first time"
    assert cost(3, [first]) == cost(4, trees), "counters have risen"
    for tree in trees:
        found = cloud.ann.ok("GET", f"{BALANCERS}/{tree.loadbalancer}/stats")["stats"]
        assert found["total_connections"] == 4


def test_several_reports_are_taken_together_each_as_it_would_be_alone(any_cloud: Cloud) -> None:
    cloud = any_cloud
    trees = [cloud.tree() for _ in range(3)]
    run = Run(place="here", start=1, id="run of here")
    cloud.controller.heartbeat(HOST, {}, run)
    asker = Asker(run=run.id)

    def seen(tree: Any, number: int, connections: int) -> Report:
        counted = {tree.listener: Counters(total_connections=connections)}
        observation = Observation(members={tree.member: "ONLINE"}, listeners=counted)
        return Report(loadbalancer_id=tree.loadbalancer, run=run.id, number=number, observation=observation)

    def total(tree: Any) -> int:
        found = cloud.ann.ok("GET", f"{BALANCERS}/{tree.loadbalancer}/stats")["stats"]
        return int(found["total_connections"])

    first, late, failed = trees
    assert cloud.controller.report(HOST, seen(late, 9, 50), asker)
    nobodys = Report(loadbalancer_id=str(uuid.uuid4()), run=run.id, number=4)
    failure = Failure(generation=cloud.generation(failed.loadbalancer), reason="no room")
    refused = Report(loadbalancer_id=failed.loadbalancer, run=run.id, number=5, failure=failure)
    said = [seen(first, 2, 7), seen(late, 3, 80), nobodys, refused]
    assert cloud.controller.report_all(HOST, said, asker) == [True, False, False, True]
    totals = [total(tree) for tree in trees]
    assert totals == [7, 50, 0]
    with cloud.database.read() as tx:
        healthy = {row.member_id for row in tx.execute(member_health.select()) if row.status == "ONLINE"}
    assert healthy == {first.member, late.member}
    assert cloud.ann.show("loadbalancer", failed.loadbalancer)["provisioning_status"] == "ERROR"
    again = [seen(first, 6, 9), seen(late, 10, 60)]
    assert list(cloud.controller.report_all(HOST, again, asker)) == [True, True]
    totals = [total(tree) for tree in trees]
    assert totals == [9, 60, 0]
