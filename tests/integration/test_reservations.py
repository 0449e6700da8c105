"""What is left of load balancers when the network service fails, or everything ends, at any call: nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from api_cloud import HOST, Cloud, Json
from network_service import ANN

from evener.api.dialects.octavia import OCTAVIA
from evener.control.reservations import Reservations
from evener.resources.errors import Unavailable
from evener.resources.facts import Report
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wire import parse_create
from evener.store.database import Database, Transaction
from evener_cloud.network.tables import ports

MOST_CALLS = 20


class Killed(BaseException):
    """Everything has ended here: nobody catches it, nobody clears up."""


class Fragile:
    """A network service of which one call fails, counted from `calls` on; none comes inside a transaction."""

    def __init__(self, network: Any, inside: "Inside") -> None:
        self._network, self._inside = network, inside
        self.calls, self.names = 0, []  # type: ignore[var-annotated]
        self.fails_at: int | None = None
        self.failure: Callable[[], BaseException] = Killed
        self.done = False  # whether it fails after it has done what it should

    def fail(
        self, at: int | None, failure: Callable[[], BaseException] = Killed, *, done: bool = False
    ) -> None:
        self.calls, self.fails_at, self.failure, self.done = 0, at, failure, done

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._network, name)

        def fragile(*arguments: Any, **named: Any) -> Any:
            assert not self._inside.depth, f"{name} was called inside a transaction"
            self.calls += 1
            self.names.append(name)
            if self.calls == self.fails_at and not self.done:
                raise self.failure()
            depth, self._inside.depth = self._inside.depth, -100  # its own transactions are its own affair
            try:
                found = call(*arguments, **named)
            finally:
                self._inside.depth = depth
            if self.calls == self.fails_at:
                raise self.failure()
            return found

        return fragile


class Inside:
    """Knows whether a transaction is open; all of these tests' are in one thread."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.depth = 0
        for kind in ("read", "write"):
            monkeypatch.setattr(database, kind, self._counted(getattr(database, kind)))

    def _counted(self, opened: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def counted(**how: bool) -> Iterator[Transaction]:
            transaction = opened(**how)
            with transaction as tx:
                actions, tx.run_afterwards = tx.run_afterwards, lambda: None
                self.depth += 1
                try:
                    yield tx
                finally:
                    self.depth -= 1
            actions()

        return counted


class Site:
    """A cloud with a fragile network service."""

    def __init__(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.network = Fragile(cloud.network, Inside(cloud.database, monkeypatch))
        for each in (cloud.balancing, cloud.controller):
            monkeypatch.setattr(each, "_network", self.network)
            monkeypatch.setattr(each, "_reservations", Reservations(cloud.database, self.network))  # type: ignore[arg-type]
        self.four = cloud.subnet()
        given = {"network_id": self.four["network_id"], "cidr": "2001:db8::/64", "ip_version": 6}
        self.six = cloud.ann.create("subnet", **given)
        given = {"network_id": self.four["network_id"], "security_groups": []}
        wish = [{"subnet_id": self.four["id"]}]
        self.port = cloud.ann.create("port", **given, fixed_ips=wish)["id"]
        self.group = cloud.ann.create("security_group", name="web")["id"]

    def sweep(self) -> None:
        """Sweep as somebody who was not there before."""
        self.network.fail(None)
        Reservations(self.cloud.database, self.network).sweep(0)  # type: ignore[arg-type]

    def graph(self) -> Json:
        """Return a load balancer with a member that it reaches over an address of its own only."""
        member = {"subnet_id": self.six["id"], "address": "2001:db8::9", "protocol_port": 80}
        far = {"subnet_id": self.four["id"], "address": "203.0.113.9", "protocol_port": 80}
        pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member, far]}
        listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        return {"vip_subnet_id": self.four["id"], "listeners": [listener]}

    def post_graph(self) -> Any:
        return self.cloud.ann.send("POST", "/lbaas/graphs", {"graph": {"loadbalancer": self.graph()}})

    def post_on_port(self) -> Any:
        """Make a load balancer on a port of its user, which stays; only Octavia's form knows that."""
        values = parse_create(LoadBalancer, {"loadbalancer": {"vip_port_id": self.port}}, OCTAVIA.form)
        try:
            made = self.cloud.balancing.create(ANN, LoadBalancer, values)
        except Unavailable:
            return SimpleNamespace(status_code=503)
        return SimpleNamespace(status_code=201, json={"loadbalancer": {"id": made.id}})

    def post_in_group(self) -> Any:
        """Make a load balancer whose port is in a security group."""
        body = {"loadbalancer": {"vip_subnet_id": self.four["id"], "vip_sg_ids": [self.group]}}
        values = parse_create(LoadBalancer, body, OCTAVIA.form)
        try:
            made = self.cloud.balancing.create(ANN, LoadBalancer, values)
        except Unavailable:
            return SimpleNamespace(status_code=503)
        return SimpleNamespace(status_code=201, json={"loadbalancer": {"id": made.id}})

    def post_balancer(self) -> Any:
        body = {"loadbalancer": {"vip_subnet_id": self.four["id"]}}
        return self.cloud.ann.send("POST", "/lbaas/loadbalancers", body)


@pytest.fixture
def site(any_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(any_cloud, monkeypatch)


def posts(site: Site) -> tuple[Callable[[], Any], ...]:
    return site.post_balancer, site.post_graph, site.post_on_port, site.post_in_group


def calls_of(site: Site, work: Callable[[], Any]) -> int:
    """Return how many calls of the network service it takes, and see that all comes and goes with it."""
    site.network.fail(None)
    balancer = work().json
    balancer = (balancer.get("loadbalancer") or balancer["graph"]["loadbalancer"])["id"]
    calls = site.network.calls
    delete(site, balancer)
    return calls


def delete(site: Site, balancer_id: str) -> None:
    """Remove a load balancer and all below it from the database, as its agent does."""
    ann = site.cloud.ann
    for kind in ("listener", "pool"):
        for each in ann.ids(f"/lbaas/{kind}s", f"loadbalancer_id={balancer_id}"):
            ann.delete(kind, each)
    ann.delete("loadbalancer", balancer_id)
    gone(site, balancer_id)


def gone(site: Site, balancer_id: str) -> None:
    site.cloud.controller.report(HOST, Report(loadbalancer_id=balancer_id, gone=True), site.cloud.asker)


def state(site: Site) -> dict[str, list[Any]]:
    """Return what there is, but what is remembered of load balancers that are gone, and when a port was given back."""
    remembered = ("departures", "events")
    found = {name: each for name, each in site.cloud.contents().items() if name not in remembered}
    moment = list(ports.c.keys()).index("updated_at")
    return {**found, "ports": [(*row[:moment], *row[moment + 1 :]) for row in found["ports"]]}


def test_what_fails_at_any_call_of_the_network_service_leaves_nothing(site: Site) -> None:
    before = state(site)
    for work in posts(site):
        calls = calls_of(site, work)
        assert 1 <= calls < MOST_CALLS
        assert state(site) == before
        for done in (False, True):
            for at in range(1, calls + 1):
                site.network.fail(at, lambda: Unavailable("the network service is away"), done=done)
                assert work().status_code == 503
                assert state(site) == before, (work, at, done)


def test_who_is_killed_at_any_call_leaves_what_the_sweep_removes(site: Site) -> None:
    before = state(site)
    for work in posts(site):
        calls, left = calls_of(site, work), 0
        for done in (False, True):
            for at in range(1, calls + 1):
                site.network.fail(at, done=done)
                with pytest.raises(Killed):
                    work()
                left += state(site) != before
                site.sweep()
                assert state(site) == before, (work, at, done)
        assert left, "the port is reserved before the transaction"


def test_who_is_killed_within_the_transaction_leaves_what_the_sweep_removes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(site)

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr("evener.control.scheduling.bind", killed)
    for work in posts(site):
        with pytest.raises(Killed):
            work()
        assert state(site) != before
        site.sweep()
        assert state(site) == before


def test_a_transaction_that_fails_leaves_nothing_and_needs_no_sweep(site: Site) -> None:
    before = state(site)
    site.cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"member": 1, "port": 2}})
    limited = state(site)
    assert site.post_graph().status_code == 409
    assert state(site) == limited
    assert site.post_balancer().status_code == 201, "the port is counted no more"
    assert len(before["ports"]) == 1


def test_a_deletion_that_is_killed_at_any_call_is_finished_by_the_sweep(site: Site) -> None:
    before = state(site)
    for done in (False, True):
        made = site.post_balancer().json["loadbalancer"]["id"]
        site.cloud.ann.delete("loadbalancer", made)
        site.network.fail(1, done=done)
        with pytest.raises(Killed):
            gone(site, made)
        shown = site.cloud.ann.show("loadbalancer", made)
        assert shown["provisioning_status"] == "PENDING_DELETE", "who sees it gone finds its address free"
        site.sweep()
        site.cloud.refuses(
            site.cloud.ann, "GET", f"/lbaas/loadbalancers/{made}", status=404, kind="EntityNotFound"
        )
        assert state(site) == before


def test_a_deletion_waits_for_the_network_service(site: Site) -> None:
    made = site.post_balancer().json["loadbalancer"]["id"]
    site.cloud.ann.delete("loadbalancer", made)
    site.network.fail(1, lambda: Unavailable("the network service is away"))
    gone(site, made)
    assert site.cloud.ann.show("loadbalancer", made)["provisioning_status"] == "PENDING_DELETE"
    site.sweep()
    assert site.cloud.ann.entries("/lbaas/loadbalancers") == []


def test_the_sweep_leaves_alone_what_is_used_or_was_reserved_just_now(site: Site) -> None:
    used = site.post_balancer().json["loadbalancer"]
    site.network.fail(1, done=True)
    with pytest.raises(Killed):
        site.post_balancer()
    site.network.fail(None)
    sweeper = Reservations(site.cloud.database, site.network)  # type: ignore[arg-type]
    for _ in range(2):
        sweeper.sweep(60)
        assert len(site.cloud.ann.entries("/ports")) == 3
    sweeper.sweep(0)
    assert set(site.cloud.ann.ids("/ports")) == {used["vip_port_id"], site.port}


def test_a_reservation_that_was_held_too_long_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(site)
    monkeypatch.setattr("evener.control.reservations.HELD_S", -1.0)
    for work in posts(site):
        assert work().status_code == 503
        assert state(site) == before


def test_statuses_and_lists_need_no_network_service(site: Site) -> None:
    made = site.post_graph().json["graph"]["loadbalancer"]["id"]
    for path in (f"/{made}", "", f"/{made}/statuses", f"/{made}/stats"):
        site.network.fail(1)
        site.cloud.ann.ok("GET", f"/lbaas/loadbalancers{path}")
        assert site.network.calls == 0


def test_a_member_next_to_its_load_balancer_costs_one_question(site: Site) -> None:
    made = site.post_balancer().json["loadbalancer"]["id"]
    pool = site.cloud.pool(made)["id"]
    site.network.fail(None)
    site.network.names.clear()
    given = {"subnet_id": site.four["id"], "address": "10.0.0.9", "protocol_port": 80}
    site.cloud.ann.create("member", in_pool=pool, **given)
    assert site.network.names == ["subnet"]
