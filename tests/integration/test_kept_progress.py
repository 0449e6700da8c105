"""What a load balancer's row keeps of its agents' progress is what they say, whatever happens; and lists go by it."""

import itertools
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, Cloud, User
from sqlalchemy import func, select, update
from test_store_migrations import Managed
from test_topology import OTHER, PAIR, THIRD, Site

from evener.control.statuses import AGENT_DOWN_AFTER, Lifetime, Progress, provisioning_status
from evener.resources.facts import Failure, Observation, Report
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import Database, now
from evener.store.schema import agents, bindings, loadbalancers, members

Json = dict[str, Any]
HOSTS = (HOST, OTHER, THIRD)
BALANCERS, STEPS, COMPARED_EACH = 6, 40, 20
TIMES = 20
STATUSES = ("provisioning_status", "operating_status")


class World:
    """A site with load balancers of one agent and of two, to which things happen at random."""

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self.site, self.cloud, self.random = Site(cloud), cloud, random.Random(seed)
        cloud.unlimited("ann")
        self.site.come(THIRD)
        self.user: User = cloud.ann.octavia
        for number in range(BALANCERS):
            self.create(number)

    def create(self, number: int) -> None:
        """Make a load balancer with a member, by one agent or by two."""
        topology = PAIR if number % 2 else "SINGLE"
        members_ = [{"address": f"198.51.100.{200 + number}", "protocol_port": 80}]
        monitor = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        pool = {
            "name": "pool",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": members_,
            "healthmonitor": monitor,
        }
        listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        given = {"vip_subnet_id": self.site.subnet["id"], "topology": topology, "listeners": [listener]}
        answer = self.user.send("POST", "/loadbalancers", {"loadbalancer": given})
        assert answer.status_code in (201, 409, 503), answer.text  # which it is without an agent

    def entries(self, query: str = "") -> list[Json]:
        return self.user.entries("/loadbalancers", query)

    def served(self) -> list[tuple[str, str, int]]:
        """Return each load balancer with each host that serves it, and the generation that it is at."""
        statement = (
            select(loadbalancers.c.id, agents.c.host, loadbalancers.c.generation)
            .join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
            .join(agents, agents.c.id == bindings.c.agent_id)
            .order_by(loadbalancers.c.created_at, agents.c.host)
        )
        with self.cloud.database.read() as tx:
            return [(row.id, row.host, row.generation) for row in tx.execute(statement)]

    def report(self, **said: Any) -> None:
        """Let an agent say something of a load balancer that it serves, of which it knows a generation."""
        served = self.served()
        if not served:
            return
        key, host, generation = self.random.choice(served)
        known = max(1, generation - self.random.choice([0, 0, 0, 1]))
        parts = {name: value(key, known) if callable(value) else value for name, value in said.items()}
        self.cloud.controller.report(host, Report(loadbalancer_id=key, **parts))

    def begin(self) -> None:
        """Bring one load balancer into each provisioning status."""
        applied, refused, changed, deleted = (each["id"] for each in self.entries()[:4])
        for key, host, generation in self.served():
            if key in (applied, changed):
                report = Report(loadbalancer_id=key, applied_generation=generation)
            elif key == refused:
                report = Report(loadbalancer_id=key, failure=Failure(generation=generation, reason="no"))
            else:
                continue
            assert self.cloud.controller.report(host, report)
        self.user.ok("PUT", f"/loadbalancers/{changed}", {"loadbalancer": {"name": "changed"}})
        self.user.ok("DELETE", f"/loadbalancers/{deleted}", query_string="cascade=true")

    def applies(self) -> None:
        self.report(applied_generation=lambda _, known: known)

    def fails(self) -> None:
        serving = self.random.random() < 0.7

        def failure(key: str, known: int) -> Failure:
            with self.cloud.database.read() as tx:
                mine = tx.scalar_ids(select(members.c.id).where(members.c.loadbalancer_id == key))
            named = tuple(mine) if self.random.random() < 0.5 else ()
            return Failure(generation=known, reason="no", objects=named, serving=serving)

        self.report(failure=failure)

    def sees(self) -> None:
        status = self.random.choice([OperatingStatus.ONLINE, OperatingStatus.OFFLINE])

        def observation(key: str, _: int) -> Observation:
            with self.cloud.database.read() as tx:
                mine = tx.scalar_ids(select(members.c.id).where(members.c.loadbalancer_id == key))
            return Observation(members=dict.fromkeys(mine, status), listeners={})

        self.report(observation=observation)

    def change(self, **values: Any) -> None:
        """Change a load balancer; one that is on its way out is refused."""
        key = self.random.choice(self.entries())["id"]
        answer = self.user.send("PUT", f"/loadbalancers/{key}", {"loadbalancer": values})
        assert answer.status_code in (200, 409), answer.text

    def renames(self) -> None:
        self.change(name=self.random.choice(["a", "b"]))

    def switches(self) -> None:
        self.change(admin_state_up=self.random.random() < 0.6)

    def changes_topology(self) -> None:
        self.change(topology=self.random.choice([PAIR, "SINGLE"]))

    def fails_over(self) -> None:
        key = self.random.choice(self.entries())["id"]
        answer = self.cloud.admin.octavia.send("PUT", f"/loadbalancers/{key}/failover")
        assert answer.status_code in (202, 409, 503), answer.text  # which it is without an agent

    def deletes(self) -> None:
        key = self.random.choice(self.entries())["id"]
        self.user.send("DELETE", f"/loadbalancers/{key}", query_string="cascade=true")
        self.create(self.random.randrange(BALANCERS))

    def lets_go(self) -> None:
        self.report(gone=True)

    def falls_silent(self) -> None:
        host = self.random.choice(HOSTS)
        with self.cloud.database.write() as tx:
            tx.execute(
                update(agents).where(agents.c.host == host).values(heartbeat_at=now() - 2 * AGENT_DOWN_AFTER)
            )

    def is_removed(self) -> None:
        """Let an agent fall silent and be forgotten, with what it has given to others or to nobody."""
        host = self.random.choice(HOSTS)
        long_ago = now() - timedelta(hours=1)
        with self.cloud.database.write() as tx:
            tx.execute(update(agents).where(agents.c.host == host).values(heartbeat_at=long_ago))
            agent = tx.scalar(select(agents.c.id).where(agents.c.host == host))
        how = self.random.choice(["force=true", "force=true&leave=true"])
        self.cloud.admin.send("DELETE", f"/agents/{agent}", query_string=how)
        self.comes_back()

    def comes_back(self) -> None:
        for host in HOSTS:
            self.site.come(host)

    def step(self) -> str:
        """Let something happen, and return what."""
        often: list[Callable[[], None]] = [self.applies] * 6 + [self.sees] * 3 + [self.fails] * 3
        seldom = [self.renames, self.switches, self.changes_topology, self.fails_over, self.deletes]
        seldom += [self.lets_go, self.falls_silent, self.is_removed, self.comes_back]
        what = self.random.choice(often + seldom)
        what()
        return what.__name__

    def kept(self) -> dict[str, Any]:
        """Return what rows keep, by id."""
        own = loadbalancers.c
        with self.cloud.database.read() as tx:
            found = tx.execute(select(own.id, own.reached_generation, own.failing_generation, own.standing))
            return {row[0]: tuple(row[1:]) for row in found}

    def said(self) -> dict[str, Any]:
        """Return what they are to keep: what bindings say."""
        own = loadbalancers.c
        least, newest = func.min(bindings.c.applied_generation), func.max(bindings.c.failed_generation)
        life = (own.created_generation, own.generation, own.deleted_generation)
        statement = (
            select(own.id, *life, func.coalesce(least, 0), newest)
            .outerjoin(bindings, bindings.c.loadbalancer_id == own.id)
            .group_by(own.id, *life)
        )
        with self.cloud.database.read() as tx:
            found = tx.execute(statement).all()
        return {
            key: (at, failed, provisioning_status(Lifetime(*life), Progress(at, failed)))
            for key, *life, at, failed in found
        }

    def assert_lists_agree(self) -> set[str]:
        """Compare lists with what is shown of each, sorted by Python; return the statuses there were."""
        plain = self.entries()
        one_by_one = {
            each["id"]: self.user.ok("GET", f"/loadbalancers/{each['id']}")["loadbalancer"] for each in plain
        }
        for name, up in itertools.product(STATUSES, (True, False)):
            sort = f"sort={name}:{'asc' if up else 'desc'}"
            whole = self.entries(sort)
            assert {each["id"]: each[name] for each in whole} == {
                key: it[name] for key, it in one_by_one.items()
            }
            by_age = [each["id"] for each in plain]
            expected = sorted(by_age, key=lambda key, name=name: one_by_one[key][name], reverse=not up)
            assert [each["id"] for each in whole] == expected, sort
            paged: list[str] = []
            while page := self.user.ids(
                "/loadbalancers", f"{sort}&limit=2{f'&marker={paged[-1]}' if paged else ''}"
            ):
                paged += page
            assert paged == expected, sort
            for status in {each[name] for each in whole}:
                among = self.user.ids("/loadbalancers", f"{sort}&{name}={status}")
                assert among == [key for key in expected if one_by_one[key][name] == status], (sort, status)
        return {it[name] for it in one_by_one.values() for name in STATUSES}


@pytest.mark.parametrize("seed", range(2))
def test_rows_keep_what_agents_say_and_lists_show_what_each_shows(any_cloud: Cloud, seed: int) -> None:
    world = World(any_cloud, seed)
    world.begin()
    assert world.kept() == world.said()
    assert world.assert_lists_agree() >= {status.value for status in ProvisioningStatus}
    for number in range(1, STEPS + 1):
        what = world.step()
        assert world.kept() == world.said(), (number, what)
        if number % COMPARED_EACH == 0:
            world.assert_lists_agree()


def test_rows_keep_what_two_agents_say_at_the_same_time_while_it_changes(any_cloud: Cloud) -> None:
    site = Site(any_cloud)
    pair = site.create(topology=PAIR)["id"]

    def says(host: str) -> None:
        for generation in range(1, TIMES + 1):
            report = Report(loadbalancer_id=pair, applied_generation=generation)
            assert any_cloud.controller.report(host, report)

    def changes() -> None:
        for number in range(TIMES):
            any_cloud.ann.octavia.ok("PUT", f"/loadbalancers/{pair}", {"loadbalancer": {"name": f"{number}"}})

    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(says, HOST), pool.submit(says, OTHER), pool.submit(changes)]:
            each.result()
    own = loadbalancers.c
    with any_cloud.database.read() as tx:
        found = tx.execute(select(own.generation, own.reached_generation, own.standing)).one()
    assert tuple(found) == (TIMES + 1, TIMES, ProvisioningStatus.PENDING_UPDATE)


def test_nobody_goes_by_rows_that_older_programs_may_still_write(database_url: str, tmp_path: Path) -> None:
    managed = Managed(database_url, tmp_path)
    managed.run("upgrade")
    database = Database(database_url)
    world = World(Cloud(database), 0)
    world.begin()
    managed.run("downgrade", "evener_7")
    assert set(world.kept().values()) == {(None, None, None)}
    with database.write() as tx:  # as they do
        tx.execute(update(bindings).values(applied_generation=1))
    world.renames()
    world.create(0)
    assert set(world.kept().values()) == {(None, None, None)}
    assert "ACTIVE" in world.assert_lists_agree()
    managed.run("upgrade", "--contract")
    assert world.kept() == world.said()
    world.create(1)
    world.applies()
    assert world.kept() == world.said()
    world.assert_lists_agree()
    database.close()


def test_sqlite_has_its_indexes_in_one_order_however_often_the_table_was_made_anew(tmp_path: Path) -> None:
    managed = Managed(f"sqlite:///{tmp_path}/evener.sqlite", tmp_path)
    orders = set()
    for words in (("upgrade",), ("downgrade", "evener_7"), ("upgrade", "--contract")):
        managed.run(*words)
        with closing(sqlite3.connect(tmp_path / "evener.sqlite")) as connection:
            found = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'loadbalancers'"
                " AND sql IS NOT NULL ORDER BY rowid"
            ).fetchall()
        names = [name for (name,) in found]
        assert names[-1] == "ix_loadbalancers_standing"
        if words[0] == "upgrade":
            orders.add(tuple(names))
    assert len(orders) == 1
