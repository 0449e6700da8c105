"""Members that are spoken to by TLS, through a real HAProxy: which are taken, what they see, what changes cost."""

import contextlib
import os
import signal
import ssl
import threading
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.plan import AddServer, LoadFile, Reload, RemoveServer, ReplaceFile, Start
from evener.resources.graph import Graph
from haproxy_rig import VIP, Rig, member_of
from made_certificates import Made, authorities, document, ec_key, make, revoked, rsa_key
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

ROOT, UPPER, LOWER = authorities()
FRONT = make("www.example.com", rsa_key(1), LOWER, ("www.example.com",))
MEMBERS = make("Members", ec_key(400), authority=True)
OTHERS = make("Others", ec_key(401), authority=True)
GOOD = make("www.example.com", ec_key(402), MEMBERS, ("www.example.com",))
REVOKED = make("www.example.com", ec_key(403), MEMBERS, ("www.example.com",))
FOREIGN = make("www.example.com", ec_key(404), OTHERS, ("www.example.com",))
NAMED = make("else.example.com", ec_key(405), MEMBERS, ("else.example.com",))
SHOWN = make("lb", ec_key(406), MEMBERS, ("lb",))
SHOWN_TOO = make("lb", ec_key(407), OTHERS, ("lb",))
LISTS = {"none": revoked(MEMBERS), "one": revoked(MEMBERS, REVOKED), "of others": revoked(OTHERS)}
POOL, TLS, PLAIN, STREAM = (g.nth(n) for n in range(1, 5))


class Site:
    """A load balancer with a listener that terminates TLS, one that does not, and one for streams, all to one pool."""

    def __init__(self, rig: Rig, directory: Path) -> None:
        self.rig, self.directory, self.connect_ms = rig, directory, 500
        self.names: list[str | None] = []

    def member(self, name: str, made: Made, *, asks: Made | None = None, port: int = 0, **context) -> None:
        """Start a member that shows `made`, and asks for a certificate of `asks`."""
        file = self.directory / "member.pem"
        file.write_bytes(made.pem + made.key_pem())
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        server.sni_callback = lambda _, name, __: self.names.append(name)
        if asks is not None:
            server.verify_mode = ssl.CERT_REQUIRED
            server.load_verify_locations(cadata=asks.pem.decode())
        for attribute, value in context.items():
            setattr(server, attribute, value)
        self.rig.web(name, address=f"127.0.2.{len(self.rig.webs) + 1}", port=port, tls=server)

    def graph(self, members: int | None = None, monitor=None, protocol="HTTP", weight=1, **pool) -> Graph:
        whole = g.pool(**{"id": POOL, "tls_enabled": True, "protocol": protocol} | pool)
        webs = list(self.rig.webs.values())[:members]
        there = [member_of(web, id=g.nth(10 + n), weight=weight) for n, web in enumerate(webs)]
        # HAProxy waits as long before it tries again, of which it does three times; by default a second.
        every = {"default_pool_id": POOL, "timeout_member_connect": self.connect_ms}
        own = {"protocol_port": 443, "default_tls_container_ref": "front"}
        listeners = [
            g.listener(id=TLS, protocol="TERMINATED_HTTPS", **own, **every),
            g.listener(id=PLAIN, **every),
            g.listener(id=STREAM, protocol="TCP", protocol_port=81, **every),
        ]
        served = listeners[:2] if protocol == "HTTP" else listeners[2:]
        graph = g.graph(id=g.nth(9), listeners=served, pools=[(whole, there, monitor)], addresses=[VIP])
        shown = {"front": document(FRONT, (UPPER, LOWER)), "shown": document(SHOWN, ())}
        return graph.model_copy(
            update={
                "certificates": {**shown, "shown too": document(SHOWN_TOO, ())},
                "authorities": {"ca": MEMBERS.pem.decode(), "others": OTHERS.pem.decode()},
                "revoked": {name: text.decode() for name, text in LISTS.items()},
            }
        )

    def apply(self, **given) -> set[type]:
        return {type(step) for step in self.rig.instance.apply(self.graph(**given)).steps}

    def ask(self, name: str = "www.example.com") -> int:
        """Return the status of an answer to a client that asks by TLS for `name`."""
        context = ssl.create_default_context(cadata=ROOT.pem.decode())
        context.check_hostname = False
        with context.wrap_socket(self.rig.socket(443), server_hostname=name) as channel:
            channel.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return int(channel.makefile("rb").read().split()[1])

    def answers(self, status: int, name: str = "www.example.com") -> bool:
        """Say whether a client gets that status. A member that shakes hands too late gets another chance."""
        if status == 200:
            return bool(eventually(lambda: self.ask(name) == status))
        return self.ask(name) == status


@pytest.fixture
def site(rig, tmp_path):
    return Site(rig, tmp_path)


def test_a_member_is_asked_by_the_name_that_the_client_has_asked_for(site):
    site.member("web", FOREIGN)
    site.apply()
    eventually(lambda: site.rig.get() == (200, "web"))  # who has asked for no name
    assert set(site.names) == {None}
    for name in ("one.example.com", "two.example.com"):
        site.names.clear()
        assert site.answers(200, name)
        assert set(site.names) == {name}


@pytest.mark.parametrize(
    ("made", "crl", "expected"),
    [
        (GOOD, None, 200),
        (FOREIGN, None, 503),
        (NAMED, None, 503),
        (REVOKED, None, 200),
        (REVOKED, "none", 200),
        (GOOD, "one", 200),
        (REVOKED, "one", 503),
        (GOOD, "of others", 503),
    ],
)
def test_a_member_has_to_prove_who_it_is_where_authorities_are_named(site, made, crl, expected):
    site.member("web", made)
    site.apply(ca_tls_container_ref="ca", crl_container_ref=crl)
    assert site.answers(expected)


def test_who_asks_for_no_name_is_content_with_any_of_the_authorities(site):
    site.member("web", NAMED)
    site.apply(ca_tls_container_ref="ca")
    eventually(lambda: site.rig.get() == (200, "web"))


def test_members_are_shown_the_certificate_of_the_pool(site):
    site.member("web", GOOD, asks=MEMBERS)
    for ref, expected in ((None, False), ("shown", True), ("shown too", False)):
        site.apply(tls_container_ref=ref)
        assert site.answers(200) if expected else site.ask() != 200, ref


@pytest.mark.parametrize(
    ("member", "versions", "expected"),
    [
        ({"maximum_version": ssl.TLSVersion.TLSv1_2}, ("TLSv1.2", "TLSv1.3"), 200),
        ({"maximum_version": ssl.TLSVersion.TLSv1_2}, ("TLSv1.3",), 503),
        ({"minimum_version": ssl.TLSVersion.TLSv1_3}, ("TLSv1.2",), 503),
        ({"minimum_version": ssl.TLSVersion.TLSv1_3}, ("TLSv1.3", "TLSv1.2"), 200),
        ({"minimum_version": ssl.TLSVersion.TLSv1_3}, None, 200),
    ],
)
def test_members_are_spoken_to_in_the_versions_of_the_pool(site, member, versions, expected):
    site.member("web", GOOD, **member)
    site.apply(tls_versions=versions)
    assert site.answers(expected)


def handshake(site: Site, **pool) -> tuple[str, str | None, bytes]:
    """Return the cipher and the protocol that a member is spoken to in, and the first bytes."""
    file, heard = site.directory / "peer.pem", []
    file.write_bytes(GOOD.pem + GOOD.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_alpn_protocols(["h2", "http/1.1", "http/1.0"])

    def talk(connection) -> None:
        with context.wrap_socket(connection, server_side=True) as channel:
            heard.append((channel.cipher()[0], channel.selected_alpn_protocol(), channel.recv(4)))

    peer = site.rig.peer(talk)
    whole = site.graph(**pool)
    node = whole.pools[0].model_copy(update={"members": (member_of(peer, id=g.nth(10)),)})
    site.rig.instance.apply(g.altered(whole, pools=(node,)))
    if pool.get("protocol") == "TCP":
        with site.rig.socket(81) as client:
            client.sendall(b"SSH-")
            eventually(lambda: heard)
    else:
        with contextlib.suppress(OSError, IndexError):  # it is not answered
            site.ask()
    return eventually(lambda: heard)[0]


@pytest.mark.parametrize(
    ("given", "cipher"),
    [
        ({"tls_ciphers": "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"}, "TLS_AES_128_GCM_SHA256"),
        ({"tls_ciphers": "TLS_CHACHA20_POLY1305_SHA256"}, "TLS_CHACHA20_POLY1305_SHA256"),
        (
            {"tls_ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305", "tls_versions": ("TLSv1.2",)},
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
    ],
)
def test_members_are_spoken_to_in_the_ciphers_of_the_pool(site, given, cipher):
    assert handshake(site, **given)[0] == cipher


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"alpn_protocols": ("h2", "http/1.1", "http/1.0")}, ("h2", b"PRI ")),
        ({"alpn_protocols": ("http/1.1",)}, ("http/1.1", b"GET ")),
        ({}, (None, b"GET ")),
        # What is inside of a stream nobody knows.
        ({"alpn_protocols": ("h2",), "protocol": "TCP"}, (None, b"SSH-")),
    ],
)
def test_requests_are_sent_in_the_protocol_that_both_know(site, given, expected):
    assert handshake(site, **given)[1:] == expected


@pytest.mark.parametrize("kind", ["TCP", "HTTP", "HTTPS", "TLS-HELLO"])
def test_members_are_checked_as_they_are_spoken_to(site, kind):
    site.member("good", GOOD)
    site.member("foreign", FOREIGN)
    site.rig.web("plain", address="127.0.2.9")
    monitor = g.monitor(pool_id=POOL, type=kind, timeout=2)
    expected = {g.nth(10): "ONLINE", g.nth(11): "OFFLINE", g.nth(12): "OFFLINE"}
    site.apply(monitor=monitor, ca_tls_container_ref="ca", alpn_protocols=("h2", "http/1.1"))
    eventually(lambda: site.rig.health() == expected)
    assert site.answers(200)


def test_a_member_that_comes_at_run_time_is_checked_as_it_is_spoken_to(site):
    monitor = g.monitor(pool_id=POOL, type="HTTP", timeout=2)
    given = {"monitor": monitor, "ca_tls_container_ref": "ca", "crl_container_ref": "one"}
    site.apply(members=0, **given, tls_container_ref="shown")
    site.member("good", GOOD, asks=MEMBERS)
    site.member("revoked", REVOKED)
    site.rig.web("plain", address="127.0.2.9")
    assert site.apply(**given, tls_container_ref="shown") == {LoadFile, AddServer}
    expected = {g.nth(10): "ONLINE", g.nth(11): "OFFLINE", g.nth(12): "OFFLINE"}
    eventually(lambda: site.rig.health() == expected)
    eventually(lambda: {site.ask() for _ in range(6)} == {200})


def test_members_come_and_go_without_a_reload_whatever_the_pool_says_of_tls(site):
    site.member("one", GOOD, asks=MEMBERS)
    site.member("two", GOOD, asks=MEMBERS)
    given = {
        "ca_tls_container_ref": "ca",
        "crl_container_ref": "none",
        "tls_container_ref": "shown",
        "tls_versions": ("TLSv1.2", "TLSv1.3"),
        "tls_ciphers": "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
        "alpn_protocols": ("h2", "http/1.1", "http/1.0"),
    }
    site.apply(members=1, **given)
    before = process.workers(site.rig.instance.paths)
    for members, steps in ((2, {AddServer}), (0, {RemoveServer}), (1, {LoadFile, AddServer})) * 4:
        assert site.apply(members=members, **given) == steps
        assert site.rig.another().apply(site.graph(members=members, **given)).steps == ()
        assert site.answers(200 if members else 503)
    assert process.workers(site.rig.instance.paths) == before


def test_what_changes_while_a_pool_is_empty_holds_for_the_next_member(site):
    site.member("web", REVOKED)
    site.apply(ca_tls_container_ref="ca", crl_container_ref="none")
    assert site.answers(200)
    for crl, status in (("one", 503), ("none", 200), ("one", 503)):
        site.apply(members=0, ca_tls_container_ref="ca", crl_container_ref="none")
        site.apply(members=0, ca_tls_container_ref="ca", crl_container_ref=crl)
        assert Reload not in site.apply(ca_tls_container_ref="ca", crl_container_ref=crl)
        assert site.answers(status)


@contextlib.contextmanager
def asking(site: Site):
    """Ask again and again while the block runs; nobody may have been refused."""
    ended, answers = threading.Event(), []

    def ask() -> None:
        while not ended.is_set():
            try:
                answers.append(site.rig.get())
            except OSError as error:
                answers.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {(200, "web")}


def test_what_members_are_shown_changes_without_a_reload_and_no_request_fails(site):
    site.member("web", GOOD)
    site.connect_ms = 20_000
    given = {"ca_tls_container_ref": "ca", "crl_container_ref": "none"}
    site.apply(tls_container_ref="shown", **given)
    before = process.workers(site.rig.instance.paths)
    with asking(site):
        for ref in ("shown too", "shown") * 10:
            assert site.apply(tls_container_ref=ref, **given) == {ReplaceFile}
    assert process.workers(site.rig.instance.paths) == before


def test_who_is_trusted_changes_and_no_request_fails(site):
    site.member("web", GOOD)
    site.connect_ms = 20_000
    site.apply(ca_tls_container_ref="ca", crl_container_ref="none")
    with asking(site):
        for crl in ("one", None) * 3:
            assert site.apply(ca_tls_container_ref="ca", crl_container_ref=crl) == {Reload}


def test_whom_a_pool_trusts_holds_for_the_next_request(site):
    """Also where a connection or a session of before is there to go on with."""
    site.member("web", REVOKED)
    for ca, crl, status in (
        ("ca", "none", 200),
        ("ca", "one", 503),
        ("ca", None, 200),
        ("others", None, 503),
    ):
        site.apply(ca_tls_container_ref=ca, crl_container_ref=crl)
        assert [site.answers(status) for _ in range(2)] == [True, True]


@pytest.mark.parametrize("lost", ["ca", "one", "shown"])
def test_a_pool_is_out_of_service_while_nobody_knows_whom_to_trust(site, lost):
    site.member("web", GOOD)
    whole = site.graph(ca_tls_container_ref="ca", crl_container_ref="one", tls_container_ref="shown")
    kinds = ("certificates", "authorities", "revoked")
    left = {kind: {ref: each for ref, each in getattr(whole, kind).items() if ref != lost} for kind in kinds}
    site.rig.instance.apply(whole.model_copy(update={**left, "unreadable": {lost: "gone"}}))
    assert site.answers(503)
    site.rig.instance.apply(whole)
    assert site.answers(200)
    # What was known once goes on.
    lost_again = {
        **{kind: {} for kind in kinds},
        "unreadable": dict.fromkeys(("front", "ca", "one", "shown"), "gone"),
    }
    assert site.rig.another().apply(whole.model_copy(update=lost_again)).steps == ()
    assert site.answers(200)


def test_a_member_that_was_out_when_haproxy_ended_is_spoken_to_as_before(site):
    """HAProxy is told then who was out, and how members are spoken to."""
    site.member("web", GOOD)
    monitor = g.monitor(pool_id=POOL, type="TCP")
    site.apply(monitor=monitor)
    site.rig.webs["web"].stop()
    eventually(lambda: site.rig.health() == {g.nth(10): "OFFLINE"})
    os.kill(site.rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not site.rig.instance.check())
    again = site.rig.webs.pop("web")
    site.member("web", GOOD, port=again.port)
    assert site.apply(monitor=monitor) == {Start}
    eventually(lambda: site.rig.health() == {g.nth(10): "ONLINE"})
    assert site.answers(200)


def test_no_key_is_in_the_configuration(site):
    site.member("web", GOOD)
    site.apply(tls_container_ref="shown")
    with_keys = {
        path.name
        for path in site.rig.directory.rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    }
    assert with_keys == {f"{TLS}.pem", f"{POOL}.pem", "graph.json"}
    assert "PRIVATE" not in repr(site.rig.instance.apply(site.graph(tls_container_ref="shown too")))


def test_a_pool_turns_to_tls_and_back(site):
    """HAProxy hands on from one worker to the next how a server was spoken to."""
    site.member("web", GOOD)
    monitor = g.monitor(pool_id=POOL, type="HTTP")
    for given in ({}, {"monitor": monitor}):
        for encrypted in (False, True, False, True):
            assert site.apply(tls_enabled=encrypted, **given) & {Reload, Start}
            if "monitor" in given:
                health = "ONLINE" if encrypted else "OFFLINE"
                eventually(lambda health=health: site.rig.health() == {g.nth(10): health})
            assert site.answers(200) if encrypted else site.ask() != 200


def test_a_member_of_a_proxy_pool_is_told_who_asks_before_the_handshake(site):
    heard: list[bytes] = []
    file = site.directory / "peer.pem"
    file.write_bytes(GOOD.pem + GOOD.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def talk(connection) -> None:
        told = b""
        while not told.endswith(b"\r\n"):
            told += connection.recv(1)
        with context.wrap_socket(connection, server_side=True) as channel:
            heard.append(told + channel.recv(5))
            channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    peer = site.rig.peer(talk)
    for static in (True, False):
        whole = site.graph(protocol="PROXY", ca_tls_container_ref="ca")
        listeners = (g.listener(id=PLAIN, default_pool_id=POOL),)
        node = whole.pools[0].model_copy(update={"members": (member_of(peer, id=g.nth(10)),)})
        if not static:
            empty = node.model_copy(update={"members": ()})
            site.rig.instance.apply(g.altered(whole, listeners=listeners, pools=(empty,)))
        steps = site.rig.instance.apply(g.altered(whole, listeners=listeners, pools=(node,))).steps
        assert (Reload() in steps or Start() in steps) is static
        eventually(lambda: site.rig.get()[0] == 200)
        assert heard.pop().startswith(b"PROXY TCP4 ")
