"""What a listener adds to requests and answers, in HAProxy's words. Pure.

What is added takes the place of what a client or a member has sent by that name; but `X-Forwarded-For` stands below the
client's own, as is usual, and is the last. HAProxy 2.6 configuration manual, section 4.2 ("option forwardfor",
"http-request set-header", "http-after-response").
"""

from collections.abc import Iterator, Mapping

from evener.dataplane.haproxy import tls
from evener.dataplane.haproxy.quoting import line
from evener.resources.listener import Listener

_FORWARDED_FOR = "X-Forwarded-For"
_CLIENT = "%[src]"


def _values(listener: Listener) -> Mapping[str, str]:
    """Return what there is to add to requests, by name, as HAProxy's log formats."""
    return {
        "X-Forwarded-Port": str(listener.protocol_port),
        "X-Forwarded-Proto": "https" if tls.terminates(listener) else "http",
        "X-Forwarded-IP": _CLIENT,
        "X-Client-IP": _CLIENT,
        "X-Real-IP": _CLIENT,
    }


def _wanted(listener: Listener) -> frozenset[str]:
    return frozenset(name for name, value in listener.headers.items() if value == "true")


def options(listener: Listener) -> Iterator[str]:
    """Return the options of a frontend that add what users have asked for."""
    if _FORWARDED_FOR in _wanted(listener):
        yield line("option", "forwardfor")


def of_requests(listener: Listener) -> Iterator[str]:
    """Return the rules that add what users have asked for; those of names that nobody knows add nothing."""
    wanted = _wanted(listener)
    for name, value in _values(listener).items():
        if name in wanted:
            yield line("http-request", "set-header", name, value)


def of_answers(listener: Listener) -> Iterator[str]:
    """Return the lines that tell browsers to come by TLS only: RFC 6797 section 6.1; our own answers say so too."""
    if listener.hsts_max_age is None or not tls.terminates(listener):
        return
    directives = [
        f"max-age={listener.hsts_max_age}",
        *(["includeSubDomains"] if listener.hsts_include_subdomains else []),
        *(["preload"] if listener.hsts_preload else []),
    ]
    yield line("http-after-response", "set-header", "Strict-Transport-Security", "; ".join(directives))
