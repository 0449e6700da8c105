"""Which of HAProxy's two modes a protocol is served in: requests (`http`) or a stream of bytes (`tcp`). Pure."""

from collections.abc import Iterable

from evener.dataplane.haproxy.errors import unknown, unserved
from evener.resources.listener import Listener
from evener.resources.pool import Pool
from evener.resources.types import ListenerProtocol, PoolProtocol

# Those of listeners and pools that HAProxy carries; each has a mode below.
PROTOCOLS: frozenset[str] = frozenset(
    {
        *(ListenerProtocol.TCP, ListenerProtocol.HTTP, ListenerProtocol.HTTPS),
        *(ListenerProtocol.TERMINATED_HTTPS, ListenerProtocol.PROMETHEUS),
        *(PoolProtocol.TCP, PoolProtocol.HTTP, PoolProtocol.HTTPS),
        *(PoolProtocol.PROXY, PoolProtocol.PROXYV2),
    }
)


def reads_requests(listener: Listener) -> bool:
    """Return whether HAProxy sees the requests of clients of `listener`."""
    match listener.protocol:
        case ListenerProtocol.HTTP | ListenerProtocol.TERMINATED_HTTPS | ListenerProtocol.PROMETHEUS:
            return True
        case ListenerProtocol.TCP | ListenerProtocol.HTTPS:
            return False
        case ListenerProtocol.UDP | ListenerProtocol.SCTP:
            raise unserved("protocol of a listener", listener.protocol)
        case _:
            raise unknown("protocol of a listener", listener.protocol)


def sends_requests(pool: Pool, listeners: Iterable[Listener]) -> bool:
    """Return whether HAProxy sends requests, and not a stream of bytes, to members of `pool`, for these listeners.

    What follows a PROXY header is what the listener reads.
    """
    match pool.protocol:
        case PoolProtocol.HTTP:
            return True
        case PoolProtocol.TCP | PoolProtocol.HTTPS:
            return False
        case PoolProtocol.PROXY | PoolProtocol.PROXYV2:
            return any(reads_requests(each) for each in listeners)
        case PoolProtocol.UDP | PoolProtocol.SCTP:
            raise unserved("protocol of a pool", pool.protocol)
        case _:
            raise unknown("protocol of a pool", pool.protocol)


def mode(*, requests: bool) -> str:
    """Return HAProxy's word."""
    return "http" if requests else "tcp"
