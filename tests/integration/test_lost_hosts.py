"""What becomes of load balancers whose host is lost: others get them, one controller decides, nobody has them twice."""

import time
from datetime import timedelta
from typing import Any

import pytest
from api_cloud import HOST, Cloud
from test_topology import OTHER, PAIR, THIRD, Site

from evener.control.leader import Lease, NotLeading
from evener.control.lost_hosts import LostHosts
from evener.control.scheduling import HEARD_WITHIN
from evener.resources.facts import Report
from evener.resources.types import Role
from evener.store.database import now
from evener.store.schema import agents

AFTER_S = 60


class Lost(Site):
    """A site whose leader has listened for a while."""

    def __init__(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(cloud)
        self.moment = time.monotonic()
        monkeypatch.setattr("evener.control.lost_hosts.time.monotonic", lambda: self.moment)
        self.lease = Lease(cloud.database)
        self.lease.renew()
        self.hosts = LostHosts(cloud.database, cloud.network, cloud.bus, AFTER_S, self.lease)
        self.listen()

    def listen(self) -> None:
        for _ in range(4):
            self.hosts.look()
            self.moment += HEARD_WITHIN.total_seconds() / 2

    def silent(self, host: str, seconds: float = AFTER_S + 1) -> None:
        with self.cloud.database.write() as tx:
            long_ago = {"heartbeat_at": now() - timedelta(seconds=seconds)}
            tx.execute(agents.update().where(agents.c.host == host).values(**long_ago))

    def hosts_of(self, balancer: dict[str, Any]) -> set[str]:
        return set(self.graphs(balancer))

    def where(self, balancer: dict[str, Any]) -> str:
        (host,) = self.hosts_of(balancer)
        return host


@pytest.fixture
def site(any_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Lost:
    return Lost(any_cloud, monkeypatch)


def test_what_a_lost_host_serves_goes_to_another_which_asks_the_network_first(site: Lost) -> None:
    many = [site.create() for _ in range(4)]
    for each in many:
        site.applied(each)
    mine = [each for each in many if site.where(each) == OTHER]
    assert 0 < len(mine) < 4
    site.silent(OTHER, AFTER_S / 2)
    site.hosts.look()
    assert all(site.where(each) == OTHER for each in mine)
    site.silent(OTHER)
    site.hosts.look()
    assert {site.where(each) for each in many} == {HOST}
    for each in mine:
        graph = site.graphs(each)[HOST]
        assert (graph.binding, graph.served) == (2, True)
        assert site.status(each) == "PENDING_UPDATE"
        assert site.agents[HOST].looked[-len(mine) :].count(each["id"]) == 1
        site.applied(each)
        assert site.status(each) == "ACTIVE"
    # Who is back with what it knew has nothing, and is told that it is elsewhere.
    ids = [each["id"] for each in mine]
    site.come(OTHER)
    assert site.cloud.controller.assigned(OTHER) == {}
    assert site.cloud.controller.departed(OTHER, ids) == frozenset(ids)
    assert not site.cloud.controller.report(OTHER, Report(loadbalancer_id=ids[0], applied_generation=9))
    before = site.cloud.contents()
    site.hosts.look()
    assert site.cloud.contents()["bindings"] == before["bindings"]


def test_what_no_other_host_can_take_stays(site: Lost) -> None:
    balancer = site.create()
    host = site.where(balancer)
    for each in (HOST, OTHER):
        site.cloud.admin.update(
            "agent", site.cloud.admin.ids("/agents", f"host={each}")[0], admin_state_up=each == host
        )
    site.silent(host)
    site.hosts.look()
    assert site.where(balancer) == host
    (other,) = {HOST, OTHER} - {host}
    site.cloud.admin.update("agent", site.cloud.admin.ids("/agents", f"host={other}")[0], admin_state_up=True)
    site.hosts.look()
    assert site.where(balancer) == host  # it is tried again some time
    site.moment += HEARD_WITHIN.total_seconds() - 1
    site.come(other)
    site.hosts.look()
    assert site.where(balancer) == other


def test_who_has_not_been_heard_for_a_while_itself_gets_nothing(site: Lost) -> None:
    balancer = site.create()
    host = site.where(balancer)
    (other,) = {HOST, OTHER} - {host}
    site.come(THIRD, physical_networks=["wire"])  # it is heard, and does not reach the network
    site.silent(host)
    site.silent(other, HEARD_WITHIN.total_seconds() + 1)
    site.hosts.look()
    assert site.where(balancer) == host


def test_after_a_time_in_which_nobody_was_heard_all_get_a_while_to_be_heard(site: Lost) -> None:
    balancer = site.create()
    host = site.where(balancer)
    (other,) = {HOST, OTHER} - {host}
    for each in (HOST, OTHER):
        site.silent(each, 600)
    site.hosts.look()
    site.come(other)  # control is back, and one was sooner than the other
    site.hosts.look()
    assert site.where(balancer) == host
    site.moment += HEARD_WITHIN.total_seconds() / 2
    site.hosts.look()
    assert site.where(balancer) == host
    site.moment += HEARD_WITHIN.total_seconds() / 2
    site.hosts.look()
    assert site.where(balancer) == other


def test_a_part_of_two_goes_to_one_apart_from_the_other_and_keeps_its_port(site: Lost) -> None:
    balancer = site.create(topology=PAIR)
    site.applied(balancer)
    graphs = site.graphs(balancer)
    backup = next(host for host, graph in graphs.items() if graph.role is Role.BACKUP)
    site.silent(backup)
    site.hosts.look()
    assert site.hosts_of(balancer) == graphs.keys()  # there is no third
    site.come(THIRD)
    site.moment += HEARD_WITHIN.total_seconds() - 1
    site.hosts.look()
    after = site.graphs(balancer)
    assert after.keys() == {*graphs.keys() - {backup}, THIRD}
    assert after[THIRD].port.id == graphs[backup].port.id
    assert after[THIRD].binding == 2


def test_who_leads_no_more_gives_nothing_to_anybody(site: Lost) -> None:
    balancer = site.create()
    host = site.where(balancer)
    site.silent(host)
    site.lease.resign()
    Lease(site.cloud.database).renew()
    with pytest.raises(NotLeading):
        site.hosts.look()
    assert site.where(balancer) == host


def test_what_is_on_its_way_out_waits_for_its_host(site: Lost) -> None:
    balancer = site.create()
    site.cloud.ann.delete("loadbalancer", balancer["id"])
    site.silent(HOST)
    site.silent(OTHER)
    site.come(THIRD)
    site.hosts.look()
    assert balancer["id"] in {**site.cloud.controller.assigned(HOST), **site.cloud.controller.assigned(OTHER)}
