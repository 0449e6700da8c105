"""Listeners of protocol PROMETHEUS: this load balancer's counters as text, and nothing else. Pure, but for its file.

HAProxy's own exporter says them under HAProxy's names, at an abstract socket that only this network namespace has;
`prometheus.lua` asks it there and answers with Octavia's names. Both know one HAProxy, and so one load balancer.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from evener.dataplane.haproxy.quoting import line
from evener.resources.listener import Listener
from evener.resources.types import ListenerProtocol

NAME = "evener-exporter"  # of the frontend, and of its socket; prometheus.lua knows it
FILE = "prometheus.lua"  # HAProxy knows it by this name: it runs in the load balancer's directory
_SERVICE = "lua.metrics"
_MOST_MB = 64  # of memory for what the script does; an answer for 1,000 members takes some 10


@cache
def script() -> str:
    """Return the script."""
    return files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def exports(listener: Listener) -> bool:
    """Return whether `listener` is one of these."""
    return listener.protocol is ListenerProtocol.PROMETHEUS


def global_lines(listeners: Iterable[Listener]) -> Iterator[str]:
    """Return what stands in the section `global` as soon as one of `listeners` is one of these."""
    if any(map(exports, listeners)):
        yield line("tune.lua.maxmem", _MOST_MB)
        yield line("lua-load", FILE)


def section(listeners: Iterable[Listener]) -> tuple[str, ...]:
    """Return the lines of the frontend that the script asks; none where there is no script."""
    if not any(map(exports, listeners)):
        return ()
    return (
        line("bind", f"abns@{NAME}"),
        line("mode", "http"),
        line("http-request", "use-service", "prometheus-exporter"),
    )


def frontend_lines() -> Iterator[str]:
    """Return how a listener answers: to GET /metrics, and to nothing else."""
    yield line("http-request", "deny", "deny_status", "404", "unless", "{", "path", "/metrics", "}")
    yield line("http-request", "deny", "deny_status", "405", "unless", "METH_GET")
    yield line("http-request", "use-service", _SERVICE)
