"""How members are asked whether they are well, in HAProxy's words: lines of a backend, words of its servers. Pure.

HAProxy 2.6 configuration manual, sections 4.2 ("http-check send", "option ssl-hello-chk", "timeout check") and 5.2
("addr", "check", "check-alpn", "check-sni", "check-ssl", "inter", "port").
"""

from collections.abc import Iterator, Sequence

from evener.dataplane.haproxy import timeouts
from evener.dataplane.haproxy.errors import unknown, unserved
from evener.dataplane.haproxy.quoting import line
from evener.resources.graph import PoolNode
from evener.resources.healthmonitor import HTTP_TYPES, HealthMonitor
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import MonitorType, PoolProtocol

Place = tuple[str, ...]  # words that say where else a member is asked than where its traffic goes
_TOLD_THE_CLIENT = frozenset({PoolProtocol.PROXY, PoolProtocol.PROXYV2})


def in_service(node: PoolNode) -> HealthMonitor | None:
    """Return the monitor of a pool, unless it is out of service."""
    monitor = node.healthmonitor
    return monitor if monitor is not None and monitor.admin_state_up else None


def host(addresses: Sequence[str]) -> str:
    """Return what a request names as its host that is told none: the load balancer, by its first address."""
    first = next(iter(addresses), "localhost")
    return f"[{first}]" if ":" in first else first


def lines(monitor: HealthMonitor, pool: Pool, host_name: str, connect_ms: int) -> Iterator[str]:
    """Return the lines of a backend; a request that has to name a host, and is told none, names `host_name`.

    `connect_ms` is how long the opening of a connection may take by what listeners say.
    """
    match monitor.type:
        case MonitorType.PING:  # HAProxy is told
            return
        case MonitorType.TCP | MonitorType.HTTP | MonitorType.HTTPS | MonitorType.TLS_HELLO:
            yield line("timeout", "check", f"{monitor.timeout_s}s")
            if connect_ms == timeouts.CONNECT_MS and monitor.timeout_s * 1000 < connect_ms:
                # Or opening a connection would take checks longer.
                yield line("timeout", "connect", f"{monitor.timeout_s}s")
            yield line("option", "log-health-checks")  # `checks` reads them
        case MonitorType.UDP_CONNECT | MonitorType.SCTP:
            raise unserved("type of a health monitor", monitor.type)
        case _:
            raise unknown("type of a health monitor", monitor.type)
    if monitor.type is MonitorType.TLS_HELLO:
        if pool.tls_enabled:
            return  # a whole handshake is made
        # The beginning of a handshake, which says nothing of clients' certificates; an alert is an answer as well.
        yield line("option", "ssl-hello-chk")
    elif monitor.type is not MonitorType.TCP:
        yield line("option", "httpchk")
        request = ("meth", str(monitor.http_method), "uri", monitor.url_path, *_version(monitor, host_name))
        yield line("http-check", "send", *request)
        yield line("http-check", "expect", "status", monitor.expected_codes.replace(" ", ""))


def _version(monitor: HealthMonitor, host_name: str) -> tuple[str, ...]:
    """Return the version of a request, and its host: RFC 9112 section 3.2 asks for one in HTTP/1.1."""
    if monitor.http_version is None:
        return ()
    name = monitor.domain_name or (host_name if monitor.http_version == "1.1" else None)
    return ("ver", f"HTTP/{monitor.http_version}", *(() if name is None else ("hdr", "Host", name)))


def place(member: Member) -> Place:
    """Return where a member is asked, where that is not where its traffic goes."""
    address, port = member.monitor_address, member.monitor_port
    if address is None and port is None:  # as mostly
        return ()
    at = () if address is None else ("addr", f"[{address}]" if ":" in address else address)
    return at if port is None else (*at, "port", str(port))


def words(monitor: HealthMonitor | None, at: Place, pool: Pool, *, requests: bool) -> tuple[str, ...]:
    """Return the words of the line of a server that is asked `at` that place; none where HAProxy does not ask.

    `requests` says whether the member is sent requests, and not a stream of bytes.
    """
    if monitor is None or monitor.type is MonitorType.PING:
        return ()
    how_often = (
        "check",
        "inter",
        f"{monitor.delay_s}s",
        "fall",
        str(monitor.fall),
        "rise",
        str(monitor.rise),
    )
    return (
        *how_often,
        *_tls_words(monitor, at, pool, requests=requests),
        *at,
        *_proxy_words(at, pool),
    )


def _proxy_words(elsewhere: Place, pool: Pool) -> tuple[str, ...]:
    """Return the word for a check that says who asks, as traffic does, where it goes where traffic goes.

    HAProxy does so by itself for servers in a file, and not for those that come at run time.
    """
    return ("check-send-proxy",) if pool.protocol in _TOLD_THE_CLIENT and not elsewhere else ()


def _tls_words(monitor: HealthMonitor, elsewhere: Place, pool: Pool, *, requests: bool) -> Iterator[str]:
    """Return the words for a check by TLS: of a monitor that says so, or where traffic goes by TLS.

    HAProxy does the latter by itself for servers in a file, and not for those that come at run time.
    """
    if monitor.type is not MonitorType.HTTPS and not (
        pool.tls_enabled and (not elsewhere or monitor.type is MonitorType.TLS_HELLO)
    ):
        return
    yield "check-ssl"
    if not pool.tls_enabled:  # else it says whom it trusts
        yield from ("verify", "none")
    if monitor.type in HTTP_TYPES and requests and pool.tls_enabled and pool.alpn_protocols:
        yield from ("check-alpn", "http/1.1")  # what is asked is said in HTTP/1
    if monitor.domain_name is not None:
        yield from ("check-sni", monitor.domain_name)
