"""Real deadlocks of MariaDB, of one server and of a Galera cluster: whoever loses is run again, and nobody is told."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from api_cloud import Cloud, Tree
from databases import alike, empty, with_tables
from galera import PROVIDER, cluster
from sqlalchemy import event, select, text, update
from sqlalchemy.engine import make_url

from evener.store.database import Database, is_transient
from evener.store.schema import loadbalancers, members
from waiting import eventually

pytestmark = pytest.mark.root
THREADS, EACH, ROUNDS = 4, 5, 10
HEAVY = 50  # rows that are changed by who is not to lose


@contextmanager
def lost(database: Database) -> Iterator[list[int]]:
    """Collect the numbers of MariaDB's errors for which a transaction may be run again."""
    found: list[int] = []

    def note(context: Any) -> None:
        if is_transient(context.sqlalchemy_exception):
            found.append(context.original_exception.args[0])

    event.listen(database.engine, "handle_error", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "handle_error", note)


@pytest.fixture
def one_url(mariadb_url: str) -> Iterator[str]:
    with empty(mariadb_url) as url:
        yield url


@pytest.fixture
def cloud(one_url: str) -> Iterator[Cloud]:
    """Return a cloud on MariaDB."""
    database = with_tables(one_url)
    yield Cloud(database)
    database.close()


def weigh(cloud: Cloud, tree: Tree) -> int:
    path = f"/lbaas/pools/{tree.pool}/members/{tree.member}"
    return cloud.ann.send("PUT", path, {"member": {"weight": 7}}).status_code


def waits(database: Database) -> bool:
    """Return whether a transaction waits for another one's lock."""
    with database.engine.connect() as connection:
        shown = connection.execute(text("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")).one()
        return int(shown[1]) > 0


def test_a_change_that_a_deadlock_undid_is_made_all_the_same(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    tree = cloud.tree()
    for number in range(HEAVY):
        given = {"subnet_id": tree.subnet, "address": "10.0.0.9", "protocol_port": number + 1000}
        cloud.ann.create("member", in_pool=tree.pool, **given)
    before = cloud.generation(tree.loadbalancer)
    with (
        lost(cloud.database) as errors,
        ThreadPoolExecutor(1) as pool,
        cloud.database.engine.connect() as other,
        other.begin(),
    ):
        # It has changed more, so the other one is MariaDB's victim.
        other.execute(update(members).values(weight=3))
        changing = pool.submit(weigh, cloud, tree)
        eventually(lambda: waits(cloud.database), 60)
        other.execute(
            select(loadbalancers.c.id).where(loadbalancers.c.id == tree.loadbalancer).with_for_update()
        )
        other.commit()
        assert changing.result(60) == 200
    assert errors == [1213]
    path = f"/lbaas/pools/{tree.pool}/members"
    weights = {each["id"]: each["weight"] for each in cloud.ann.entries(path)}
    assert weights.pop(tree.member) == 7
    assert set(weights.values()) == {3}
    assert cloud.generation(tree.loadbalancer) == before + 1


def test_a_change_that_has_waited_too_long_for_another_is_tried_again(cloud: Cloud, one_url: str) -> None:
    tree = cloud.tree()
    impatient = Database(one_url)
    event.listen(
        impatient.engine,
        "connect",
        lambda connection, _: connection.query("SET SESSION innodb_lock_wait_timeout = 1"),
    )
    again = Cloud(alike(impatient))
    with (
        lost(impatient) as errors,
        ThreadPoolExecutor(1) as pool,
        cloud.database.engine.connect() as other,
        other.begin(),
    ):
        other.execute(update(members).values(weight=3))
        changing = pool.submit(weigh, again, tree)
        eventually(lambda: errors, 60)
        other.commit()
        assert changing.result(60) == 200
    assert set(errors) == {1205}
    impatient.close()


class Process:
    """A process with an API, on one node."""

    def __init__(self, url: str) -> None:
        self._pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_open, initargs=(url,)
        )

    def begin(self, requests: list[tuple[str, str, Any]]) -> Any:
        """Have it ask all this, in some threads; the result is the statuses, and what was lost."""
        return self._pool.submit(_ask, requests)

    def end(self) -> None:
        self._pool.shutdown()


_clouds: list[Cloud] = []  # the one of such a process


def _open(url: str) -> None:
    _clouds.append(Cloud(alike(Database(url))))


def _ask(requests: list[tuple[str, str, Any]]) -> tuple[list[int], list[int]]:
    (cloud,) = _clouds

    def ask(request: tuple[str, str, Any]) -> int:
        return cloud.ann.send(*request).status_code

    with lost(cloud.database) as errors, ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(ask, requests)), errors


@pytest.fixture(scope="module", params=["one server", "galera"])
def nodes(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Yield the URLs at which two processes reach the same empty database."""
    with ExitStack() as stack:
        if request.param == "galera":
            if not PROVIDER.exists():
                pytest.skip("Galera (galera-4) is not installed")
            servers = stack.enter_context(cluster())
        else:
            servers = (request.getfixturevalue("mariadb_url"),) * 2
        name = make_url(url := stack.enter_context(empty(servers[0]))).database
        yield url, make_url(servers[1]).set(database=name).render_as_string()


@pytest.fixture(scope="module")
def both(nodes: tuple[str, str]) -> Iterator[tuple[Cloud, list[Process]]]:
    """Yield a cloud in this process, on the first node, and a process for each node."""
    database = with_tables(nodes[0])
    opened = Cloud(database)
    opened.unlimited("ann")
    processes = [Process(url) for url in nodes]
    yield opened, processes
    for each in processes:
        each.end()
    database.close()


def at_once(processes: list[Process], requests: list[tuple[str, str, Any]]) -> tuple[list[int], list[int]]:
    """Have the processes share the requests; return all statuses, and what was lost."""
    begun = [each.begin(requests[number :: len(processes)]) for number, each in enumerate(processes)]
    said = [each.result(120) for each in begun]
    return [code for codes, _ in said for code in codes], [error for _, errors in said for error in errors]


def test_two_processes_that_change_one_load_balancer_lose_nothing(
    both: tuple[Cloud, list[Process]], nodes: tuple[str, str]
) -> None:
    cloud, processes = both
    tree = cloud.tree()
    before, path = cloud.generation(tree.loadbalancer), f"/lbaas/pools/{tree.pool}/members"
    errors: list[int] = []
    made = 0
    for rounds in range(ROUNDS):
        ports = range(1000 + rounds * 100, 1000 + rounds * 100 + 2 * THREADS * EACH)
        given = {"subnet_id": tree.subnet, "address": "10.0.0.9"}
        requests = [("POST", path, {"member": {**given, "protocol_port": port}}) for port in ports]
        codes, more = at_once(processes, requests)
        assert codes == [201] * len(requests)
        made, errors = made + len(requests), errors + more
        if errors or nodes[0] == nodes[1]:  # of one server, who comes second waits, and nobody loses
            break
    assert (nodes[0] == nodes[1]) or 1213 in errors
    eventually(lambda: cloud.generation(tree.loadbalancer) == before + made)
    assert len(cloud.ann.entries(path)) == 1 + made


def test_two_processes_never_give_more_than_a_quota(both: tuple[Cloud, list[Process]]) -> None:
    cloud, processes = both
    tree = cloud.tree()
    path = f"/lbaas/pools/{tree.pool}/members"
    used = cloud.admin.ok("GET", "/quotas/ann/details")["quota"]["member"]["used"]
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"member": used + 10}})
    given = {"subnet_id": tree.subnet, "address": "10.0.0.9"}
    requests = [("POST", path, {"member": {**given, "protocol_port": 2000 + n}}) for n in range(40)]
    codes, _ = at_once(processes, requests)
    assert (codes.count(201), codes.count(409)) == (10, 30)
    cloud.unlimited("ann")


def test_of_two_processes_that_want_the_same_one_gets_it(both: tuple[Cloud, list[Process]]) -> None:
    cloud, processes = both
    tree = cloud.tree()
    for port in range(3000, 3005):
        listener = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": port}
        codes, _ = at_once(processes, [("POST", "/lbaas/listeners", {"listener": listener})] * 6)
        assert sorted(codes) == [201] + [409] * 5
