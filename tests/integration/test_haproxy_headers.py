"""What a client writes into its headers decides neither what a member drops of ours nor what it speaks."""

import pytest

from haproxy_rig import Rig, Shop

pytestmark = pytest.mark.root


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
        assert "upgrade" not in headers
        assert (
            headers.get("connection", "upgrade").lower() == "upgrade"
        )  # to nothing: it names what is not there
