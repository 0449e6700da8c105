"""From a graph to HAProxy's configuration. Pure: the same graph gives the same text, byte for byte.

Every line is made by `quoting.line`; nothing a user typed is written in another way. Names and descriptions
are not written at all: sections and servers are named by ids.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evener.dataplane.haproxy import access, connection_limits, l7, persistence, tls
from evener.dataplane.haproxy.errors import unknown, unserved
from evener.dataplane.haproxy.model import Asked, Backend, Bind, Config, Frontend, Server, socket_address
from evener.dataplane.haproxy.modes import mode, reads_requests, sends_requests
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.quoting import line
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph, PoolNode
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.types import LBAlgorithm, MonitorType, PersistenceType

_CONNECT_S = 5
# The first checks of all servers come within this many milliseconds, not spread over the whole interval.
_FIRST_CHECKS_MS = 100
LOCAL_PEER = "local"


def render(graph: Graph, directory: Path, settings: Settings) -> Config:
    """Return the configuration that serves `graph` from `directory`; no frontends where nothing is to serve.

    Raises:
        Unrenderable: for text that no file can hold.
    """
    listeners = served(graph)
    if not listeners:
        return Config()
    pools = {pool_id: node for pool_id, node in graph.pools_by_id.items() if node.pool.admin_state_up}
    paths = Paths(directory)
    addresses = [fixed_ip.address for fixed_ip in graph.vip_port.fixed_ips]
    most = connection_limits.of_process(graph, listeners, settings)
    remembers = any(persistence.table(node.pool) for node in pools.values())
    return Config(
        global_lines=(
            *_global(graph.id, paths, settings, most),
            *tls.global_lines(listeners),
        ),
        defaults_lines=tuple(_defaults(settings)),
        peers_lines=_peers() if remembers else (),
        frontends=tuple(
            Frontend(
                each.id,
                tuple(Bind(address, each.protocol_port, tls.bind_words(each)) for address in addresses),
                (*_frontend_lines(graph, each, pools), *_access_lines(each, settings)),
                connection_limits.of_listener(each, settings, most),
                tls.certificates(graph, each),
            )
            for each in sorted(listeners, key=lambda one: one.id)
        ),
        backends=tuple(_backend(pools[pool_id]) for pool_id in sorted(pools)),
    )


def served(graph: Graph) -> list[Listener]:
    """Return the listeners that are in service; one whose certificate nobody could read is left out."""
    if not graph.loadbalancer.admin_state_up:
        return []
    return [each for each in graph.listeners if each.admin_state_up and tls.servable(graph, each)]


def _global(loadbalancer_id: str, paths: Paths, settings: Settings, most: int) -> Iterator[str]:
    yield line("user", settings.user) if settings.uid is None else line("uid", settings.uid)
    yield line("group", settings.group)
    yield line("chroot", str(paths.chroot))
    yield line("maxconn", most)
    if settings.nbthread:
        yield line("nbthread", settings.nbthread)
    yield line("hard-stop-after", f"{settings.hard_stop_after_s}s")
    yield line("max-spread-checks", _FIRST_CHECKS_MS)
    # Relative to the process' directory: HAProxy takes no address of more than 97 bytes.
    address = f"unix@{paths.socket.name}"
    yield line("stats", "socket", address, "mode", "600", "level", "admin", "expose-fd", "listeners")
    # Seen from inside the chroot. Backends log their servers' changes there; frontends log what they serve elsewhere.
    yield line("log", "/" + paths.log_socket.name, "local0", "notice")
    yield line("log-tag", loadbalancer_id)
    yield line("localpeer", LOCAL_PEER)
    yield line("server-state-file", str(paths.state))
    # We use no client inside HAProxy; without this it reads all of the system's certificates at each start.
    yield line("httpclient.ssl.verify", "none")


def _defaults(settings: Settings) -> Iterator[str]:
    yield line("timeout", "connect", f"{_CONNECT_S}s")
    yield line("timeout", "client", "50s")
    yield line("timeout", "server", "50s")
    # For WebSockets and TCP once both sides talk; half-closed ones are bounded like the others.
    yield line("timeout", "tunnel", "1h")
    yield line("timeout", "client-fin", "50s")
    yield line("timeout", "server-fin", "50s")
    # Both from their first byte to the last, or a byte now and then would hold a connection for ever.
    yield line("timeout", "http-request", f"{settings.request_timeout_s}s")
    if settings.bounds_handshakes:  # else `timeout client` does
        yield line("timeout", "client-hs", f"{settings.handshake_timeout_s}s")
    yield line("timeout", "http-keep-alive", "10s")
    yield line("retries", 3)
    yield line("option", "redispatch")
    yield line("option", "contstats")  # else a connection counts its bytes when it ends
    yield line("load-server-state-from-file", "global")


def _peers() -> tuple[str, ...]:
    """Let a worker that ends teach the next one which client belongs to which server (section 3.5).

    They meet at an abstract socket: it exists in this network namespace only and has no place in the file
    system, which a worker in its chroot could not reach, nor a port, which a member's address could lead to.
    """
    return (line("peer", LOCAL_PEER, "abns@evener-workers"),)


def _frontend_lines(graph: Graph, listener: Listener, pools: Mapping[str, PoolNode]) -> Iterator[str]:
    http = reads_requests(listener)
    yield line("mode", mode(requests=http))
    if http:
        # An old worker answers one more request on each connection and says that it closes, instead of closing
        # under a client that is about to ask. The keep-alive timeout bounds how long it waits for that.
        yield line("option", "idle-close-on-response")
        yield line("option", "forwardfor")
        # Policies first: they see a request as the client sent it.
        policies = graph.policies_of(listener.id)
        fitting = {pool_id for pool_id, node in pools.items() if sends_requests(node.pool)}
        yield from l7.rules(policies, fitting, default_port=443 if tls.terminates(listener) else 80)
        yield line("http-request", "set-header", "X-Forwarded-Port", listener.protocol_port)
        yield line(
            "http-request", "set-header", "X-Forwarded-Proto", "https" if tls.terminates(listener) else "http"
        )
        yield from _hop_by_hop()
        yield from l7.choices(policies, fitting)
    if listener.default_pool_id in pools:
        yield line("default_backend", str(listener.default_pool_id))


def _hop_by_hop() -> Iterator[str]:
    """Let no client say what a member is to drop or to speak: it would drop what we add, or never hear our rules.

    RFC 9110 section 7.6.1, RFC 9113 section 3.1: `h2c` is obsolete. What is asked first is false for most requests, and
    each condition looks through all headers.
    """
    old = ("{", "req.hdr(Upgrade)", "-i", "-m", "beg", "h2", "http", "}")
    connection = ("{", "req.hdr(Connection)", "-m", "found", "}")
    upgrade = ("!{", "req.hdr(Connection)", "-i", "-m", "str", "upgrade", "}")
    yield line("http-request", "del-header", "Upgrade", "if", *old)
    yield line("http-request", "del-header", "Connection", "if", *connection, *upgrade)
    yield line("http-request", "set-header", "Connection", "upgrade", "if", *connection)


def _access_lines(listener: Listener, settings: Settings) -> Iterator[str]:
    if settings.access_log:
        yield from access.frontend_lines(http=reads_requests(listener), tls=tls.terminates(listener))


def _backend(node: PoolNode) -> Backend:
    monitor = _monitor(node)
    return Backend(
        node.pool.id,
        tuple(_backend_lines(node)),
        tuple(_servers(node)),
        persistence.table(node.pool),
        Asked() if monitor is None else Asked(monitor.type.value, monitor.expected_codes),
    )


def _backend_lines(node: PoolNode) -> Iterator[str]:
    yield line("mode", mode(requests=sends_requests(node.pool)))
    yield line("log", "global")
    yield from _balance(node.pool.lb_algorithm)
    yield from persistence.lines(node.pool)
    monitor = _monitor(node)
    if monitor is not None:
        yield from _check_lines(monitor)


def _balance(algorithm: LBAlgorithm) -> Iterator[str]:
    match algorithm:
        case LBAlgorithm.ROUND_ROBIN:
            yield line("balance", "roundrobin")
        case LBAlgorithm.LEAST_CONNECTIONS:
            yield line("balance", "leastconn")
        case LBAlgorithm.SOURCE_IP:
            # By consistent hashing, so that a member more or less moves few clients, and because HAProxy adds
            # servers at run time only to dynamic algorithms.
            yield line("balance", "source")
            yield line("hash-type", "consistent")
        case LBAlgorithm.SOURCE_IP_PORT:
            raise unserved("algorithm", algorithm)
        case _:
            raise unknown("algorithm", algorithm)


def _monitor(node: PoolNode) -> HealthMonitor | None:
    monitor = node.healthmonitor
    return monitor if monitor is not None and monitor.admin_state_up else None


def _check_lines(monitor: HealthMonitor) -> Iterator[str]:
    """Return how members are asked, in the lines of the backend."""
    match monitor.type:
        case MonitorType.PING:  # HAProxy is told
            return
        case MonitorType.TCP | MonitorType.HTTP | MonitorType.HTTPS:
            yield line("timeout", "check", f"{monitor.timeout}s")
            if monitor.timeout < _CONNECT_S:  # or opening a connection would take checks longer
                yield line("timeout", "connect", f"{monitor.timeout}s")
            yield line("option", "log-health-checks")  # `checks` reads them
        case MonitorType.TLS_HELLO | MonitorType.UDP_CONNECT | MonitorType.SCTP:
            raise unserved("type of a health monitor", monitor.type)
        case _:
            raise unknown("type of a health monitor", monitor.type)
    if monitor.type is not MonitorType.TCP:
        yield line("option", "httpchk")
        yield line("http-check", "send", "meth", str(monitor.http_method), "uri", monitor.url_path)
        yield line("http-check", "expect", "status", monitor.expected_codes.replace(" ", ""))


def _check_words(monitor: HealthMonitor | None) -> tuple[str, ...]:
    """Return how members are asked, in the words of a server's line; none where HAProxy does not ask."""
    if monitor is None or monitor.type is MonitorType.PING:
        return ()
    words = ("check", "inter", f"{monitor.delay}s", "fall", str(monitor.fall), "rise", str(monitor.rise))
    tls_words = ("check-ssl", "verify", "none") if monitor.type is MonitorType.HTTPS else ()
    return (*words, *tls_words)


def _servers(node: PoolNode) -> Iterator[Server]:
    monitor = _monitor(node)
    words = _check_words(monitor)
    numbers = _numbers(node.members)
    cookie = persistence.kind(node.pool) is PersistenceType.HTTP_COOKIE
    for member in sorted(node.members, key=lambda each: each.id):
        yield Server(
            name=member.id,
            address=socket_address(member.address, member.protocol_port),
            number=numbers[member.id],
            weight=member.weight,
            enabled=member.admin_state_up,
            checked=bool(words),
            pinged=monitor is not None and not words,
            cookie=cookie,
            options=words,
        )


def _numbers(members: Iterable[Member]) -> dict[str, int]:
    """Give each member a number that its neighbours do not change: consistent hashing starts from it."""
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for member_id in sorted(member.id for member in members):
        number = (zlib.crc32(member_id.encode(errors="replace")) & 0x7FFFFFFF) or 1
        while number in taken:
            number = number % 0x7FFFFFFF + 1
        taken.add(number)
        numbers[member_id] = number
    return numbers
