"""From a graph to HAProxy's configuration. Pure: the same graph gives the same text, byte for byte.

Every line is made by `quoting.line`; nothing a user typed is written in another way. Names and descriptions
are not written at all: sections and servers are named by ids.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path

from evener.dataplane.haproxy import (
    access,
    client_certificates,
    connection_limits,
    exporter,
    headers,
    l7,
    monitors,
    peers,
    persistence,
    timeouts,
    tls,
    tls_members,
    uses,
)
from evener.dataplane.haproxy.errors import unknown
from evener.dataplane.haproxy.model import Asked, Backend, Bind, Config, Frontend, Server, socket_address
from evener.dataplane.haproxy.modes import mode, reads_requests
from evener.dataplane.haproxy.monitors import Place
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.quoting import line
from evener.dataplane.haproxy.settings import Settings
from evener.dataplane.haproxy.uses import Use
from evener.resources.graph import Graph
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.types import LBAlgorithm, MonitorType, PersistenceType, PoolProtocol

# The first checks of all servers come within this many milliseconds, not spread over the whole interval.
_FIRST_CHECKS_MS = 100


def render(graph: Graph, directory: Path, settings: Settings) -> Config:
    """Return the configuration that serves `graph` from `directory`; no frontends where nothing is to serve.

    Raises:
        Unrenderable: for text that no file can hold.
    """
    listeners = served(graph)
    if not listeners:
        return Config()
    users = uses.listeners_by_pool(graph, listeners)
    found = [
        each
        for node in graph.pools
        if node.pool.admin_state_up and tls_members.servable(graph, node.pool)
        for each in uses.of_pool(node, users.get(node.pool.id, ()))
    ]
    paths = Paths(directory)
    addresses = [fixed_ip.address for fixed_ip in graph.vip_port.fixed_ips]
    most = connection_limits.of_process(graph, listeners, settings)
    remembers = any(persistence.table(each.node.pool, requests=each.requests) for each in found)
    return Config(
        global_lines=(
            *_global(graph, paths, settings, most),
            *tls.global_lines(listeners, [each.node.pool for each in found]),
            *exporter.global_lines(listeners),
        ),
        defaults_lines=tuple(_defaults(settings)),
        peers_lines=peers.lines(graph) if remembers else (),
        frontends=tuple(
            Frontend(
                each.id,
                tuple(Bind(address, each.protocol_port, tls.bind_words(each)) for address in addresses),
                tuple(_frontend_lines(graph, each, uses.by_pool(found, each), settings)),
                connection_limits.of_listener(each, settings, most),
                tls.certificates(graph, each),
                tls.clients_trust(graph, each),
            )
            for each in sorted(listeners, key=lambda one: one.id)
        ),
        backends=tuple(
            _backend(graph, each, monitors.host(addresses))
            for each in sorted(found, key=lambda one: one.name)
        ),
        exporter_lines=exporter.section(listeners),
    )


def served(graph: Graph) -> list[Listener]:
    """Return the listeners that are in service; one whose certificate nobody could read is left out."""
    if not graph.loadbalancer.admin_state_up:
        return []
    return [each for each in graph.listeners if each.admin_state_up and tls.servable(graph, each)]


def _global(graph: Graph, paths: Paths, settings: Settings, most: int) -> Iterator[str]:
    balancer = graph.loadbalancer
    if balancer.failovers:  # another text, so another worker
        yield line("description", f"failover {balancer.failovers}")
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
    yield line("log-tag", balancer.id)
    yield line("localpeer", peers.own_name(graph))
    yield line("server-state-file", str(paths.state))
    # We use no client inside HAProxy; without this it reads all of the system's certificates at each start.
    yield line("httpclient.ssl.verify", "none")


def _defaults(settings: Settings) -> Iterator[str]:
    yield from timeouts.defaults(settings)
    yield line("retries", 3)
    yield line("option", "redispatch")
    yield line("option", "contstats")  # else a connection counts its bytes when it ends
    # In every pool, so that the first backup member comes at run time.
    yield line("option", "allbackups")
    yield line("load-server-state-from-file", "global")


def _frontend_lines(
    graph: Graph, listener: Listener, backends: Mapping[str, str], settings: Settings
) -> Iterator[str]:
    """Return a listener's lines; `backends` are the names of those that are for it, by the ids of their pools."""
    http = reads_requests(listener)
    yield line("mode", mode(requests=http))
    yield from timeouts.of_frontend(listener, settings)
    if exporter.exports(listener):
        yield from exporter.frontend_lines()
    elif http:
        # An old worker answers one more request on each connection and says that it closes, instead of closing
        # under a client that is about to ask. The keep-alive timeout bounds how long it waits for that.
        yield line("option", "idle-close-on-response")
        yield from headers.options(listener)
        # Policies first: they see a request as the client sent it.
        policies = graph.policies_of(listener.id)
        yield from l7.rules(policies, backends, default_port=443 if tls.terminates(listener) else 80)
        # Then what looks through all headers: before ours are added, there are fewer.
        yield from _hop_by_hop()
        yield from headers.of_requests(listener)
        yield from client_certificates.header_lines(listener)
        yield from headers.of_answers(listener)
        yield from l7.choices(policies, backends)
    if listener.default_pool_id in backends:
        yield line("default_backend", backends[str(listener.default_pool_id)])
    if settings.access_log:
        yield from access.frontend_lines(http=http, tls=tls.terminates(listener))


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


def _backend(graph: Graph, use: Use, host: str) -> Backend:
    """Return a backend; health checks that have to name a host name `host`."""
    monitor = monitors.in_service(use.node)
    return Backend(
        use.name,
        tuple(_backend_lines(use, host)),
        tuple(_servers(graph, use)),
        persistence.table(use.node.pool, requests=use.requests),
        Asked() if monitor is None else Asked(monitor.type.value, monitor.expected_codes),
        tls_members.files(graph, use.node.pool),
    )


def _backend_lines(use: Use, host: str) -> Iterator[str]:
    yield line("mode", mode(requests=use.requests))
    yield line("log", "global")
    yield from _balance(use.node.pool.lb_algorithm)
    yield from persistence.lines(use.node.pool, use.name, requests=use.requests)
    yield from timeouts.of_backend(use.listeners, requests=use.requests)
    yield from persistence.choices(use.node.pool, use.name, requests=use.requests)
    monitor = monitors.in_service(use.node)
    if monitor is not None:
        yield from monitors.lines(monitor, use.node.pool, host, timeouts.connect_ms(use.listeners))


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
            yield line("tcp-request", "content", "set-var(txn.source_port)", "src_port")
            yield line("balance", "hash", "src,concat(:,txn.source_port)")
            yield line("hash-type", "consistent")
        case _:
            raise unknown("algorithm", algorithm)


def _servers(graph: Graph, use: Use) -> Iterator[Server]:
    monitor = monitors.in_service(use.node)
    numbers = _numbers(use.node.members)
    cookie = persistence.kind(use.node.pool, requests=use.requests) is PersistenceType.HTTP_COOKIE
    pinged = monitor is not None and monitor.type is MonitorType.PING
    options: dict[tuple[Place, bool], tuple[str, ...]] = {}  # of which members mostly have the same
    for member in sorted(use.node.members, key=attrgetter("id")):
        kind = (monitors.place(member), member.backup)
        if kind not in options:
            options[kind] = tuple(_options(graph, use, *kind))
        yield Server(
            name=member.id,
            address=socket_address(member.address, member.protocol_port),
            number=numbers[member.id],
            weight=member.weight,
            enabled=member.admin_state_up,
            checked=monitor is not None and not pinged,
            pinged=pinged,
            cookie=cookie,
            options=options[kind],
        )


def _options(graph: Graph, use: Use, place: Place, backup: bool) -> Iterator[str]:  # noqa: FBT001
    """Return the further words of a member that is asked at `place`, and may be for when no other is there."""
    yield from tls_members.words(graph, use.node.pool, requests=use.requests)
    yield from monitors.words(monitors.in_service(use.node), place, use.node.pool, requests=use.requests)
    yield from _proxy_words(use)
    if backup:
        yield "backup"


def _proxy_words(use: Use) -> tuple[str, ...]:
    """Return how members are told who the client is, by the protocol of the same name."""
    match use.node.pool.protocol:
        case PoolProtocol.PROXY:
            return ("send-proxy",)
        case PoolProtocol.PROXYV2 if any(map(tls.terminates, use.listeners)):
            return ("send-proxy-v2-ssl-cn",)
        case PoolProtocol.PROXYV2:
            return ("send-proxy-v2",)
        case _:
            return ()


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
