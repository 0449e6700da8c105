"""What ties a client to a member outlives the worker that tied it, through a real HAProxy."""

import functools
import os
import signal
import threading
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import process, runtime, stats
from evener.dataplane.haproxy.plan import AddServer, Reload, Start
from evener.host import netns
from haproxy_rig import VIP, Rig, member_of
from waiting import eventually

pytestmark = pytest.mark.root

SOURCE_IP, APP_COOKIE = {"type": "SOURCE_IP"}, {"type": "APP_COOKIE", "cookie_name": "session"}
CLIENTS = range(1, 9)


class Shop:
    """A listener and a pool of three members; every reload is of another pool that nothing uses."""

    def __init__(self, rig: Rig, persistence, protocol="HTTP") -> None:
        self.rig, self.reloads = rig, 0
        self.webs = [rig.web(f"w{n}", address=f"127.0.2.{n}") for n in (1, 2, 3)]
        self.members = [member_of(web, id=g.nth(10 + n)) for n, web in enumerate(self.webs)]
        self.pool = g.pool(id=g.nth(5), protocol=protocol, session_persistence=persistence)

    def apply(self):
        return self.rig.instance.apply(self.graph()).steps

    def graph(self):
        listener = g.listener(
            id=g.nth(6),
            protocol=self.pool.protocol,
            default_pool_id=self.pool.id,
        )
        pools = [(self.pool, self.members, None), g.spare_pool(self.reloads)]
        return g.graph(id=g.nth(1), listeners=[listener], pools=pools, addresses=[VIP])

    def maps(self):
        """Return the files of which client belongs to which member."""
        return list(self.rig.directory.glob("clients-*.map"))

    def reload(self):
        self.reloads += 1
        assert self.apply() == (Reload(),)

    def ask(self, client: int, cookie: str = "") -> str:
        """Return the member that answers the client with this number, who has an address of its own."""
        with self.rig.socket(source=f"127.0.5.{client}") as channel:
            header = f"Cookie: session={cookie}\r\n" if cookie else ""
            channel.sendall(f"GET / HTTP/1.0\r\n{header}\r\n".encode("latin-1"))
            answer = b""
            while part := channel.recv(4096):
                answer += part
        return answer[-2:].decode()

    def log_in(self, cookie: str) -> str:
        """Return the member that gave a new client this cookie."""
        for web in self.webs:
            web.cookie = f"session={cookie}"
        member = self.ask(1)
        for web in self.webs:
            web.cookie = None
        return member


def stay(shop, asking, reloads=8):
    """Let `asking`, functions by name, ask all the time; return whom each of them met, over `reloads`."""
    # 2.6 forgets in its first seconds what it knows as soon as it is told to end, before the last are served.
    peers = functools.partial(runtime.ask, shop.rig.instance.paths.socket, "show peers")
    eventually(lambda: stats.has_learned(peers()))
    stop, met, errors = threading.Event(), {name: set() for name in asking}, []
    counts = dict.fromkeys(asking, 0)

    def client(name) -> None:
        while not stop.is_set():
            try:
                met[name].add(asking[name]())
                counts[name] += 1
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=client, args=(name,)) for name in asking]
    for thread in threads:
        thread.start()
    try:
        for _ in range(reloads):
            before = dict(counts)
            shop.reload()
            eventually(lambda before=before: all(counts[name] > before[name] + 2 for name in asking))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    return met


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_client_known_by_its_address_stays_over_reloads_while_it_comes(rig, protocol):
    shop = Shop(rig, SOURCE_IP, protocol)
    shop.apply()
    first = {client: shop.ask(client) for client in CLIENTS}
    assert set(first.values()) == {"w1", "w2", "w3"}
    met = stay(shop, {client: lambda client=client: shop.ask(client) for client in CLIENTS})
    assert met == {client: {member} for client, member in first.items()}


def test_a_client_known_by_its_applications_cookie_stays_over_reloads_while_it_comes(rig):
    shop = Shop(rig, APP_COOKIE)
    shop.apply()
    first = {f"id-{n}": shop.log_in(f"id-{n}") for n in CLIENTS}
    assert set(first.values()) == {"w1", "w2", "w3"}
    met = stay(shop, {cookie: lambda cookie=cookie: shop.ask(1, cookie) for cookie in first})
    assert met == {cookie: {member} for cookie, member in first.items()}


def test_an_applications_cookie_expires_also_after_a_reload(rig, monkeypatch):
    monkeypatch.setattr("evener.dataplane.haproxy.persistence.LAST_S", 6)
    shop = Shop(rig, APP_COOKIE)
    shop.apply()
    shop.log_in("expires")
    shop.reload()
    assert len({shop.ask(1, "expires") for _ in range(6)}) == 1
    eventually(lambda: rig.instance.observe() and not rig.instance.paths.follows_maps.exists())
    eventually(lambda: "used:0" in runtime.ask(rig.instance.paths.socket, f"show table {shop.pool.id}"))


@pytest.mark.each_haproxy
@pytest.mark.parametrize("persistence", [SOURCE_IP, APP_COOKIE], ids=["address", "cookie"])
def test_a_client_that_was_away_for_several_reloads_is_still_known(rig, persistence):
    shop = Shop(rig, persistence)
    shop.apply()
    by_cookie = persistence is APP_COOKIE
    first = {n: shop.log_in(f"id-{n}") if by_cookie else shop.ask(n) for n in CLIENTS}
    for _ in range(3):
        shop.reload()
    assert {n: shop.ask(n, f"id-{n}" if by_cookie else "") for n in CLIENTS} == first


@pytest.mark.each_haproxy
@pytest.mark.parametrize(
    "cookie", ["Zm9v+b/ar==", "x" * 80, "a\\b", "\xe9", "#1", "a=b=c", "%41'$\"{}"], ids=lambda each: each[:9]
)
def test_any_value_of_a_cookie_survives_a_reload(rig, cookie):
    shop = Shop(rig, APP_COOKIE)
    shop.apply()
    member = shop.log_in(cookie)
    for _ in range(2):
        shop.reload()
        assert {shop.ask(1, cookie) for _ in range(6)} == {member}


def test_cookies_that_begin_alike_are_told_apart_by_their_whole_values(rig):
    shop = Shop(rig, APP_COOKIE)
    shop.apply()
    head = "eyJhbGciOiJSUzI1NiJ9." * 5
    first = {f"{head}{n}{tail}": "" for n in range(3) for tail in ("", "x" * 3900)}
    for cookie in first:
        first[cookie] = shop.log_in(cookie)
    assert set(first.values()) == {"w1", "w2", "w3"}
    assert {cookie: shop.ask(1, cookie) for cookie in first} == first
    shop.reload()
    assert {cookie: shop.ask(1, cookie) for cookie in first} == first


@pytest.mark.each_haproxy
def test_a_cookie_that_no_member_has_set_is_learned_from_the_request_and_an_empty_one_is_none(rig):
    shop = Shop(rig, APP_COOKIE)
    shop.apply()
    first = {f"known-before-{n}": shop.ask(1, f"known-before-{n}") for n in CLIENTS}
    assert set(first.values()) == {"w1", "w2", "w3"}
    assert {cookie: shop.ask(1, cookie) for cookie in first} == first
    assert {shop.ask(1, "; session=") for _ in range(6)} == {"w1", "w2", "w3"}


@pytest.mark.each_haproxy
@pytest.mark.parametrize("persistence", [SOURCE_IP, APP_COOKIE], ids=["address", "cookie"])
def test_clients_are_known_after_the_load_balancer_was_switched_off_and_on_and_after_a_kill(
    rig, persistence, monkeypatch
):
    shop = Shop(rig, persistence)
    shop.apply()
    first = {n: shop.ask(n, f"id-{n}") for n in CLIENTS}
    rig.instance.apply(shop.graph().model_copy(update={"listeners": ()}))
    assert process.processes_of(rig.instance.paths) == set()
    assert shop.apply() == (Start(),)
    assert {n: shop.ask(n, f"id-{n}") for n in CLIENTS if n != 1} == {n: first[n] for n in CLIENTS if n != 1}
    monkeypatch.setattr("evener.dataplane.haproxy.client_map_files.NOTED_S", 0)
    rig.instance.observe()  # it knows the last client by what it has read only
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    assert shop.apply() == (Start(),)
    shop.reload()
    assert {n: shop.ask(n, f"id-{n}") for n in CLIENTS} == first


def test_clients_known_at_the_last_reload_are_known_after_a_crash(rig):
    shop = Shop(rig, SOURCE_IP)
    shop.apply()
    first = {client: shop.ask(client) for client in CLIENTS}
    shop.reload()
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    assert shop.apply() == (Start(),)
    assert {client: shop.ask(client) for client in CLIENTS} == first


def test_a_client_whose_member_left_goes_to_another_one(rig):
    shop = Shop(rig, SOURCE_IP)
    shop.apply()
    member = shop.ask(1)
    shop.reload()
    shop.members = [each for each in shop.members if each.id != g.nth(9 + int(member[1]))]
    shop.apply()
    assert member not in {shop.ask(1) for _ in range(3)}
    shop.reload()
    assert len({shop.ask(1) for _ in range(6)}) == 1


def test_workers_meet_where_no_port_leads_and_a_pool_that_forgets_leaves_no_file(rig):
    shop = Shop(rig, SOURCE_IP)
    shop.apply()
    with netns.inside(rig.namespace):
        tables = [Path(f"/proc/thread-self/net/{name}").read_text() for name in ("tcp", "tcp6")]
    listening = [
        line.split()[1] for text in tables for line in text.splitlines()[1:] if line.split()[3] == "0A"
    ]
    assert [address.partition(":")[2] for address in listening if address.startswith("0101007F")] == ["0050"]
    assert len(listening) == 1 + len(shop.webs)
    assert list(rig.directory.glob("clients*")) != []
    shop.pool = shop.pool.model_copy(update={"session_persistence": None})
    shop.apply()
    assert list(rig.directory.glob("clients*")) == []


@pytest.mark.each_haproxy
@pytest.mark.parametrize(
    "kinds", [(SOURCE_IP, APP_COOKIE), (APP_COOKIE, SOURCE_IP)], ids=["to cookie", "back"]
)
def test_what_one_kind_of_persistence_knows_does_not_trouble_another(rig, kinds):
    shop = Shop(rig, kinds[0])
    shop.apply()
    shop.log_in("some-id")
    shop.reload()
    for kind in reversed(kinds):
        shop.pool = g.pool(id=shop.pool.id, session_persistence=kind)
        assert shop.apply() == (Reload(),)
        shop.log_in("other-id")
        assert len({shop.ask(1, "other-id") for _ in range(3)}) == 1


@pytest.mark.each_haproxy
def test_a_member_that_joins_a_pool_with_cookies_of_ours_disturbs_nobody(rig):
    shop = Shop(rig, {"type": "HTTP_COOKIE"})
    late = shop.members.pop()
    shop.apply()

    def visit(cookies: dict[str, str]) -> str:
        """Return who answers; take the cookie that comes with it."""
        client = rig.connection()
        client.request("GET", "/", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())})
        answer = client.getresponse()
        name, _, value = answer.headers.get("Set-Cookie", "").partition(";")[0].partition("=")
        if name:
            cookies[name] = value
        body = answer.read().decode()
        client.close()
        return body

    visitors = [{} for _ in CLIENTS]
    first = [visit(each) for each in visitors]
    assert set(first) == {"w1", "w2"}
    shop.members.append(late)
    assert [type(step) for step in shop.apply()] == [AddServer]
    newcomers = [{} for _ in CLIENTS]
    new = [visit(each) for each in newcomers]
    assert "w3" in new
    for _ in range(2):
        assert [visit(each) for each in visitors + newcomers] == first + new
        shop.reload()
