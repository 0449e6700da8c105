"""What the API's answers cost with ten thousand load balancers, against ten; and against a server that does nothing.

Three servers on state of their own, none with an agent, take turns; each is compared with its neighbours in time.
"""

import http.client
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median

from bench import clients, dialects, lists, report, seeding, traffic
from bench.api import LBAAS, Api, Made
from bench.report import Result
from bench.served import Served, served
from bench.topology import API_HOST, MEMBERS
from evener.store.database import Database

FEW, MANY = 10, 10_000
PORT_OF_FEW, PORT_OF_MANY, PORT_OF_CONSTANT = 9877, 9878, 9879
BALANCERS = f"{LBAAS}/loadbalancers"
PAGE = 100
MEMBER_BYTES = 420
CIDR, FIRST, LAST = "10.64.0.0/15", "10.64.16.0", "10.65.255.254"
ROUND_S, ROUNDS, CONNECTIONS = 1, 5, 2
CREATIONS, MEMBERS_MADE, FIRST_ANSWERS = 60, 150, 100
SLOWER_AT_MOST, MEMBER_AT_MOST = 1.5, 4
SHOW_AT_LEAST, LIST_AT_LEAST = 0.3, 0.15
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")  # of store.database


@dataclass(frozen=True)
class Filled:
    """A server with so many load balancers, a member of their project, and the one that they are copies of."""

    server: Served
    api: Api
    subnet: str
    made: Made

    def rate(self, path: str) -> float:
        """Return how many GETs of `path` are answered in a second."""
        headers = (f"X-Auth-Token: {self.api.token}",)
        return traffic.rate(self.server.url + path, ROUND_S, CONNECTIONS, headers)


def measure() -> Iterator[Result]:
    """Measure all of it."""
    with (
        served(PORT_OF_FEW) as few_server,
        served(PORT_OF_MANY) as many_server,
        served(PORT_OF_CONSTANT, "constant") as constant,
    ):
        few, many = _filled(few_server, FEW), _filled(many_server, MANY)
        yield from _reading(few, many, constant)
        yield from _creating(few, many)
        yield from _member(few, constant)
        with closing(_connection(many.server)) as connection:
            yield from dialects.measure(many.api, connection, many.subnet, many.made.loadbalancer)
        yield from clients.measure(few_server)
        with _database(few.server) as database:  # a page of a hundred is compared with another one
            seeding.copies(few.api, database, few.made, PAGE, after=MANY)
        yield from _page(few, many, constant)
        with closing(_connection(few.server)) as of_few, closing(_connection(many.server)) as of_many:
            yield from lists.measure({PAGE: (few.api, of_few), MANY: (many.api, of_many)})


@contextmanager
def _database(server: Served) -> Iterator[Database]:
    database = Database(f"sqlite:///{server.database}")
    try:
        yield database
    finally:
        database.close()


def _filled(server: Served, number: int) -> Filled:
    api = Api(server.port, server.directory)
    api.lift_quotas()
    with _database(server) as database:
        controller = seeding.agent(database)
        _, subnet = api.network(CIDR, FIRST, LAST)
        made = api.balancer(subnet, MEMBERS)
        seeding.tag(api, made)
        seeding.report(controller, made)
        seeding.copies(api, database, made, number - 1)
    api.become_member()
    return Filled(server, api, subnet, made)


def _reading(few: Filled, many: Filled, constant: Served) -> Iterator[Result]:
    by_name = f"{BALANCERS}?name={seeding.name(FEW // 2)}"
    few_at, many_at = (f"{BALANCERS}/{filled.made.loadbalancer}" for filled in (few, many))
    size = many.api.size(many_at)
    rounds = _rounds(
        few=lambda: few.rate(few_at),
        many=lambda: many.rate(many_at),
        constant=lambda: _constant(constant, size),
    )
    yield _slower("show", rounds, FEW)
    yield from _share("show", rounds, SHOW_AT_LEAST, size)
    yield _after_a_change("show", many, many_at)
    for what, path in ((f"list with limit {FEW}", f"{BALANCERS}?limit={FEW}"), ("filter by name", by_name)):
        rounds = _rounds(few=lambda path=path: few.rate(path), many=lambda path=path: many.rate(path))
        yield _slower(what, rounds, FEW)


def _page(few: Filled, many: Filled, constant: Served) -> Iterator[Result]:
    path = f"{BALANCERS}?limit={PAGE}"
    size = many.api.size(path)
    rounds = _rounds(
        few=lambda: few.rate(path),
        many=lambda: many.rate(path),
        constant=lambda: _constant(constant, size),
    )
    what = f"list with limit {PAGE}"
    yield _slower(what, rounds, PAGE)
    yield from _share(what, rounds, LIST_AT_LEAST, size)
    yield _after_a_change(what, many, path)


def _constant(server: Served, size: int) -> float:
    return traffic.rate(f"{server.url}/{size}", ROUND_S, CONNECTIONS)


Rounds = list[dict[str, float]]


def _rounds(**measuring: Callable[[], float]) -> Rounds:
    """Measure all of them in turn, in one direction and then in the other, so that a drift cancels."""
    for each in measuring.values():
        each()  # the first one loads what is loaded once
    names = list(measuring)
    return [
        {name: measuring[name]() for name in (names if turn % 2 else reversed(names))}
        for turn in range(ROUNDS)
    ]


def _slower(what: str, rounds: Rounds, number: int) -> Result:
    ratio = median(each["few"] / each["many"] for each in rounds)
    return _scaled(what, ratio, number)


def _scaled(what: str, ratio: float, number: int) -> Result:
    name = f"API: {what}, cost with {MANY} load balancers / with {number}"
    return report.aimed(name, ratio, "", report.AT_MOST, SLOWER_AT_MOST)


def _share(what: str, rounds: Rounds, aim: float, size: int) -> Iterator[Result]:
    ratio = median(each["many"] / each["constant"] for each in rounds)
    name = f"API: {what} / the same server's {size} constant bytes"
    yield report.aimed(name, ratio, "", report.AT_LEAST, aim)
    yield report.result(f"API: {what}, of {MANY}", median(each["many"] for each in rounds), "1/s")
    constant = median(each["constant"] for each in rounds)
    yield report.result(f"  the same server's {size} constant bytes", constant, "1/s")


def _after_a_change(what: str, filled: Filled, path: str) -> Result:
    """Measure an answer that nothing remembers: before each, another connection changes the database."""
    seconds = []
    with closing(_connection(filled.server)) as connection:
        for number in range(FIRST_ANSWERS):
            connection.execute("UPDATE agents SET description = ?", (number,))
            start = time.perf_counter()
            filled.api.call("GET", path)
            seconds.append(time.perf_counter() - start)
    return report.result(f"API: {what}, the first after a change", median(seconds) * 1000, "ms")


def _creating(few: Filled, many: Filled) -> Iterator[Result]:
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    for turn in range(CREATIONS + 1):
        for number, filled in ((FEW, few), (MANY, many)):
            start = time.perf_counter()
            filled.api.create(BALANCERS, "loadbalancer", vip_subnet_id=filled.subnet)
            if turn:
                seconds[number].append(time.perf_counter() - start)
    pairs = zip(seconds[MANY], seconds[FEW], strict=True)
    yield _scaled("create", median(many / few for many, few in pairs), FEW)
    yield report.result(f"API: create, with {MANY}", median(seconds[MANY]) * 1000, "ms")


def _member(filled: Filled, constant: Served) -> Iterator[Result]:
    """Compare a POST of a member with what none can do without: an answer, and a row inserted by the driver."""
    posts, bare, answered = [], [], []
    asking = closing(http.client.HTTPConnection(API_HOST, constant.port, timeout=30))
    with closing(_connection(filled.server)) as connection, asking as asker:
        for number in range(MEMBERS_MADE):
            start = time.perf_counter()
            address = f"10.66.{number // 250}.{number % 250 + 1}"
            member = filled.api.member(filled.made.pool, filled.subnet, address, 80)
            posts.append(time.perf_counter() - start)
            bare.append(_inserted_s(connection, member))
            answered.append(_answered_s(asker))
    least = [insert + answer for insert, answer in zip(bare, answered, strict=True)]
    ratio = median(post / each for post, each in zip(posts, least, strict=True))
    name = "API: create a member / a constant answer, and its row inserted and committed with the driver"
    yield report.aimed(name, ratio, "", report.AT_MOST, MEMBER_AT_MOST)
    yield report.result("API: create a member", median(posts) * 1000, "ms")
    yield report.result("  a constant answer of the same server", median(answered) * 1000, "ms")
    yield report.result("  insert and commit its row with the driver", median(bare) * 1000, "ms")


def _connection(server: Served) -> sqlite3.Connection:
    """Return a connection with the settings of Evener's own."""
    connection = sqlite3.connect(server.database, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _answered_s(asker: http.client.HTTPConnection) -> float:
    """Return the seconds from a GET of as many bytes as a member has to the answer, on a connection that stays."""
    start = time.perf_counter()
    asker.request("GET", f"/{MEMBER_BYTES}")
    asker.getresponse().read()
    return time.perf_counter() - start


def _inserted_s(connection: sqlite3.Connection, member: str) -> float:
    """Return the seconds that it takes to insert another row like that of `member`, and to commit that."""
    row = dict(connection.execute("SELECT * FROM members WHERE id = ?", (member,)).fetchone())
    row |= {"id": str(uuid.uuid4()), "protocol_port": row["protocol_port"] + 1}
    statement = f"INSERT INTO members ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(statement, tuple(row.values()))
    connection.execute("COMMIT")
    return time.perf_counter() - start
