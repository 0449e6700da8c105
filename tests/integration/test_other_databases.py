"""An agent beside databases that are not the one it serves: empty ones, others, and its own after an accident."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from api_cloud import HOST, Cloud, on_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from evener.agent import memory
from evener.agent.control import Control, too_many
from evener.agent.errors import NotAlone
from evener.agent.journal import Journal
from evener.agent.memory import Memory
from evener.agent.metrics import AgentMetrics
from evener.resources.errors import Unavailable
from evener.store.database import now
from evener.store.departures import database_id
from evener.store.schema import bindings, departures, loadbalancers
from evener_cloud.identity.bootstrap import deliver_credentials


class Host:
    """The part of a node's agent that speaks to control, with a journal of what the node serves."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journal = Journal(home / "v2")
        self.metrics = AgentMetrics()

    def speaking_to(self, cloud: Cloud) -> Control:
        """Return the agent, started anew."""
        return Control(cloud.controller, HOST, self.journal, Memory(self.home), self.metrics)

    def serve(self, cloud: Cloud, number: int) -> list[str]:
        """Make load balancers on one network, and note them as an agent does that has made them."""
        cloud.unlimited("ann")
        subnet = cloud.subnet()
        self.journal.note_network(subnet["network_id"])
        made = [cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"])["id"] for _ in range(number)]
        for each in made:
            self.journal.note_loadbalancer(each, str(uuid.uuid4()))
        return [*made, subnet["network_id"]]

    def metric(self, name: str) -> float:
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "lbaas")


@pytest.fixture
def another(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with on_sqlite(tmp_path_factory.mktemp("another")) as opened:
        yield opened


def name_of(cloud: Cloud) -> str:
    with cloud.database.read() as tx:
        return database_id(tx)


def test_every_database_has_a_name_of_its_own(any_cloud: Cloud, another: Cloud) -> None:
    assert uuid.UUID(name_of(any_cloud)) != uuid.UUID(name_of(another))


def test_an_agent_that_serves_hears_nothing_of_another_database(
    cloud: Cloud, another: Cloud, host: Host
) -> None:
    host.speaking_to(cloud).heartbeat({})
    held = host.serve(cloud, 1)
    agent = host.speaking_to(another)  # the same agent after its restart
    before = another.contents()
    with pytest.raises(Unavailable, match=f"--accept-database {name_of(another)}"):
        agent.heartbeat({})
    asks: list[Callable[[], object]] = [
        agent.assigned,
        lambda: agent.graph(held[0]),
        agent.networks,
        agent.routers,
        lambda: agent.to_stay(held),
    ]
    for ask in asks:
        with pytest.raises(Unavailable, match="The agent serves what database"):
            ask()
    assert another.contents() == before  # so it gets no load balancers there
    assert host.metric("evener_agent_other_database") == 1
    back = host.speaking_to(cloud)
    back.heartbeat({})
    assert back.assigned().keys() == {held[0]}
    assert host.metric("evener_agent_other_database") == 0


def test_a_person_s_word_makes_an_agent_serve_another_database_and_lose_the_old_one_s(
    cloud: Cloud, another: Cloud, host: Host
) -> None:
    host.speaking_to(cloud).heartbeat({})
    held = host.serve(cloud, 4)
    agent = host.speaking_to(another)
    with pytest.raises(Unavailable):
        agent.heartbeat({})
    memory.accept(host.home, name_of(another))  # while it runs
    agent.heartbeat({})
    assert agent.assigned() == {}
    assert agent.to_stay(held) == {held[-1]}  # the network goes once nothing stands on it
    for each in held[:-1]:
        (host.journal.directory(each) / "port").unlink()
        host.journal.directory(each).rmdir()
    assert agent.to_stay(held[-1:]) == frozenset()
    host.journal.forget_network(held[-1])
    agent.settled()
    more = host.serve(another, 3)
    with another.database.write() as tx:
        tx.execute(bindings.delete())
        tx.execute(loadbalancers.delete())
    assert agent.to_stay(more[:3]) == set(more[:3])  # the word was for that once


def test_an_agent_with_nothing_to_lose_takes_any_database(cloud: Cloud, another: Cloud, host: Host) -> None:
    for each in (cloud, another, cloud):
        agent = host.speaking_to(each)
        agent.heartbeat({})
        assert agent.assigned() == {}


def test_the_second_agent_of_a_name_is_told_so(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    host.speaking_to(cloud).heartbeat({})
    host.speaking_to(cloud).heartbeat({})  # a restart
    with pytest.raises(NotAlone, match="give each its own"):
        Host(tmp_path / "second").speaking_to(cloud).heartbeat({})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deleted=st.integers(0, 2), lost=st.integers(0, 4), kept=st.integers(0, 3))
def test_what_users_delete_goes_however_much_and_what_a_database_has_lost_goes_only_if_little(
    tmp_path_factory: pytest.TempPathFactory, deleted: int, lost: int, kept: int
) -> None:
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("case")
        cloud = stack.enter_context(on_sqlite(home))
        host = Host(home / "lbaas")
        agent = host.speaking_to(cloud)
        agent.heartbeat({})
        *balancers, _network = host.serve(cloud, deleted + lost + kept)
        gone, forgotten, served = (
            set(balancers[:deleted]),
            set(balancers[deleted : deleted + lost]),
            set(balancers[deleted + lost :]),
        )
        for number, each in enumerate(sorted(gone)):
            cloud.ann.delete("loadbalancer", each)
            if number % 2:  # another agent may have told that it is gone, as after a node was lost
                cloud.report(each, gone=True)
        with cloud.database.write() as tx:  # as a restored backup does
            for table, column in ((bindings, "loadbalancer_id"), (loadbalancers, "id")):
                tx.execute(table.delete().where(table.c[column].in_(forgotten)))
        held = len(balancers) + 1
        stays = agent.to_stay(balancers)
        assert stays == served | (forgotten if too_many(lost, held) else set())
        assert host.metric("evener_agent_unknown_kept") == (lost if too_many(lost, held) else 0)


def test_what_was_deleted_is_remembered_for_months_and_then_forgotten(cloud: Cloud) -> None:
    for days, known in ((89, True), (91, False)):
        made, more = cloud.subnet()["network_id"], cloud.subnet()["network_id"]
        cloud.ann.delete("network", made)
        with cloud.database.write() as tx:
            tx.execute(departures.update().values(departed_at=now() - timedelta(days=days)))
        cloud.ann.delete("network", more)
        assert cloud.controller.departed(HOST, [made, more]) == {more, *([made] if known else [])}


def test_credentials_of_another_database_stay(tmp_path: Path) -> None:
    url, names = "http://127.0.0.1:9876/identity/v3", ("a" * 36, "b" * 36)
    deliver_credentials(tmp_path, url, "first", names[0])
    deliver_credentials(tmp_path, url, "again", names[0])  # the first start was killed before its commit
    deliver_credentials(tmp_path, url, "other", names[1])

    def password(file: str) -> str:
        return str(yaml.safe_load((tmp_path / file).read_text())["clouds"]["evener"]["auth"]["password"])

    assert (password("clouds.yaml"), password("clouds-bbbbbbbb.yaml")) == ("again", "other")
    assert "again" in (tmp_path / "openrc").read_text()
    assert "other" in (tmp_path / "openrc-bbbbbbbb").read_text()
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
