"""What ties a client to a member, in HAProxy's words: lines of a backend, and the type of its table. Pure.

HAProxy 2.6 configuration manual, sections 4.2 ("cookie", "stick-table", "stick on", "use-server") and 7.3.
"""

from collections.abc import Iterator

from evener.dataplane.haproxy.client_map_format import DIGEST, LAST_S
from evener.dataplane.haproxy.errors import unknown
from evener.dataplane.haproxy.model import PEERS
from evener.dataplane.haproxy.paths import clients_file
from evener.dataplane.haproxy.quoting import argument, line
from evener.resources.pool import Pool
from evener.resources.types import PersistenceType

_COOKIE = "SRV"
_KNOWN = "txn.known_server"
_CLIENT = "txn.client"
_ADDRESSES, _COOKIES = "ipv6", "string"  # types of tables
_TABLE = ("size", "10k", "peers", PEERS)


def kind(pool: Pool, *, requests: bool) -> PersistenceType | None:
    """Return what ties clients of `pool` to its members; nothing where it would be a cookie in a stream of bytes.

    `requests` says, here and below, whether the backend is one of requests.
    """
    persistence = pool.session_persistence
    if persistence is None:
        return None
    match persistence.type:
        case PersistenceType.SOURCE_IP:
            return persistence.type
        case PersistenceType.APP_COOKIE:
            return persistence.type if requests and persistence.cookie_name else None
        case PersistenceType.HTTP_COOKIE:
            return persistence.type if requests else None
        case _:
            raise unknown("session persistence", persistence.type)


def table(pool: Pool, *, requests: bool) -> str | None:
    """Return the type of the table in which HAProxy keeps the pool's clients; None where it keeps none."""
    match kind(pool, requests=requests):
        case None | PersistenceType.HTTP_COOKIE:
            return None  # the client's cookie names the server
        case PersistenceType.SOURCE_IP:
            return _ADDRESSES
        case PersistenceType.APP_COOKIE:
            return _COOKIES
        case other:
            raise unknown("session persistence", other)


def lines(pool: Pool, backend: str, *, requests: bool) -> Iterator[str]:
    """Return the lines of the backend of that name that keep clients where they were."""
    match kind(pool, requests=requests):
        case None:
            return
        case PersistenceType.SOURCE_IP:
            yield from _by_address(backend, requests=requests)
        case PersistenceType.APP_COOKIE:
            yield from _by_the_applications_cookie(pool, backend)
        case PersistenceType.HTTP_COOKIE:
            # Values that HAProxy derives from the members' addresses, so that 2.6 takes new members at run time:
            # it refuses `cookie` on a server that it adds.
            yield line("cookie", _COOKIE, "insert", "indirect", "nocache", "dynamic", "httponly")
            # Listeners with TLS and without may share the pool: the cookie goes where it came from, and no further.
            value = (f"^({_COOKIE}=.*)$", r"\1; Secure")
            yield line(
                "http-after-response", "replace-header", "Set-Cookie", *value, "if", "{", "ssl_fc", "}"
            )
            yield line("dynamic-cookie-key", pool.id)
        case other:
            raise unknown("session persistence", other)


def choices(pool: Pool, backend: str, *, requests: bool) -> Iterator[str]:
    """Return the lines that lead clients to where the worker before had them; they stand below all other rules."""
    match kind(pool, requests=requests):
        case None | PersistenceType.HTTP_COOKIE:
            return
        case PersistenceType.SOURCE_IP:
            key = "src"
        case PersistenceType.APP_COOKIE:
            key = f"var({_CLIENT})"
        case other:
            raise unknown("session persistence", other)
    # As long as this one has not met them.
    met = ("!{", f"{key},table_server_id({backend})", "gt", 0, "}")
    yield line("use-server", f"%[var({_KNOWN})]", "if", "{", f"var({_KNOWN})", "-m", "found", "}", *met)


def _by_address(backend: str, *, requests: bool) -> Iterator[str]:
    # An IPv6 table holds IPv4 clients too.
    yield line("stick-table", "type", _ADDRESSES, *_TABLE)
    yield line("stick", "on", "src")
    known = f"src,map_ip({clients_file(backend, _ADDRESSES)})"
    yield line("tcp-request", "content", f"set-var({_KNOWN})", known)
    yield from _last_server(requests=requests)


def _by_the_applications_cookie(pool: Pool, backend: str) -> Iterator[str]:
    """Whole values decide, by a digest of each, which nobody can make two cookies for.

    Clients bring cookies that no member has set since HAProxy began: from before it was started anew.
    """
    name = pool.session_persistence.cookie_name if pool.session_persistence else None
    cookie = f"cook({argument(str(name))})"
    digest = "sha2(256),hex"
    yield line("stick-table", "type", _COOKIES, "len", DIGEST, *_TABLE, "expire", f"{LAST_S}s")
    some = ("if", "{", f"req.{cookie}", "-m", "len", "gt", 0, "}")
    yield line("http-request", f"set-var({_CLIENT})", f"req.{cookie},{digest}", *some)
    yield line("stick", "on", f"var({_CLIENT})")
    yield line("stick", "store-response", f"res.{cookie},{digest}", "if", "{", f"res.{cookie}", *some[3:])
    known = f"var({_CLIENT}),map_str({clients_file(backend, _COOKIES)})"
    yield line("http-request", f"set-var({_KNOWN})", known)
    yield from _last_server(requests=True)


def _last_server(*, requests: bool) -> Iterator[str]:
    if requests:
        # A worker that ends forgets once it has taught; connections it still has stay where they are.
        yield line("option", "prefer-last-server")
