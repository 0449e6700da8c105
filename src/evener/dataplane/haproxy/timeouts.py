"""How long nothing may happen, in HAProxy's words: lines of the defaults, of a frontend and of a backend. Pure.

What listeners say of members is asked of backends, and a pool may serve several listeners: where HAProxy can tell them
apart, each has its own; where it cannot, what lasts longest holds, so that no connection ends before its listener says.
HAProxy 2.6 configuration manual, section 4.2 ("timeout *", "http-request set-timeout", "tcp-request inspect-delay").
"""

from collections.abc import Iterator, Sequence

from evener.dataplane.haproxy.quoting import line
from evener.dataplane.haproxy.settings import Settings
from evener.resources.listener import Listener

CONNECT_MS = 5_000
_DATA_MS = 50_000
_KEEP_ALIVE_MS = 10_000


def _client_ms(listener: Listener) -> int:
    return listener.timeout_client_data or _DATA_MS


def _member_ms(listener: Listener) -> int:
    return listener.timeout_member_data or _DATA_MS


def connect_ms(listeners: Sequence[Listener]) -> int:
    """Return how long it may take to connect to a member of the pool that these listeners lead to."""
    return max((each.timeout_member_connect or CONNECT_MS for each in listeners), default=CONNECT_MS)


def defaults(settings: Settings) -> Iterator[str]:
    """Return what holds where no listener says otherwise."""
    yield line("timeout", "connect", f"{CONNECT_MS // 1000}s")
    yield line("timeout", "client", f"{_DATA_MS // 1000}s")
    yield line("timeout", "server", f"{_DATA_MS // 1000}s")
    # For WebSockets and TCP once both sides talk; half-closed ones are bounded like the others.
    yield line("timeout", "tunnel", "1h")
    yield line("timeout", "client-fin", "50s")
    yield line("timeout", "server-fin", "50s")
    # Both from their first byte to the last, or a byte now and then would hold a connection for ever.
    yield line("timeout", "http-request", f"{settings.request_timeout_s}s")
    if settings.bounds_handshakes:  # else `timeout client` does
        yield line("timeout", "client-hs", f"{settings.handshake_timeout_s}s")
    yield line("timeout", "http-keep-alive", f"{_KEEP_ALIVE_MS // 1000}s")


def of_frontend(listener: Listener, settings: Settings) -> Iterator[str]:
    """Return the lines of a listener's frontend."""
    client_ms = _client_ms(listener)
    if client_ms != _DATA_MS:
        yield line("timeout", "client", f"{client_ms}ms")
        yield line("timeout", "client-fin", f"{client_ms}ms")
    # These take the place of the other between requests, and within the head of one.
    if client_ms < _KEEP_ALIVE_MS:
        yield line("timeout", "http-keep-alive", f"{client_ms}ms")
    if client_ms < settings.request_timeout_s * 1000:
        yield line("timeout", "http-request", f"{client_ms}ms")
    if listener.timeout_tcp_inspect:
        yield line("tcp-request", "inspect-delay", f"{listener.timeout_tcp_inspect}ms")


def of_backend(listeners: Sequence[Listener], *, requests: bool) -> Iterator[str]:
    """Return the lines of the backend that these listeners lead to; `requests` says whether it is one of requests."""
    longest_ms = max((_member_ms(each) for each in listeners), default=_DATA_MS)
    if connect_ms(listeners) != CONNECT_MS:
        yield line("timeout", "connect", f"{connect_ms(listeners)}ms")
    if longest_ms != _DATA_MS:
        yield line("timeout", "server", f"{longest_ms}ms")
        yield line("timeout", "server-fin", f"{longest_ms}ms")
    # What somebody has set holds for WebSockets and TCP as well: 0 leaves them to the timeouts of the two ends.
    own = [each for each in listeners if {_client_ms(each), _member_ms(each)} != {_DATA_MS}]
    if own and len(own) == len(listeners):
        yield line("timeout", "tunnel", 0)
    if not requests:
        return
    for each in listeners:
        of_this = ("if", "{", "fe_name", "-m", "str", each.id, "}")
        if _member_ms(each) != longest_ms:
            yield line("http-request", "set-timeout", "server", f"{_member_ms(each)}ms", *of_this)
        if each in own and len(own) != len(listeners):
            tunnel_ms = max(_client_ms(each), _member_ms(each))
            yield line("http-request", "set-timeout", "tunnel", f"{tunnel_ms}ms", *of_this)
