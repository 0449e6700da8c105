"""Traffic does not notice changes, however many come in a row; through a real HAProxy."""

import contextlib
import csv
import http.client
import itertools
import os
import random
import socket
import ssl
import threading
import time
from dataclasses import replace

import pytest

import haproxy_graphs as g
from evener.dataplane.base import Busy
from evener.dataplane.haproxy import process, runtime, stats
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.render import render
from evener.resources.types import LBAlgorithm
from haproxy_rig import SETTINGS, VIP, PatientInstance, member_of
from made_certificates import authorities, document, ec_key, make
from waiting import eventually

pytestmark = pytest.mark.root

CHANGES = int(os.environ.get("CHANGES", "1000"))
LASTING = 50  # connections, one more after every fourth change, that stay for four times as many
HTTP_FRONT, TCP_FRONT, HTTP_POOL, TCP_POOL, SPARE_POOL = (g.nth(n) for n in range(20, 25))
TLS_FRONT = g.nth(27)
ROOT, _, LOWER = AUTHORITIES = authorities()
NAMES = ("a.example.com", "b.example.com", "c.example.com")
# Two of each name: a certificate, and its successor.
CERTIFICATES = {
    f"{name}/{key}": document(make(name, ec_key(key), LOWER, (name,)), AUTHORITIES[1:])
    for name in NAMES
    for key in (1, 2)
}
BULK = b"x" * 400_000


# -- what changes --------------------------------------------------------------------------------------------


class Estate:
    """A load balancer that changes at random; what the clients of the test use stays usable throughout."""

    def __init__(self, webs, echoes, seed) -> None:
        self.r, self.webs, self.echoes = random.Random(seed), webs, echoes
        self.fronts = {
            HTTP_FRONT: g.listener(id=HTTP_FRONT, default_pool_id=HTTP_POOL),
            TCP_FRONT: g.listener(id=TCP_FRONT, protocol="TCP", protocol_port=90, default_pool_id=TCP_POOL),
            TLS_FRONT: g.listener(
                id=TLS_FRONT,
                protocol="TERMINATED_HTTPS",
                protocol_port=443,
                default_pool_id=HTTP_POOL,
                default_tls_container_ref=f"{NAMES[0]}/1",
                sni_container_refs=(f"{NAMES[1]}/1",),
            ),
        }
        self.pools = {
            HTTP_POOL: g.pool(id=HTTP_POOL),
            TCP_POOL: g.pool(id=TCP_POOL, protocol="TCP"),
            SPARE_POOL: g.pool(id=SPARE_POOL),
        }
        self.members = {
            HTTP_POOL: [member_of(web, id=g.nth(30 + n)) for n, web in enumerate(webs)],
            TCP_POOL: [member_of(echo, id=g.nth(40 + n)) for n, echo in enumerate(echoes)],
            SPARE_POOL: [],
        }
        self.monitors = dict.fromkeys(self.pools)
        self.policies = []
        self.lb = g.loadbalancer(id=g.nth(1))

    def graph(self):
        nodes = [(pool, self.members[each], self.monitors[each]) for each, pool in self.pools.items()]
        graph = g.graph(
            lb=self.lb,
            listeners=self.fronts.values(),
            pools=nodes,
            l7policies=self.policies,
            addresses=[VIP],
        )
        return g.altered(graph, certificates=CERTIFICATES)

    def change(self) -> str:
        """Change one thing; return what."""
        kinds = (self.weight, self.state, self.member, self.limit, self.algorithm, self.persistence)
        kinds += (self.monitor, self.listener, self.pool, self.policy, self.name, self.certificate)
        kind = self.r.choices(kinds, weights=(3, 3, 4, 1, 1, 1, 1, 1, 1, 2, 1, 2))[0]
        kind()
        return kind.__name__

    def _some(self):
        """A pool with members, and the number of one that is not its first: that one always serves."""
        pool = self.r.choice([each for each in self.pools if len(self.members[each]) > 1])
        return self.members[pool], self.r.randrange(1, len(self.members[pool]))

    def weight(self):
        members, n = self._some()
        members[n] = members[n].model_copy(update={"weight": self.r.choice([0, 1, 2, 100])})

    def state(self):
        members, n = self._some()
        members[n] = members[n].model_copy(update={"admin_state_up": not members[n].admin_state_up})

    def member(self):
        pool = self.r.choice([HTTP_POOL, TCP_POOL])
        members = self.members[pool]
        if len(members) > 2 and self.r.random() < 0.5:
            del members[self.r.randrange(1, len(members))]
        else:
            server = self.r.choice(self.webs if pool == HTTP_POOL else self.echoes)
            members.append(member_of(server, weight=self.r.choice([0, 1, 5])))

    def limit(self):
        front = self.r.choice([HTTP_FRONT, TCP_FRONT])
        update = {"connection_limit": self.r.choice([-1, 500, 1000])}
        self.fronts[front] = self.fronts[front].model_copy(update=update)

    def algorithm(self):
        algorithm = self.r.choice(list(LBAlgorithm))
        self._update_pool({"lb_algorithm": algorithm})

    def persistence(self):
        kind = self.r.choice([None, "SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"])
        cookie = "session" if kind == "APP_COOKIE" else None
        values = None if kind is None else {"type": kind, "cookie_name": cookie}
        self.pools[HTTP_POOL] = g.pool(**self.pools[HTTP_POOL].model_dump() | {"session_persistence": values})

    def _update_pool(self, update):
        pool = self.r.choice([HTTP_POOL, TCP_POOL])
        self.pools[pool] = self.pools[pool].model_copy(update=update)

    def monitor(self):
        pool = self.r.choice([HTTP_POOL, TCP_POOL])
        retries = self.r.randint(1, 5)
        kind = self.r.choice(["TCP", "HTTP", "PING"] if pool == HTTP_POOL else ["TCP", "PING"])
        self.monitors[pool] = self.r.choice(
            [None, g.monitor(type=kind, delay=5, timeout=60, max_retries=retries)]
        )

    def listener(self):
        spare = g.listener(id=g.nth(25), protocol_port=self.r.randint(1000, 1005), default_pool_id=SPARE_POOL)
        if self.fronts.pop(spare.id, None) is None:
            self.fronts[spare.id] = spare

    def pool(self):
        identity = g.nth(26)
        if self.pools.pop(identity, None) is None:
            self.pools[identity] = g.pool(id=identity)
        self.members[identity], self.monitors[identity] = [], None

    def policy(self):
        rule = g.rule(type="PATH", compare_type="EQUAL_TO", value=f"/never-{self.r.randrange(9)}")
        if len(self.policies) > 3:
            del self.policies[self.r.randrange(len(self.policies))]
        else:
            given = {"redirect_url": "http://example.org/", "redirect_pool_id": SPARE_POOL}
            action = self.r.choice(["REJECT", "REDIRECT_TO_URL", "REDIRECT_TO_POOL"])
            self.policies.append(g.policy(rule, listener_id=HTTP_FRONT, action=action, **given))

    def certificate(self):
        """Renew the default, which every client of the test asks for, or one of the others, or leave that out."""
        others = [f"{name}/{self.r.choice([1, 2])}" for name in NAMES[1:] if self.r.random() < 0.7]
        update = {
            "default_tls_container_ref": f"{NAMES[0]}/{self.r.choice([1, 2])}",
            "sni_container_refs": tuple(others),
        }
        self.fronts[TLS_FRONT] = self.fronts[TLS_FRONT].model_copy(update=update)

    def name(self):
        self.lb = self.lb.model_copy(update={"name": str(self.r.random())})


# -- who watches ---------------------------------------------------------------------------------------------


class Crowd:
    """Clients of every kind, each in a thread, until they are told to go home; `failures` says what they met."""

    def __init__(self, rig) -> None:
        self.rig, self.stop = rig, threading.Event()
        self.failures: list[str] = []
        self.done = {}
        kinds = [self.short, self.short, self.kept, self.kept, self.slow, self.talk, self.talk, self.brief]
        kinds += [self.secret]
        self.threads = [threading.Thread(target=self._live, args=(n, kind)) for n, kind in enumerate(kinds)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *args) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _live(self, number, kind) -> None:
        r = random.Random(number)
        self.done[number, kind.__name__] = 0
        while not self.stop.is_set():
            try:
                kind(r)
                self.done[number, kind.__name__] += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(f"{kind.__name__}: {error!r}")

    def _ask(self, client, path="/") -> bool:
        """Ask once; return whether the connection may be used again."""
        client.request("GET", path)
        answer = client.getresponse()
        assert (answer.status, len(answer.read()) > 1) == (200, True), answer.status
        return not answer.will_close

    def short(self, r) -> None:
        """One request, one connection."""
        with contextlib.closing(self.rig.connection()) as client:
            self._ask(client)
        time.sleep(r.random() * 0.02)

    def secret(self, r) -> None:
        """A request over TLS, by a client that insists on the name."""
        context = ssl.create_default_context(cadata=ROOT.pem.decode())
        with context.wrap_socket(self.rig.socket(443), server_hostname=NAMES[0]) as channel:
            channel.sendall(f"GET / HTTP/1.1\r\nHost: {NAMES[0]}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: channel.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        time.sleep(r.random() * 0.02)

    def kept(self, r) -> None:
        """Many requests on one connection, with pauses, until one side has enough."""
        with contextlib.closing(self.rig.connection()) as client:
            for _ in range(r.randrange(20)):
                if not self._ask(client):
                    return
                time.sleep(r.random() * 0.3)

    def slow(self, r) -> None:
        """A download that takes its time."""
        with self.rig.socket(90) as channel:
            channel.sendall(b"\0")  # asks for the bulk
            left = len(BULK)
            while left:
                part = channel.recv(min(left, 20_000))
                assert part, f"closed {left} bytes too early"
                left -= len(part)
                time.sleep(0.05)

    def talk(self, r) -> None:
        """A long conversation over TCP."""
        with self.rig.socket(90) as channel:
            for _ in range(r.randrange(20)):
                self.echoed(channel, r.randbytes(20).replace(b"\0", b"1"))
                time.sleep(r.random() * 0.3)

    def brief(self, r) -> None:
        """A short one, ended by half-closing."""
        with self.rig.socket(90) as channel:
            self.echoed(channel, b"hello")
            channel.shutdown(socket.SHUT_WR)
            assert channel.recv(1) == b""
        time.sleep(r.random() * 0.02)

    def echoed(self, channel, text) -> None:
        channel.sendall(text)
        answer = b""
        while len(answer) < len(text):
            part = channel.recv(100)
            assert part, "closed during a conversation"
            answer += part
        assert answer == text


def echo(channel) -> None:
    while part := channel.recv(65536):
        channel.sendall(BULK if part == b"\0" else part)


# -- and what they see ---------------------------------------------------------------------------------------


def test_no_client_notices_any_number_of_changes_of_every_kind(rig):
    webs = [rig.web(f"w{n}", address=f"127.0.2.{n}") for n in range(1, 5)]
    estate = Estate(webs, [rig.peer(echo, f"127.0.3.{n}") for n in range(1, 4)], seed=5)
    rig.instance.apply(estate.graph())
    kinds, old, lasting = {}, 0, []
    with Crowd(rig) as crowd, contextlib.ExitStack() as hanging_up:
        eventually(lambda: all(crowd.done.values()) and len(crowd.done) == len(crowd.threads), 20)
        for number in range(CHANGES):
            if number % 4 == 0 and number < 4 * LASTING:
                lasting.append(hanging_up.enter_context(rig.socket(90)))
                crowd.echoed(lasting[-1], b"hello")
            kind = estate.change()
            steps = rig.instance.apply(estate.graph()).steps
            kinds.setdefault(kind, set()).update(type(step).__name__ for step in steps)
            old = max(old, len(process.workers(rig.instance.paths).old))
            assert crowd.failures == [], f"change {number}, {kind}: {steps}"
            if number % 10 == 0:
                rig.instance.observe()
                for channel in lasting:
                    crowd.echoed(channel, b"still here")
                if number == 4 * LASTING:
                    assert len(lasting) == LASTING
                    hanging_up.close()
                    lasting.clear()
    assert crowd.failures == []
    assert old <= SETTINGS.old_workers
    assert len(kinds) == 12
    assert kinds["certificate"] <= {"AddCertificate", "RemoveCertificate", "ReplaceCertificate"}
    assert "Reload" in kinds["policy"] & kinds["persistence"] & kinds["listener"]
    assert kinds["weight"] | kinds["state"] <= {"SetWeight", "SetState"}
    assert kinds["name"] == set()
    assert_the_file_is_what_runs(rig, estate)


def assert_the_file_is_what_runs(rig, estate):
    wanted = render(estate.graph(), rig.directory, SETTINGS)
    assert rig.instance.paths.conf.read_text() == wanted.text
    assert rig.instance.apply(estate.graph()).steps == ()
    assert rig.instance.check()

    def running():
        rig.instance.observe()
        table = stats.rows(runtime.ask(rig.instance.paths.socket, "show stat -1 4 -1"))
        return {(row["pxname"], row["svname"], row["status"] == "MAINT") for row in table}

    said = {(b.name, s.name, not s.enabled) for b in wanted.backends for s in b.servers}
    eventually(lambda: running() == said)
    text = runtime.ask(rig.instance.paths.socket, "show stat -1 4 -1")
    table = list(csv.DictReader(text.lstrip("# ").strip().splitlines()))
    weights = {(row["pxname"], row["svname"]): row["uweight"] for row in table}
    assert weights == {(b.name, s.name): str(s.weight) for b in wanted.backends for s in b.servers}


class Generations:
    """Reloads, each of which leaves a connection in a worker of its own."""

    def __init__(self, rig, kind=PatientInstance, **given) -> None:
        self.rig, self.channels, self.numbers = rig, [], itertools.count()
        rig.instance = kind(rig.directory, rig.namespace, replace(SETTINGS, **given))
        self.member = member_of(rig.peer(echo), id=g.nth(10))

    def another(self) -> None:
        pool = g.pool(id=g.nth(5), protocol="TCP")
        listeners = [g.listener(id=g.nth(6), protocol="TCP", default_pool_id=pool.id)]
        pools = [(pool, [self.member], None), g.spare_pool(next(self.numbers))]
        self.rig.instance.apply(g.graph(id=g.nth(1), listeners=listeners, pools=pools, addresses=[VIP]))
        self.channels.append(self.rig.socket())
        assert self.lives(self.channels[-1])

    def lives(self, channel) -> bool:
        try:
            channel.sendall(b"a")
            return channel.recv(1) == b"a"
        except ConnectionError:
            return False

    def old(self) -> int:
        return len(process.workers(self.rig.instance.paths).old)


def test_of_old_workers_beyond_the_limit_the_oldest_is_ended_when_patience_is_over(rig):
    generations = Generations(rig, old_workers=3, patience_s=0.1)
    for _ in range(8):
        generations.another()
        assert generations.old() <= 3
    assert [generations.lives(each) for each in generations.channels] == [False] * 4 + [True] * 4
    for channel in generations.channels:
        channel.close()


def test_a_reload_that_has_to_wait_says_so_at_once_and_changes_nothing(rig):
    generations = Generations(rig, Instance, old_workers=1, patience_s=600)
    generations.another()
    generations.another()
    good, before = rig.instance.paths.conf.read_text(), process.workers(rig.instance.paths)
    for _ in range(2):
        with pytest.raises(Busy):
            generations.another()
        assert rig.instance.paths.conf.read_text() == good
        assert process.workers(rig.instance.paths) == before
        assert rig.instance.check()
    generations.channels[0].close()
    eventually(lambda: rig.instance.observe() and generations.old() == 0)
    generations.another()
    for channel in generations.channels:
        channel.close()


def test_nothing_is_cut_where_an_old_worker_ends_by_itself_in_time(rig):
    generations = Generations(rig, old_workers=3, patience_s=20)
    for _ in range(4):
        generations.another()
    for _ in range(4):
        leaving = generations.channels.pop(0)
        timer = threading.Timer(0.3, leaving.close)
        timer.start()
        generations.another()
        timer.join()
        assert generations.old() == 3
        assert all(generations.lives(each) for each in generations.channels)
    for channel in generations.channels:
        channel.close()
