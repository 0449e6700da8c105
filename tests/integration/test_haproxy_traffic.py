"""What clients and members see of a real HAProxy: algorithms, protocols, persistence, monitors, admin states."""

import datetime as dt
import socket
import ssl
import threading
from collections import Counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import haproxy_graphs as g
from evener.host import netns
from haproxy_rig import PATIENCE_S, VIP, member_of
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


@pytest.fixture
def tls(tmp_path):
    """A server's TLS context with a certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "member.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "member.pem"
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def serve(rig, *, protocol="HTTP", weights=(1, 1), monitor=None, tls=None, pool=None, listener=None, **given):
    """Start one listener, one pool, and a member per weight; return the members' servers."""
    webs = [
        rig.web(f"w{n}", address=given.get("member_address", f"127.0.2.{n}"), tls=tls)
        for n in range(1, len(weights) + 1)
    ]
    nodes = g.pool(protocol=protocol, **(pool or {}))
    members = [
        member_of(web, id=g.nth(10 + n), weight=weight)
        for n, (web, weight) in enumerate(zip(webs, weights, strict=True), 1)
    ]
    front = g.listener(protocol=protocol, default_pool_id=nodes.id, **(listener or {}))
    rig.instance.apply(
        g.graph(
            id=g.nth(1),
            listeners=[front],
            pools=[(nodes, members, monitor)],
            addresses=given.get("addresses", [VIP]),
        )
    )
    return webs


class OneByOne:
    """Lets a server answer one request at a time, in place of its `may_answer`."""

    def __init__(self):
        self._turns = threading.Semaphore(0)
        self.wait, self.next = self._turns.acquire, self._turns.release

    def set(self):
        self._turns.release(1000)


def statuses(rig):
    return [status for _, status in sorted(rig.health().items())]


# -- algorithms and persistence ------------------------------------------------------------------------------


def test_round_robin_shares_by_weight(rig):
    serve(rig, weights=(2, 1))
    assert rig.spread(12) == {"w1": 8, "w2": 4}


def test_least_connections_prefers_the_member_with_fewer(rig):
    webs = serve(rig, pool={"lb_algorithm": "LEAST_CONNECTIONS"})
    for web in webs:
        web.may_answer.clear()
    client = rig.connection()
    client.request("GET", "/")
    (busy,) = eventually(lambda: [web for web in webs if web.requests])
    for web in webs:
        if web is not busy:
            web.may_answer.set()
    for _ in range(3):
        # Who has its answer is counted with its member for another moment.
        eventually(lambda: [it.active_connections for it in rig.instance.observe().listeners.values()] == [1])
        assert rig.get()[1] != busy.name
    busy.may_answer.set()
    assert client.getresponse().read().decode() == busy.name
    client.close()


def test_source_ip_keeps_a_client_on_its_member(rig):
    serve(rig, weights=(1, 1, 1), pool={"lb_algorithm": "SOURCE_IP"})
    assert len(rig.spread(6)) == 1


def test_source_ip_persistence_keeps_a_client_on_its_member(rig):
    serve(rig, weights=(1, 1, 1), pool={"session_persistence": {"type": "SOURCE_IP"}})
    assert len(rig.spread(6)) == 1


def test_a_cookie_of_ours_keeps_a_client_on_its_member(rig):
    serve(rig, pool={"session_persistence": {"type": "HTTP_COOKIE"}})
    assert len(rig.spread(6)) == 2
    client = rig.connection()
    client.request("GET", "/")
    answer = client.getresponse()
    first, cookie = answer.read().decode(), answer.headers["Set-Cookie"].partition(";")[0]
    client.close()
    assert rig.spread(6, headers={"Cookie": cookie}) == {first: 6}


@pytest.mark.parametrize("name", ["JSESSIONID", "a'b#c$d`e|"])
def test_the_applications_cookie_keeps_a_client_on_its_member(rig, name):
    webs = serve(rig, pool={"session_persistence": {"type": "APP_COOKIE", "cookie_name": name}})
    for web in webs:
        web.cookie = f"{name}=session-at-{web.name}"
    assert rig.spread(2) == {"w1": 1, "w2": 1}
    for web in webs:
        web.cookie = None
        assert rig.spread(5, headers={"Cookie": f"{name}=session-at-{web.name}"}) == {web.name: 5}


# -- protocols -----------------------------------------------------------------------------------------------


def test_an_http_listener_tells_members_who_the_client_is(rig):
    (web,) = serve(rig, weights=(1,))
    rig.get(headers={"X-Forwarded-Port": "1", "X-Forwarded-Proto": "gopher"})
    headers = web.requests[-1][2]
    assert headers["x-forwarded-for"].startswith("127.")
    assert (headers["x-forwarded-port"], headers["x-forwarded-proto"]) == ("80", "http")


def test_a_tcp_listener_passes_bytes_as_they_are(rig):
    (web,) = serve(rig, weights=(1,), protocol="TCP")
    assert rig.get() == (200, "w1")
    assert "x-forwarded-for" not in web.requests[-1][2]


def test_an_https_listener_passes_the_members_own_tls_through(rig, tls):
    serve(rig, weights=(1,), protocol="HTTPS", tls=tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with rig.socket() as plain, context.wrap_socket(plain) as secure:
        certificate = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
        assert certificate.subject.rfc4514_string() == "CN=member.example"
        secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := secure.recv(4096):
            answer += part
    assert answer.endswith(b"w1")


def test_ipv6_on_both_sides(rig):
    serve(rig, weights=(1,), member_address="::1", addresses=["::1", VIP])
    assert rig.get(address="::1") == (200, "w1")
    assert rig.get() == (200, "w1")


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_without_a_pool_http_answers_503_and_tcp_closes(rig, protocol):
    rig.instance.apply(g.graph(id=g.nth(1), listeners=[g.listener(protocol=protocol)], addresses=[VIP]))
    if protocol == "HTTP":
        assert rig.get()[0] == 503
    else:
        with rig.socket() as client:
            assert client.recv(1) == b""


def test_a_connection_limit_lets_so_many_in_and_keeps_the_rest_waiting(rig):
    serve(rig, protocol="TCP", listener={"connection_limit": 2})
    clients = [rig.connection() for _ in range(2)]
    for client in clients:
        client.request("GET", "/")
        assert client.getresponse().read()
    with rig.socket() as third:
        third.sendall(b"GET / HTTP/1.0\r\n\r\n")
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.recv(1)
        clients[0].close()
        third.settimeout(PATIENCE_S)
        assert third.recv(4).startswith(b"HTTP")
    clients[1].close()


# -- monitors ------------------------------------------------------------------------------------------------


def test_members_without_a_monitor_have_none(rig):
    serve(rig)
    assert statuses(rig) == ["NO_MONITOR", "NO_MONITOR"]


def test_a_member_that_takes_no_connections_is_offline_until_it_does_again(rig):
    webs = serve(rig, monitor=g.monitor(type="TCP"))
    assert statuses(rig) == ["ONLINE", "ONLINE"]
    rig.webs.pop("w1").stop()
    eventually(lambda: statuses(rig) == ["OFFLINE", "ONLINE"])
    assert rig.spread(4) == {"w2": 4}
    rig.web("w1", address=webs[0].address, port=webs[0].port)
    eventually(lambda: statuses(rig) == ["ONLINE", "ONLINE"])
    assert rig.spread(4) == {"w1": 2, "w2": 2}


@pytest.mark.parametrize(
    ("expected", "status", "health"),
    [
        ("200", 200, "ONLINE"),
        ("200", 204, "OFFLINE"),
        ("200, 204", 204, "ONLINE"),
        ("200,204", 202, "OFFLINE"),
        ("200-204", 202, "ONLINE"),
        ("200-204", 301, "OFFLINE"),
    ],
)
def test_an_http_monitor_accepts_the_expected_codes_only(rig, expected, status, health):
    given = {"http_method": "OPTIONS", "url_path": "/a'b$c;d?e=%20&f", "expected_codes": expected}
    pool, web = g.pool(), rig.web("w1")
    web.status = status
    listener = g.listener(default_pool_id=pool.id)
    members = [member_of(web, id=g.nth(11))]
    monitor = g.monitor(type="HTTP", **given)
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[listener], pools=[(pool, members, monitor)], addresses=[VIP])
    )
    eventually(lambda: len(web.checks()) > 1)
    assert set(web.checks()) == {("OPTIONS", "/a'b$c;d?e=%20&f")}
    eventually(lambda: statuses(rig) == [health])


def test_an_https_monitor_checks_members_with_any_certificate(rig, tls):
    webs = serve(rig, protocol="HTTPS", tls=tls, monitor=g.monitor(type="HTTPS", url_path="/up"))
    webs[1].status = 500
    eventually(lambda: statuses(rig) == ["ONLINE", "OFFLINE"])
    eventually(lambda: ("GET", "/up") in webs[0].checks())


def test_an_https_monitor_finds_members_without_tls_offline(rig):
    serve(rig, protocol="HTTPS", weights=(1,), monitor=g.monitor(type="HTTPS", timeout=1))
    eventually(lambda: statuses(rig) == ["OFFLINE"])


def test_a_member_that_was_up_goes_down_after_as_many_failures_as_said_and_comes_back_likewise(rig):
    monitor = g.monitor(type="HTTP", max_retries=2, max_retries_down=3)
    (web,) = serve(rig, weights=(1,), monitor=monitor)
    eventually(lambda: len(web.checks()) >= 2)
    web.may_answer = turns = OneByOne()
    eventually(lambda: len(web.checks()) == len(web.answered) + 1)  # one waits
    for status, expected in (
        *((500, "ONLINE"), (500, "ONLINE"), (500, "OFFLINE")),
        *((200, "OFFLINE"), (200, "ONLINE")),
    ):
        checks = len(web.checks())
        web.status = status
        turns.next()
        eventually(lambda checks=checks: len(web.checks()) > checks)  # so the one before has been judged
        assert statuses(rig) == [expected]


def test_a_new_member_is_checked_at_once(rig):
    """Its first failure takes it out: nobody knows yet that it is well."""
    pool, web = g.pool(), rig.web("w1")
    web.status = 500
    listener = g.listener(default_pool_id=pool.id)
    monitor = g.monitor(type="HTTP", delay=1000, max_retries=5)

    def apply(members):
        rig.instance.apply(
            g.graph(id=g.nth(1), listeners=[listener], pools=[(pool, members, monitor)], addresses=[VIP])
        )

    apply([])
    apply([member_of(web, id=g.nth(11))])
    eventually(lambda: statuses(rig) == ["OFFLINE"])
    assert len(web.checks()) == 1
    other = rig.web("w2")
    apply([member_of(web, id=g.nth(11)), member_of(other, id=g.nth(12))])
    eventually(other.checks)
    assert statuses(rig) == ["OFFLINE", "ONLINE"]


# -- administrative states -----------------------------------------------------------------------------------


def test_each_level_can_be_taken_out_of_service(rig):
    web = rig.web("w1")
    pool, monitor = g.pool(), g.monitor(type="HTTP", url_path="/check")
    listener, member = g.listener(default_pool_id=pool.id), member_of(web, id=g.nth(11))
    down = {"admin_state_up": False}

    def apply(*, lb=True, listener=listener, pool=pool, member=member, monitor=monitor):
        other = g.listener(id=g.nth(30), protocol_port=8080)
        rig.instance.apply(
            g.graph(
                id=g.nth(1),
                admin_state_up=lb,
                listeners=[listener, other],
                pools=[(pool, [member], monitor)],
                addresses=[VIP],
            )
        )

    apply()
    assert rig.get() == (200, "w1")
    apply(member=member.model_copy(update=down))
    assert rig.get()[0] == 503
    assert statuses(rig) == ["DISABLED"]
    apply(pool=pool.model_copy(update=down))
    assert rig.get()[0] == 503
    apply(listener=listener.model_copy(update=down))
    with pytest.raises(ConnectionRefusedError):
        rig.get()
    assert rig.get(port=8080)[0] == 503
    apply(lb=False)
    with pytest.raises(ConnectionRefusedError):
        rig.get(port=8080)
    apply(monitor=monitor.model_copy(update=down))
    assert statuses(rig) == ["NO_MONITOR"]
    apply()
    eventually(lambda: ("GET", "/check") in web.checks())
    assert rig.get() == (200, "w1")
    assert statuses(rig) == ["ONLINE"]


def test_two_listeners_may_share_a_pool(rig):
    pool, web = g.pool(), rig.web("w1")
    listeners = [g.listener(default_pool_id=pool.id, protocol_port=port) for port in (80, 81)]
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=listeners, pools=[(pool, [member_of(web)], None)], addresses=[VIP])
    )
    assert [rig.get(port=port) for port in (80, 81)] == [(200, "w1")] * 2

    def counters():
        return rig.instance.observe().listeners.values()

    assert Counter(c.total_connections for c in counters()) == {1: 2}
    # Bytes are counted when the exchange has ended, a moment after the client has its answer.
    eventually(lambda: all(c.bytes_in > 0 < c.bytes_out for c in counters()))


def test_a_request_haproxy_cannot_read_is_counted_as_an_error(rig):
    serve(rig, weights=(1,))
    with rig.socket() as client:
        client.sendall(b"what is this\r\n\r\n")
        assert b" 400 " in client.recv(4096)
        client.shutdown(socket.SHUT_WR)

    def errors():
        (counters,) = rig.instance.observe().listeners.values()
        return counters.request_errors

    eventually(lambda: errors() == 1)
    assert netns.exists(rig.namespace)
