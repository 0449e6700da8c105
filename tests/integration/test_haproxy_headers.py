"""What a listener adds to requests and answers; and what a client writes into its headers decides nothing of that."""

import pytest
from test_haproxy_tls import shake

import haproxy_graphs as g
from haproxy_rig import VIP, Rig, Shop, member_of
from made_certificates import authorities, document, ec_key, make

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


def heard(rig: Rig, shop: Shop, head: str) -> dict[str, str]:
    """Return the headers that a member gets of a request with these."""
    with rig.socket() as client:
        client.sendall(
            f"GET /heard HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{head}\r\n".encode()
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    (headers,) = (headers for web in shop.webs for _, path, headers in web.requests if path == "/heard")
    for web in shop.webs:
        web.requests.clear()
    return headers


@pytest.mark.parametrize("close", ["", ", close"])
def test_no_client_makes_a_member_drop_what_the_load_balancer_adds(rig, close):
    shop = Shop(rig)
    shop.apply()
    names = ["X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Port", "Cookie"]
    headers = heard(rig, shop, f"Connection: {', '.join(names)}{close}\r\nCookie: a=b\r\nX-Other: c\r\n")
    assert {name.lower() for name in names} <= headers.keys()
    assert not set(headers.get("connection", "").lower().split(", ")) & {name.lower() for name in names}


def test_a_client_may_ask_a_member_for_web_sockets_and_not_for_http2_past_the_policies(rig):
    shop = Shop(rig)
    shop.apply()
    headers = heard(rig, shop, "Connection: keep-alive, Upgrade, x-forwarded-for\r\nUpgrade: websocket\r\n")
    assert (headers["upgrade"], headers["connection"].lower()) == ("websocket", "upgrade")
    assert "x-forwarded-for" in headers
    for other in ("h2c", "H2C", "websocket, h2c", "HTTP/2.0", "h2"):
        headers = heard(
            rig, shop, f"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\nUpgrade: {other}\r\n"
        )
        # HAProxy 3.0 takes `h2c` out of a list by itself, and leaves the rest.
        assert headers.get("upgrade") in (None, "websocket" if "websocket" in other else None)
        assert (
            headers.get("connection", "upgrade").lower() == "upgrade"
        )  # to nothing: it names what is not there


FORGED = "".join(
    f"{name}: 6.6.6.6\r\n"
    for name in ("X-Forwarded-For", "x-forwarded-port", "X-Forwarded-Proto", "X-Real-IP", "X-Client-IP")
)
OURS = {
    "X-Forwarded-Port": "80",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-IP": "127.0.0.1",
    "X-Client-IP": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
}


def inserting(rig: Rig, inserted: dict[str, str] | None) -> Shop:
    shop = Shop(rig)
    shop.listener = shop.listener.model_copy(update={"insert_headers": inserted})
    shop.apply()
    return shop


@pytest.mark.parametrize("inserted", [{}, dict.fromkeys(("X-Forwarded-For", *OURS), "false")])
def test_what_nobody_asks_for_is_not_inserted_and_what_a_client_says_passes(rig, inserted):
    shop = inserting(rig, inserted)
    assert not {name for name in heard(rig, shop, "") if name.startswith("x-")}
    assert heard(rig, shop, FORGED)["x-forwarded-proto"] == "6.6.6.6"


@pytest.mark.parametrize("name", OURS)
def test_what_is_inserted_takes_the_place_of_what_a_client_says(rig, name):
    headers = heard(rig, inserting(rig, {name: "true"}), FORGED)
    assert headers[name.lower()] == OURS[name]
    assert {value for key, value in headers.items() if key.startswith("x-") and key != name.lower()} == {
        "6.6.6.6"
    }


def test_the_client_stands_below_those_that_it_names_itself(rig):
    shop = inserting(rig, {"X-Forwarded-For": "true"})
    rig.get(headers={"X-Forwarded-For": "6.6.6.6"})
    (request,) = (each for web in shop.webs for each in web.requests)
    assert request[2]["x-forwarded-for"] == "127.0.0.1"  # the last of them


HSTS = [
    ({}, None),
    ({"hsts_max_age": 0}, "max-age=0"),
    ({"hsts_max_age": 31536000, "hsts_include_subdomains": True}, "max-age=31536000; includeSubDomains"),
    (
        {"hsts_max_age": 5, "hsts_include_subdomains": True, "hsts_preload": True},
        "max-age=5; includeSubDomains; preload",
    ),
]


@pytest.mark.parametrize(("given", "expected"), HSTS)
def test_browsers_are_told_to_come_by_tls_in_every_answer(rig, given, expected):
    _, upper, lower = authorities()
    made = make("a.example.com", ec_key(1), lower, ("a.example.com",))
    listener = g.listener(
        id=g.nth(4),
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_pool_id=g.nth(1),
        default_tls_container_ref="a",
        **given,
    )
    nodes = [(g.pool(id=g.nth(1)), [member_of(rig.web("web"), id=g.nth(10))], None)]
    reject = g.policy(g.rule(value="/no"), listener_id=g.nth(4))
    graph = g.graph(id=g.nth(9), listeners=[listener], pools=nodes, l7policies=[reject], addresses=[VIP])
    rig.instance.apply(g.altered(graph, certificates={"a": document(made, (upper, lower))}))
    said = "" if expected is None else f"\r\nstrict-transport-security: {expected.lower()}\r\n"
    for path, status in (("/", "200"), ("/no", "403")):
        with shake(rig, "a.example.com") as channel:
            channel.sendall(f"GET {path} HTTP/1.1\r\nHost: a.example.com\r\n\r\n".encode())
            answer = channel.recv(65536).decode().lower()
        assert answer.startswith(f"http/1.1 {status}")
        assert said in answer
        assert answer.count("strict-transport-security") == (expected is not None)
