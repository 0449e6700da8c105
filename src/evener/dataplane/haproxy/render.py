"""From a graph to HAProxy's configuration. Pure: the same graph gives the same text, byte for byte.

Every line is made by `quoting.line`; nothing a user typed is written in another way. Names and descriptions
are not written at all: sections and servers are named by ids.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evener.dataplane.haproxy import access, l7, tls
from evener.dataplane.haproxy.clients import LONGEST_KEY
from evener.dataplane.haproxy.model import PEERS, Backend, Config, Frontend, Server
from evener.dataplane.haproxy.paths import Paths, clients_file
from evener.dataplane.haproxy.quoting import argument, line
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph, PoolNode
from evener.resources.healthmonitor import HTTP_TYPES, HealthMonitor
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import LBAlgorithm, ListenerProtocol, MonitorType, PersistenceType, PoolProtocol

# `source` maps clients by consistent hashing, so that a member more or less moves few clients, and because
# HAProxy adds servers at run time only to dynamic algorithms.
_BALANCE: dict[LBAlgorithm, tuple[str, ...]] = {
    LBAlgorithm.ROUND_ROBIN: (line("balance", "roundrobin"),),
    LBAlgorithm.LEAST_CONNECTIONS: (line("balance", "leastconn"),),
    LBAlgorithm.SOURCE_IP: (line("balance", "source"), line("hash-type", "consistent")),
}
_CONNECT_S = 5
COOKIES_LAST = "3h"
# The first checks of all servers come within this many milliseconds, not spread over the whole interval.
_FIRST_CHECKS_MS = 100
LOCAL_PEER = "local"
_KNOWN = "txn.known_server"
_ADDRESSES, _COOKIES = "ipv6", "string"  # types of tables


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
    remembers = any(_table(node.pool) for node in pools.values())
    return Config(
        global_lines=(
            *_global(graph.id, paths, settings),
            *tls.global_lines(listeners),
        ),
        defaults_lines=_defaults(),
        peers_lines=_peers() if remembers else (),
        frontends=tuple(
            Frontend(
                each.id,
                (*_frontend_lines(graph, each, addresses, pools), *_access_lines(each, settings)),
                # Without a limit of its own it has the global one (section 4.2, "maxconn"), which can be set too.
                each.connection_limit if each.connection_limit > 0 else settings.maxconn,
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


def _global(loadbalancer_id: str, paths: Paths, settings: Settings) -> Iterator[str]:
    yield line("user", settings.user)
    yield line("group", settings.group)
    yield line("chroot", str(paths.chroot))
    yield line("maxconn", settings.maxconn)
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


def _defaults() -> tuple[str, ...]:
    return (
        line("timeout", "connect", f"{_CONNECT_S}s"),
        line("timeout", "client", "50s"),
        line("timeout", "server", "50s"),
        # For WebSockets and TCP once both sides talk; half-closed ones are bounded like the others.
        line("timeout", "tunnel", "1h"),
        line("timeout", "client-fin", "50s"),
        line("timeout", "server-fin", "50s"),
        line("timeout", "http-keep-alive", "10s"),
        line("retries", 3),
        line("option", "redispatch"),
        line("load-server-state-from-file", "global"),
    )


def _peers() -> tuple[str, ...]:
    """Let a worker that ends teach the next one which client belongs to which server (section 3.5).

    They meet at an abstract socket: it exists in this network namespace only and has no place in the file
    system, which a worker in its chroot could not reach, nor a port, which a member's address could lead to.
    """
    return (line("peer", LOCAL_PEER, "abns@evener-workers"),)


def _frontend_lines(
    graph: Graph,
    listener: Listener,
    addresses: Iterable[str],
    pools: Mapping[str, PoolNode],
) -> Iterator[str]:
    http = tls.terminates(listener) or listener.protocol is ListenerProtocol.HTTP
    yield line("mode", "http" if http else "tcp")
    for address in addresses:
        yield line("bind", socket_address(address, listener.protocol_port), *tls.bind_words(listener))
    if http:
        # An old worker answers one more request on each connection and says that it closes, instead of closing
        # under a client that is about to ask. The keep-alive timeout bounds how long it waits for that.
        yield line("option", "idle-close-on-response")
        yield line("option", "forwardfor")
        # Policies first: they see a request as the client sent it.
        policies = graph.policies_of(listener.id)
        fitting = {pool_id for pool_id, node in pools.items() if _is_http(node.pool)}
        yield from l7.rules(policies, fitting)
        yield line("http-request", "set-header", "X-Forwarded-Port", listener.protocol_port)
        yield line(
            "http-request", "set-header", "X-Forwarded-Proto", "https" if tls.terminates(listener) else "http"
        )
        yield from l7.choices(policies, fitting)
    if listener.default_pool_id in pools:
        yield line("default_backend", str(listener.default_pool_id))


def _access_lines(listener: Listener, settings: Settings) -> Iterator[str]:
    terminates = tls.terminates(listener)
    if settings.access_log:
        http = terminates or listener.protocol is ListenerProtocol.HTTP
        yield from access.frontend_lines(http=http, tls=terminates)


def socket_address(address: str, port: int) -> str:
    """Return `address` with `port` in HAProxy's form: IPv6 in brackets."""
    # HAProxy itself says what is wrong with what is no address.
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _backend(node: PoolNode) -> Backend:
    return Backend(node.pool.id, tuple(_backend_lines(node)), tuple(_servers(node)), _table(node.pool))


def _backend_lines(node: PoolNode) -> Iterator[str]:
    yield line("mode", "http" if _is_http(node.pool) else "tcp")
    yield line("log", "global")
    yield from _BALANCE[node.pool.lb_algorithm]
    yield from _persistence(node.pool)
    monitor = _monitor(node)
    if monitor is not None and monitor.type is not MonitorType.PING:
        yield line("timeout", "check", f"{monitor.timeout}s")
        if monitor.timeout < _CONNECT_S:  # or opening a connection would take checks longer
            yield line("timeout", "connect", f"{monitor.timeout}s")
        yield line("option", "log-health-checks")  # `checks` reads them
        if monitor.type in HTTP_TYPES:
            yield line("option", "httpchk")
            yield line("http-check", "send", "meth", str(monitor.http_method), "uri", monitor.url_path)
            yield line("http-check", "expect", "status", monitor.expected_codes.replace(" ", ""))


def _is_http(pool: Pool) -> bool:
    return pool.protocol is PoolProtocol.HTTP


def _monitor(node: PoolNode) -> HealthMonitor | None:
    monitor = node.healthmonitor
    return monitor if monitor is not None and monitor.admin_state_up else None


def _table(pool: Pool) -> str | None:
    """Return the type of the table in which HAProxy keeps the pool's clients; None where it keeps none."""
    persistence = pool.session_persistence
    if persistence is None or persistence.type is PersistenceType.HTTP_COOKIE:
        return None  # the client's cookie names the server
    if persistence.type is PersistenceType.SOURCE_IP:
        return _ADDRESSES
    return _COOKIES if _is_http(pool) and persistence.cookie_name else None


def _persistence(pool: Pool) -> Iterator[str]:
    persistence = pool.session_persistence
    if persistence is None:
        return
    table = ("size", "10k", "peers", PEERS)
    if persistence.type is PersistenceType.SOURCE_IP:
        # An IPv6 table holds IPv4 clients too.
        yield line("stick-table", "type", _ADDRESSES, *table)
        yield line("stick", "on", "src")
        known = (
            "tcp-request",
            "content",
            f"set-var({_KNOWN})",
            f"src,map_ip({clients_file(pool.id, _ADDRESSES)})",
        )
        yield from _known_clients(pool, "src", known)
    elif _table(pool):
        cookie = f"cook({argument(str(persistence.cookie_name))})"
        yield line("stick-table", "type", _COOKIES, "len", LONGEST_KEY, *table, "expire", COOKIES_LAST)
        yield line("stick", "store-response", f"res.{cookie}")
        yield line("stick", "match", f"req.{cookie}")
        yield line("stick", "store-request", f"req.{cookie}", "if", "{", f"var({_KNOWN})", "-m", "found", "}")
        file = clients_file(pool.id, _COOKIES)
        named = f"req.{cookie},bytes(0,{LONGEST_KEY}),hex,map_str({file})"
        yield from _known_clients(pool, f"req.{cookie}", ("http-request", f"set-var({_KNOWN})", named))
    elif _is_http(pool):  # there are no cookies in a stream of bytes
        # Values that HAProxy derives from the members' addresses, so that 2.6 takes new members at run time:
        # it refuses `cookie` on a server that it adds.
        yield line("cookie", "SRV", "insert", "indirect", "nocache", "dynamic")
        yield line("dynamic-cookie-key", pool.id)


def _known_clients(pool: Pool, key: str, known: tuple[str, ...]) -> Iterator[str]:
    """Keep clients where the worker before had them, as long as this one has not met them."""
    yield line(*known)
    met = ("!{", f"{key},table_server_id({pool.id})", "gt", 0, "}")
    if _is_http(pool):
        # A worker that ends forgets once it has taught; connections it still has stay where they are.
        yield line("option", "prefer-last-server")
    yield line("use-server", f"%[var({_KNOWN})]", "if", "{", f"var({_KNOWN})", "-m", "found", "}", *met)


def _servers(node: PoolNode) -> Iterator[Server]:
    persistence = node.pool.session_persistence
    cookie = (
        persistence is not None and persistence.type is PersistenceType.HTTP_COOKIE and _is_http(node.pool)
    )
    monitor = _monitor(node)
    pinged = monitor is not None and monitor.type is MonitorType.PING
    options = () if monitor is None or pinged else tuple(_check(monitor))
    numbers = _numbers(node.members)
    for member in sorted(node.members, key=lambda each: each.id):
        yield Server(
            name=member.id,
            address=socket_address(member.address, member.protocol_port),
            number=numbers[member.id],
            weight=member.weight,
            enabled=member.admin_state_up,
            checked=monitor is not None and not pinged,
            pinged=pinged,
            cookie=cookie,
            options=options,
        )


def _check(monitor: HealthMonitor) -> Iterator[str]:
    yield from ("check", "inter", f"{monitor.delay}s", "fall", str(monitor.fall), "rise", str(monitor.rise))
    if monitor.type is MonitorType.HTTPS:
        yield from ("check-ssl", "verify", "none")


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
