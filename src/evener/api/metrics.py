"""`/metrics`: a registry in Prometheus's form, for those who may read it. What is in it is not decided here."""

import ipaddress
import threading
from typing import Any

import falcon
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from evener.resources.errors import Forbidden

PATH = "/metrics"
LOCAL, OPEN, OFF = "local", "open", "off"
READERS = (LOCAL, OPEN, OFF)  # the values of `[api] metrics`


class Metrics:
    """Answers scrapes, without a token: Prometheus has none, and where it runs says who it is."""

    def __init__(self, registry: CollectorRegistry, readers: str) -> None:
        self._registry = registry
        self._readers = readers
        self._turn = threading.Lock()  # of ten thousand load balancers, one answer takes 350 MB to make

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answer in the text format, or in OpenMetrics where it is accepted.

        Raises:
            Forbidden: for a request from another machine, where only this one may read.
        """
        # Not Falcon's remote_addr: where the server names no address, that is 127.0.0.1.
        if self._readers != OPEN and not is_loopback(request.env.get("REMOTE_ADDR", "")):
            raise Forbidden("Metrics are read from this machine only; see [api] metrics")
        encode, response.content_type = choose_encoder(request.get_header("Accept") or "")
        with self._turn:
            response.data = encode(self._registry)


def is_loopback(address: str) -> bool:
    """Return whether `address` is in 127.0.0.0/8 or ::1, also when an IPv6 socket says so."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def add_routes(app: falcon.App[Any, Any], registry: CollectorRegistry, readers: str) -> None:
    """Serve `registry` to `readers`, one of READERS; with `off` there is no such path."""
    if readers != OFF:
        app.add_route(PATH, Metrics(registry, readers))
